// Between a SASL exchange and the directory. A session does, for each attempt:
//   step = server.start(...);                         as long as it is NeedLookup:
//   wait admit(attempt, lookup) micros on a timer;    does not block
//   answer = lookup(attempt, lookup);                 blocks: directory pool
//   step = server.resume(answer);                     and at the end
//   finish(attempt, success) or refused(attempt, failure)      neither blocks
// An Attempt belongs to one exchange and moves with it; the Authenticator is thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/directory.h"
#include "directory/failure_delays.h"
#include "directory/names.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

// Who has come in.
struct Identity {
  AccountId account;
  std::string login_name;
  std::string primary_address;
  std::string mechanism;  // "SCRAM-SHA-256", "PLAIN", "LOGIN" (mechanism or command)
  Quota quota;
  bool admin = false;
  std::vector<std::string> hidden_capabilities;
  std::vector<std::string> extra_capabilities;
};

struct Attempt {
  std::string source;     // the peer's address, as text
  std::string mechanism;  // for the log and Identity
  // Filled in by the Authenticator.
  std::string name;                // folded, or as given when it cannot be
  std::optional<Account> account;  // whose secrets were asked for; nothing for an unknown name
};

class Authenticator {
 public:
  Authenticator(Directory& directory, FailureDelays& delays, NameRules names);

  // Microseconds to wait before lookup(). Code::limit: too many guesses from there, refuse at once.
  Result<int64_t> admit(Attempt& attempt, const sasl::Lookup& lookup);
  sasl::LookupAnswer lookup(Attempt& attempt, const sasl::Lookup& lookup);

  // The exchange ended well: may this account act as authzid, is it enabled?
  Result<Identity> finish(const Attempt& attempt, const sasl::Success& success);
  // The exchange failed: counts a wrong password (and nothing else) for admit().
  void refused(const Attempt& attempt, const sasl::Failure& failure);

  // The LOGIN command and others that bring name and password at once, after admit() with the same
  // CheckPassword. Blocks. The password is prepared here.
  Result<Identity> login(Attempt& attempt, const sasl::CheckPassword& claim);

  Directory& directory() { return directory_; }

 private:
  Result<> authorize(const Account& account, std::string_view authzid) const;
  Result<> check_password(Attempt& attempt, const sasl::CheckPassword& claim);
  Result<sasl::ScramVerifier> fetch_verifier(Attempt& attempt, const sasl::FetchVerifier& claim);

  Directory& directory_;
  FailureDelays& delays_;
  NameRules names_;
};

}  // namespace eilpost::directory
