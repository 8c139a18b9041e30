// The rules that an account has for itself, in AccountRows. Like rules of the configuration that
// name the account, they only take away from what a listener offers. Blocks (directory pool).
#pragma once

#include <string>
#include <vector>

#include "directory/account_rows.h"
#include "directory/directory.h"
#include "directory/policy/rules.h"

namespace eilpost::directory {

// As they are to be decided by: each names the account. Code::corrupt, unavailable.
// The same of its rows of kind `rule`.
Result<std::vector<PolicyRule>> account_rules_of(const RowMap& rows, const std::string& login_name);
Result<std::vector<PolicyRule>> read_account_rules(AccountRows& rows, AccountId account,
                                                   const std::string& login_name);
// As text (rule_text.h); empty: none.
Result<std::string> account_rule_text(AccountRows& rows, AccountId account);
// Code::invalid for a text that is no rules; "" removes them.
Result<> write_account_rules(AccountRows& rows, AccountId account, const std::string& text);

}  // namespace eilpost::directory
