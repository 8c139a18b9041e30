#include "directory/policy/account_rules.h"

#include <fmt/format.h>

#include "directory/policy/rule_text.h"

namespace eilpost::directory {

namespace {
const std::string row_id = "rules";
}

Result<std::string> account_rule_text(AccountRows& rows, AccountId account) {
  const RowMap all = TRY(rows.read(account, RowKind::rule));
  const auto row = all.find(row_id);
  return row == all.end() ? std::string() : row->second.payload;
}

Result<std::vector<PolicyRule>> read_account_rules(AccountRows& rows, AccountId account,
                                                   const std::string& login_name) {
  const std::string text = TRY(account_rule_text(rows, account));
  if (text.empty()) return std::vector<PolicyRule>();
  auto rules = parse_rules(text);
  if (!rules) return fail(Code::corrupt, "rules of an account: " + rules.error().detail);
  for (size_t i = 0; i < rules->size(); ++i) {
    PolicyRule& rule = (*rules)[i];
    rule.accounts = {login_name};
    if (rule.name.empty()) rule.name = fmt::format("the account's own {}", i + 1);
  }
  return std::move(*rules);
}

Result<> write_account_rules(AccountRows& rows, AccountId account, const std::string& text) {
  std::string printed;
  if (!text.empty()) printed = print_rules(TRY(parse_rules(text)));
  if (printed.size() > rule_text_octets_max) return fail(Code::too_big, "the rules are too long");
  return rows.edit(account, RowKind::rule, [&](RowMap& all) -> Result<> {
    all.clear();
    if (!printed.empty()) all[row_id].payload = printed;
    return {};
  });
}

}  // namespace eilpost::directory
