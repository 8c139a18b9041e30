// Search filters (RFC 4515), built so that nothing in a value can become part of the filter, and
// read back: to check what an administrator wrote, and to show in tests that building is safe.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::directory {

struct LdapFilter {
  enum class Kind { all_of, any_of, none_of, equal, present, other };
  Kind kind = Kind::present;
  std::string attribute;  // with what stands before "=", such as "memberOf:1.2.3:"
  std::string value;      // raw octets of `equal`; the text of `other` (">=5", "a*b")
  std::vector<LdapFilter> parts;
  friend bool operator==(const LdapFilter&, const LdapFilter&) = default;
};

LdapFilter equal_to(std::string attribute, std::string value);
LdapFilter all_of(std::vector<LdapFilter> parts);
LdapFilter any_of(std::vector<LdapFilter> parts);

// RFC 4515 3: what is not plain ASCII text is written as \xx.
std::string print_filter(const LdapFilter& filter);
// Code::invalid with the place of what is wrong.
Result<LdapFilter> parse_filter(std::string_view text);

}  // namespace eilpost::directory
