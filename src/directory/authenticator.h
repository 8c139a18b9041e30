// Between a SASL exchange and the directory. A session does, for each attempt:
//   step = server.start(...);                         as long as it is NeedLookup:
//   wait admit(attempt, lookup) micros on a timer;    does not block
//   answer = lookup(attempt, lookup);                 blocks: directory pool
//   step = server.resume(answer);                     and at the end
//   finish(attempt, success) or refused(attempt, failure)      neither blocks
// An Attempt belongs to one exchange and moves with it; the Authenticator is thread safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/app_passwords.h"
#include "directory/directory.h"
#include "directory/failure_delays.h"
#include "directory/grants.h"
#include "directory/mechanisms/mechanisms.h"
#include "directory/names.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

// Who has come in, and whose mail is opened: nearly always the same account.
struct Identity {
  AccountId account;  // whose mail; so the names and settings below
  std::string login_name;
  std::string primary_address;
  std::string mechanism;  // "SCRAM-SHA-256", "PLAIN", "LOGIN" (mechanism or command)
  Quota quota;
  bool admin = false;
  bool read_only = false;    // nothing may be changed, by the app password or by the grant
  std::string app_password;  // the label of the one that was used; empty: none
  std::vector<std::string> hidden_capabilities;
  std::vector<std::string> extra_capabilities;
  AccountId actor;                  // who has come in: `account`, or one that has a grant on it
  std::string actor_name;           // its login name
  std::vector<std::string> groups;  // of the actor, where its directory tells them
  bool delegated() const { return actor != account; }
};

struct Attempt {
  std::string source;            // the peer's address, as text
  std::string mechanism;         // for the log and Identity
  std::string service = "imap";  // what an app password has to be for
  Evidence evidence;             // of the connection
  // Filled in by the Authenticator.
  bool admitted = false;           // waited already; an exchange may ask several times
  bool pending = false;            // FailureDelays::Admission
  bool nameless = false;           // a token or ticket: whose it is comes out with the answer
  std::string name;                // folded, or as given when it cannot be
  std::string tag;                 // of the password, where one is shown (PLAIN, LOGIN)
  std::optional<Account> account;  // whose secrets were asked for; nothing for an unknown name
  // An application without a user has come in: it has no mailbox, and acts for others only.
  bool application = false;
  std::optional<AppPassword> app_password;  // which one it was
  std::unique_ptr<net::GssContext> gss;     // of this exchange
  std::optional<Account> mailbox;           // another account, whose mail is to be opened
  GrantRights rights = GrantRights::full;   // on it
  std::string authzid;                      // as whom to act, as far as that was looked up
  Result<> authorized;                      // whether that may be, told only with the right secret
};

// Without grants nobody opens another's mail. What is pointed to outlives it.
struct Delegation {
  Grants* grants = nullptr;
  const Clock* clock = nullptr;
};

class Authenticator {
 public:
  Authenticator(Directory& directory, FailureDelays& delays, NameRules names,
                Delegation delegation = {});

  // Whose secret the lookup is about, as delays count it: folded, or as given when it cannot be;
  // empty where that comes out only with the answer.
  std::string claimed_account(const sasl::Lookup& lookup) const;
  // Microseconds to wait before lookup(). Code::limit: too many guesses from there, refuse at once.
  Result<int64_t> admit(Attempt& attempt, const sasl::Lookup& lookup);
  sasl::LookupAnswer lookup(Attempt& attempt, const sasl::Lookup& lookup);

  // For mechanisms that know who it is without a lookup() (certificates, tickets, tokens):
  // `account` has come in, `name` as it was given may also say whose mail to open, as `authzid`
  // may. Blocks; before finish(). authz_failed: it may not.
  struct Claim {
    std::string_view name;
    std::string_view authzid;
  };
  Result<> authorize(Attempt& attempt, Account account, const Claim& claim);

  // The exchange ended well: may this account act as authzid, is it enabled?
  Result<Identity> finish(const Attempt& attempt, const sasl::Success& success);
  // The exchange failed: counts a wrong password (and nothing else) for admit().
  void refused(const Attempt& attempt, const sasl::Failure& failure);

  // The LOGIN command and others that bring name and password at once, after admit() with the same
  // CheckPassword. Blocks. The password is prepared here.
  Result<Identity> login(Attempt& attempt, const sasl::CheckPassword& claim);

  Directory& directory() { return directory_; }
  FailureDelays& delays() { return delays_; }

  // What checks credentials other than passwords; null before the first call. Any thread, at any
  // time: exchanges under way see the new ones from their next step on.
  void set_mechanisms(std::shared_ptr<Mechanisms> mechanisms);
  std::shared_ptr<Mechanisms> mechanisms() const;
  // Before the first login; it outlives the Authenticator.
  void set_app_passwords(AppPasswords& app_passwords) { app_passwords_ = &app_passwords; }

 private:
  Result<> open_other(Attempt& attempt, std::string_view wanted);
  Result<> check_password(Attempt& attempt, const sasl::CheckPassword& claim);
  Result<sasl::ScramVerifier> fetch_verifier(Attempt& attempt, const sasl::FetchVerifier& claim);
  // What was shown is `name`'s: its account goes into the attempt.
  Result<> accept(Attempt& attempt, const std::string& name, std::string_view authzid);
  // An application names a mailbox, and not its own account's.
  Result<> check_application(const Attempt& attempt) const;
  sasl::TokenAnswer check_token(Attempt& attempt, const sasl::CheckToken& claim);
  // Whether the password is one of the account's app passwords; then the account is the attempt's.
  Result<bool> check_app_password(Attempt& attempt, const sasl::CheckPassword& claim);
  Result<sasl::GssReply> call_gss(Attempt& attempt, const sasl::GssCall& call);
  Result<sasl::NtlmReply> check_ntlm(Attempt& attempt, const sasl::CheckNtlm& claim);
  Result<sasl::GssReply> accept_ticket(Attempt& attempt, const sasl::GssCall& call);
  Result<sasl::CertifiedName> check_certificate(Attempt& attempt,
                                                const sasl::CheckCertificate& claim);

  Directory& directory_;
  FailureDelays& delays_;
  NameRules names_;
  AppPasswords* app_passwords_ = nullptr;
  std::shared_ptr<Mechanisms> mechanisms_;  // by std::atomic_load; shared with lookups under way
  Delegation delegation_;
};

}  // namespace eilpost::directory
