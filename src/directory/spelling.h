// How a name that somebody types at login is written: DOMAIN\user, DOMAIN/user, user@realm, an
// address, a bare name; and the strings that also name another mailbox to open. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/names.h"

namespace eilpost::directory {

// By which of its names an account may be meant, in the order in which they are tried by default.
std::string_view step_name(NameStep step);  // "login-id", "primary", "proxy" ...
std::optional<NameStep> step_named(std::string_view name);
const std::vector<NameStep>& name_steps();
// The order of `rules`, or the default.
const std::vector<NameStep>& name_order(const NameRules& rules);

// DOMAIN/user/mailbox, DOMAIN\user\mailbox, UPN/mailbox, UPN\mailbox (the login strings of
// [MS-OXIMAP4] 2.2.2 and those in use beside them): who logs in, and whose mailbox is opened.
// A name of two parts means another mailbox only when its left part has an "@".
struct LoginName {
  std::string own;
  std::string mailbox;  // empty: one's own
};
LoginName split_login_name(std::string_view given);

struct Spelling {
  std::string given;
  std::string whole;    // folded: local@domain, or the bare name; empty for DOMAIN\user
  std::string address;  // the whole, a bare name in the default domain; empty: it has none
  std::string local;    // of local@domain
  std::string realm;
  std::string domain;  // of DOMAIN\user and DOMAIN/user
  std::string user;    // of those, or the bare name
  // The user's part as PRECIS UsernameCaseMapped has it (RFC 8265 3.3), which is what directories
  // elsewhere are asked for, besides the folded one; empty: the profile forbids the name.
  std::string mapped;
  bool bare() const { return domain.empty() && !user.empty(); }
};
// Code::invalid: this can be nobody's name.
Result<Spelling> parse_spelling(std::string_view given, const NameRules& rules);

}  // namespace eilpost::directory
