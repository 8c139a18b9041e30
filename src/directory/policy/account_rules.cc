#include "directory/policy/account_rules.h"

#include <fmt/format.h>

#include "directory/policy/rule_text.h"

namespace eilpost::directory {

namespace {
const std::string row_id = "rules";

std::string text_of(const RowMap& rows) {
  const auto row = rows.find(row_id);
  return row == rows.end() ? std::string() : row->second.payload;
}
}  // namespace

Result<std::string> account_rule_text(AccountRows& rows, AccountId account) {
  return text_of(TRY(rows.read(account, RowKind::rule)));
}

Result<std::vector<PolicyRule>> read_account_rules(AccountRows& rows, AccountId account,
                                                   const std::string& login_name) {
  return account_rules_of(TRY(rows.read(account, RowKind::rule)), login_name);
}

Result<std::vector<PolicyRule>> account_rules_of(const RowMap& rows,
                                                 const std::string& login_name) {
  const std::string text = text_of(rows);
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
