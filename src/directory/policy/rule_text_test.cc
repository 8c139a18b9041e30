// An account's own rules as text, and where they lie.
#include "directory/policy/rule_text.h"

#include <gtest/gtest.h>

#include "directory/policy/account_rules.h"
#include "engine/memory.h"

namespace eilpost::directory {
namespace {

TEST(RuleText, IsPrintedAsItIsRead) {
  for (const char* text :
       {"tls=required", "tls=optional allow=no; allow=yes from=192.0.2.0/24,2001:db8::/32",
        "name=\"a; b\" mechanisms=SCRAM-SHA-256,PLAIN listeners=imaps clients=\"Mail, \\\"x\\\" "
        "*\"",
        "tls_version_min=1.3 ends=2027-03-01 ending=PLAIN warn_days=7"}) {
    const auto rules = parse_rules(text);
    ASSERT_TRUE(rules) << rules.error().detail;
    EXPECT_EQ(parse_rules(print_rules(*rules)).value(), *rules) << text;
  }
  const auto two = parse_rules(" tls=required  ;allow=no ").value();
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].tls, TlsNeed::required);
  EXPECT_EQ(two[1].allow, false);
}

TEST(RuleText, SaysWhatIsWrong) {
  for (const char* text :
       {"", ";", "tls", "tls=", "tls=maybe", "tls=required tls=required", "tls=required,optional",
        "accounts=anna", "from=nowhere", "mechanisms=X", "ends=soon", "warn_days=-1",
        "clients=\"open", "clients=\"\"", "allow=no extra", "allow=no;"}) {
    EXPECT_FALSE(parse_rules(text)) << text;
  }
}

TEST(AccountRules, AreKeptWithTheAccount) {
  engine::MemoryEngine engine;
  Random random{3};
  AccountRows rows(engine, random);
  const AccountId anna{100};
  EXPECT_TRUE(read_account_rules(rows, anna, "anna@example.org").value().empty());
  ASSERT_TRUE(write_account_rules(rows, anna, "tls=required; name=x allow=no"));
  const auto rules = read_account_rules(rows, anna, "anna@example.org").value();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].name, "the account's own 1");
  EXPECT_EQ(rules[1].name, "x");
  EXPECT_EQ(rules[0].accounts, std::vector<std::string>{"anna@example.org"});
  EXPECT_FALSE(write_account_rules(rows, anna, "nonsense"));
  ASSERT_TRUE(write_account_rules(rows, anna, ""));
  EXPECT_TRUE(account_rule_text(rows, anna).value().empty());
}

}  // namespace
}  // namespace eilpost::directory
