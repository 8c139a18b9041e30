// Who exists, by which names, and with which secrets. One interface for every kind of directory:
// the built-in accounts (builtin.h) and those that live elsewhere. Every call may block (disk,
// network, password hashing) and belongs on the directory pool. Thread safe.
//
// Codes: not_found - no such account; auth_failed - the password is wrong or there is no such
// account (the two are never told apart, in answer or in time); expired - right, but no longer
// valid; authz_failed - right, but the account is disabled; unavailable - the directory cannot
// answer, which never means that a password was wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

// The built-in directory's own partition. Accounts' partitions begin at the second number.
inline constexpr PartitionId directory_partition{1};
inline constexpr uint64_t account_id_first = 100;

// 0 means no limit.
struct Quota {
  uint64_t bytes = 0;
  uint64_t messages = 0;
  uint64_t mailboxes = 0;
  friend bool operator==(const Quota&, const Quota&) = default;
};

struct Account {
  AccountId id;
  std::string login_name;       // folded; mostly the same as the primary address
  std::string primary_address;  // folded; empty when the name has no domain and there is no default
  std::vector<std::string> aliases;  // further addresses that find the account, folded, sorted
  std::string display_name;
  Quota quota;
  bool disabled = false;
  bool admin = false;  // may see and set the quotas of all accounts (IMAP's SETQUOTA)
  // Capabilities that its clients do not get to see: upper case, sorted, each once.
  std::vector<std::string> hidden_capabilities;
  // Capabilities that only accounts see which ask for them ("UIDONLY", "MESSAGELIMIT"), likewise.
  std::vector<std::string> extra_capabilities;
  Timestamp created;
  // Of accounts that live elsewhere: the name of their [[directory]], and what they are called
  // there for ever, whatever becomes of their names. Empty: built in.
  std::string directory;
  std::string outside_key;
  // Groups that it is in, nested ones too, as the directory calls them: filled by resolve() and the
  // checks of directories that tell them, not by find() and list().
  std::vector<std::string> groups;

  // Where its mail lies: the partition of the same number.
  PartitionId partition() const { return PartitionId(id.value); }
  friend bool operator==(const Account&, const Account&) = default;
};

struct AccountVerifier {
  Account account;
  sasl::ScramVerifier verifier;
};

// What somebody claims.
struct NamePassword {
  std::string_view name;
  std::string_view password;  // after SASLprep
};

class Directory {
 public:
  virtual ~Directory() = default;

  // By login name, primary address or alias, in any spelling (case, bare local part). Also finds
  // disabled accounts: mail for them is not refused as unknown.
  virtual Result<Account> resolve(std::string_view name) = 0;
  // By an address that mail may be sent to.
  virtual Result<Account> resolve_address(std::string_view address) { return resolve(address); }
  virtual Result<Account> find(AccountId id) = 0;

  // The account if the password is right. Costs the same whether the account exists or not.
  virtual Result<Account> check_password(const NamePassword& claim) = 0;

  // The account with what SCRAM needs; not_found also when it has no verifier.
  virtual Result<AccountVerifier> scram_verifier(std::string_view name) = 0;
  // Whether every account has a verifier: SCRAM may be offered only then, since clients that pick
  // it first do not fall back.
  virtual bool holds_verifiers() const = 0;
  // The same for SCRAM-SHA-1, which few directories keep.
  virtual Result<AccountVerifier> scram_sha_1_verifier(std::string_view) {
    return fail(Code::not_found, "this directory keeps no verifiers for SCRAM-SHA-1");
  }
  virtual bool holds_sha_1_verifiers() const { return false; }
  // The account with this security identifier ("S-1-5-21-..."), where the directory knows them.
  virtual Result<Account> resolve_sid(std::string_view) {
    return fail(Code::not_found, "this directory knows no security identifiers");
  }
  // From which verifiers of unknown names are made (sasl::fake_verifier): 32 octets, the same for
  // ever.
  virtual std::string fake_verifier_secret() const = 0;
  virtual uint32_t scram_iterations() const = 0;

  // Code::cannot where quotas are kept elsewhere.
  virtual Result<> set_quota(AccountId, Quota) {
    return fail(Code::cannot, "this directory does not keep quotas");
  }

  // Up to 1,000 accounts by id, from `after` (exclusive); empty at the end.
  virtual Result<std::vector<Account>> list(AccountId after) = 0;
};

}  // namespace eilpost::directory
