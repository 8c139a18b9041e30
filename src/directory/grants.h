// Who may open an account's mail beside its owner: rows about the account (account_rows.h), one for
// each that was granted something. Thread safe; everything blocks (directory pool).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "directory/account_rows.h"

namespace eilpost::directory {

enum class GrantRights : uint8_t {
  full = 1,       // everything that the owner may
  read_only = 2,  // look at everything, change nothing
};
std::string_view rights_name(GrantRights rights);  // "full", "read-only"
std::optional<GrantRights> rights_named(std::string_view name);

struct Grant {
  AccountId to;
  GrantRights rights = GrantRights::full;
  std::optional<Timestamp> expires;
  Timestamp given;
  std::string by;  // who gave it, for those who look later
  friend bool operator==(const Grant&, const Grant&) = default;
  bool holds(Timestamp now) const { return !expires || now < *expires; }
};

class Grants {
 public:
  // `rows` outlives it.
  explicit Grants(AccountRows& rows) : rows_(rows) {}

  // By the number of the account that it is given to.
  Result<std::vector<Grant>> list(AccountId account);
  // Instead of what the same account was granted before. Code::limit: too many.
  Result<> add(AccountId account, const Grant& grant);
  // Code::not_found: there is none.
  Result<> remove(AccountId account, AccountId to);
  // Nothing: there is none, or it has expired.
  struct Asked {
    AccountId account;  // whose mail
    AccountId by;       // who wants to open it
    Timestamp now;
  };
  Result<std::optional<Grant>> find(const Asked& asked);

 private:
  AccountRows& rows_;
};

std::string print_grant(const Grant& grant);
Result<Grant> parse_grant(std::string_view payload);

}  // namespace eilpost::directory
