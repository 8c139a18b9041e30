// What is read of an account's rules is printed so that it is read as the same again.
#include "directory/policy/rule_text.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::directory {

FUZZ_TARGET(policy_rules) {
  const auto rules = parse_rules(data);
  if (!rules) return;
  const std::string printed = print_rules(*rules);
  // Addresses may get longer by that.
  if (printed.size() > rule_text_octets_max) return;
  const auto again = parse_rules(printed);
  CHECK(again.has_value());
  CHECK(print_rules(*again) == printed);
  CHECK(again->size() == rules->size());
  for (size_t i = 0; i < rules->size(); ++i) CHECK((*again)[i] == (*rules)[i]);
}

}  // namespace eilpost::directory
