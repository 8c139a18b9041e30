#include "directory/names.h"

#include <gtest/gtest.h>

#include "directory/testing.h"

namespace eilpost::directory {
namespace {

const NameRules rules{.default_domain = "example.org", .subaddress_delimiters = "+"};

TEST(Names, Fold) {
  EXPECT_EQ(fold_name("Bob", rules).value(), "bob@example.org");
  EXPECT_EQ(fold_name("BOB@X.Example", rules).value(), "bob@x.example");
  EXPECT_EQ(fold_name("bob@x.example.", rules).value(), "bob@x.example");
  EXPECT_EQ(fold_name("J\xc3\x96RG@B\xc3\x9c"
                      "CHER.example",
                      rules)
                .value(),
            "j\xc3\xb6rg@xn--bcher-kva.example");
  EXPECT_EQ(fold_name("j@xn--bcher-kva.example", rules).value(), "j@xn--bcher-kva.example");
  EXPECT_EQ(fold_name("a@b@x", rules).value(), "a@b@x");
  EXPECT_EQ(fold_name("bob@[IPv6:::1]", rules).value(), "bob@[ipv6:::1]");
  EXPECT_EQ(fold_name("Bob", {}).value(), "bob");
  for (const auto* bad :
       {"", "@x", "a@", "a b", "a\tb@x", "a@x y", "a@x..y", "a@.x", "\xff@x", "a@.", "\xc2\xad@x",
        "a\xc2\xa0"
        "b@x",
        "a@x/y"}) {
    EXPECT_FALSE(fold_name(bad, rules).has_value()) << bad;
  }
}

TEST(Names, Subaddress) {
  const auto check = [](std::string_view text, const NameRules& with, std::string_view address,
                        std::string_view detail) {
    const auto split = split_subaddress(text, with);
    EXPECT_EQ(split.address, address) << text;
    EXPECT_EQ(split.detail, detail) << text;
  };
  check("bob+Lists@x", rules, "bob@x", "Lists");
  check("bob+a+b@x", rules, "bob@x", "a+b");
  check("bob+@x", rules, "bob@x", "");
  check("+bob@x", rules, "+bob@x", "");
  check("bob@x+y", rules, "bob@x+y", "");
  check("bob+a", rules, "bob", "a");
  check("", rules, "", "");
  check("bob-a+b@x", {.subaddress_delimiters = "-+"}, "bob@x", "a+b");
  check("bob+a@x", {.subaddress_delimiters = ""}, "bob+a@x", "");
}

TEST(Names, Recipients) {
  World w;
  const auto bob = w.add("bob");
  ASSERT_TRUE(w.directory->add_alias(bob.id, "bob+special").has_value());
  ASSERT_TRUE(w.directory->add_alias(bob.id, "postmaster").has_value());
  const auto detail = [&](std::string_view address) {
    const auto found = resolve_recipient(*w.directory, address, rules);
    return found ? found->detail : "(" + std::string(code_name(found.error().code)) + ")";
  };
  EXPECT_EQ(detail("bob@example.org"), "");
  EXPECT_EQ(detail("BOB+Work@example.org"), "Work");
  EXPECT_EQ(detail("bob+special@example.org"), "");
  EXPECT_EQ(detail("postmaster"), "");
  EXPECT_EQ(detail("eve+x@example.org"), "(" + std::string(code_name(Code::not_found)) + ")");
  EXPECT_EQ(detail("eve@example.org"), "(" + std::string(code_name(Code::not_found)) + ")");
}

}  // namespace
}  // namespace eilpost::directory
