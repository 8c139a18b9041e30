// The rules of one account as text, as `eilpost account policy` takes and shows them:
//   tls=required mechanisms=SCRAM-SHA-256,PLAIN from=192.0.2.0/24; allow=no listeners=imap
// Words are those of [[policy]], without `accounts`; ";" parts rules. parse(print(x)) == x. Pure;
// any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "directory/policy/rules.h"

namespace eilpost::directory {

inline constexpr size_t rule_text_octets_max = 4096;
inline constexpr size_t account_rules_max = 32;

std::string print_rules(const std::vector<PolicyRule>& rules);
// Code::invalid, with what is wrong; too_big, limit.
Result<std::vector<PolicyRule>> parse_rules(std::string_view text);

}  // namespace eilpost::directory
