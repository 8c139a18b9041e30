// Passwords that an administrator gives away for one program or device each:
// made by the server, so that a fast hash is enough; with a scope, and revoked
// one by one. They lie among the rows about the account's login
// (account_rows.h), so that accounts of every directory can have them. Thread
// safe; blocks (directory pool).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "directory/account_rows.h"

namespace eilpost::directory {

struct AppPassword {
  std::string id;                     // 8 hex digits
  std::string label;                  // "phone"
  std::vector<std::string> services;  // "imap", ...; empty: all
  bool read_only = false;
  Timestamp created;
  std::optional<Timestamp> last_used;  // to a quarter of an hour
  std::string last_source;             // the address, then
  std::string salt;
  std::string digest;
  bool allows(std::string_view service) const;
  friend bool operator==(const AppPassword&, const AppPassword&) = default;
};

inline constexpr size_t app_passwords_max = 100;  // of one account: Code::limit

struct NewAppPassword {
  std::string label;
  std::vector<std::string> services;
  bool read_only = false;
};
struct MadeAppPassword {
  AppPassword entry;
  std::string secret;  // shown once
};

class AppPasswords {
 public:
  // All outlive it.
  AppPasswords(AccountRows& rows, const Clock& clock, Random& random)
      : rows_(rows), clock_(clock), random_(random) {}

  // Code::already_exists: the label is one of the account's others; invalid: it
  // is none.
  Result<MadeAppPassword> add(AccountId account, const NewAppPassword& wanted);
  Result<std::vector<AppPassword>> list(AccountId account);
  // By id or label. Code::not_found.
  Result<> remove(AccountId account, const std::string& id_or_label);

  // The one that this password is, and notes its use; nothing when it is none
  // of the account's.
  Result<std::optional<AppPassword>> check(AccountId account, std::string_view password,
                                           std::string_view source);
  // Whether a password has the form of those made here; others cost no look
  // into the rows.
  static bool looks_like_one(std::string_view password);

 private:
  AccountRows& rows_;
  const Clock& clock_;
  Random& random_;
};

// One row, both ways.
AccountRow print_app_password(const AppPassword& entry);
Result<AppPassword> parse_app_password(const std::string& id, const AccountRow& row);

}  // namespace eilpost::directory
