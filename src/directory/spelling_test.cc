#include "directory/spelling.h"

#include <gtest/gtest.h>

#include "directory/testing.h"

namespace eilpost::directory {
namespace {

TEST(LoginNames, WhoLogsInAndWhoseMailIsOpened) {
  const auto split = [](std::string_view given) {
    const auto out = split_login_name(given);
    return out.own + " > " + out.mailbox;
  };
  EXPECT_EQ(split("bob"), "bob > ");
  EXPECT_EQ(split("bob@example.org"), "bob@example.org > ");
  EXPECT_EQ(split("CORP\\bob"), "CORP\\bob > ");
  EXPECT_EQ(split("CORP/bob"), "CORP/bob > ");
  EXPECT_EQ(split("CORP/bob/sales"), "CORP/bob > sales");
  EXPECT_EQ(split("CORP\\bob\\sales"), "CORP\\bob > sales");
  EXPECT_EQ(split("CORP\\bob\\sales@example.org"), "CORP\\bob > sales@example.org");
  EXPECT_EQ(split("bob@example.org/sales"), "bob@example.org > sales");
  EXPECT_EQ(split("bob@example.org\\sales@example.org"), "bob@example.org > sales@example.org");
  EXPECT_EQ(split("/bob"), "/bob > ");
  EXPECT_EQ(split("bob@example.org/"), "bob@example.org/ > ");
  EXPECT_EQ(split(""), " > ");
}

TEST(LoginNames, Forms) {
  NameRules rules;
  rules.default_domain = "example.org";
  const auto bare = parse_spelling("Bob", rules).value();
  EXPECT_TRUE(bare.bare());
  EXPECT_EQ(bare.user, "bob");
  EXPECT_EQ(bare.address, "bob@example.org");
  const auto address = parse_spelling("Bob@EXAMPLE.net", rules).value();
  EXPECT_FALSE(address.bare());
  EXPECT_EQ(address.whole, "bob@example.net");
  EXPECT_EQ(address.local, "bob");
  EXPECT_EQ(address.realm, "example.net");
  for (const auto* given : {"CORP\\Bob", "corp/BOB"}) {
    const auto domain = parse_spelling(given, rules).value();
    EXPECT_EQ(domain.domain, "corp") << given;
    EXPECT_EQ(domain.user, "bob") << given;
    EXPECT_TRUE(domain.address.empty()) << given;
  }
  for (const auto* given : {"", "\\bob", "CORP\\", "a b", "@", "a@", "A\\b\\c"}) {
    EXPECT_EQ(code_of(parse_spelling(given, rules)), Code::invalid) << given;
  }
  EXPECT_EQ(code_of(parse_spelling(std::string(2000, 'a'), rules)), Code::invalid);
}

TEST(LoginNames, StepsHaveNames) {
  for (const NameStep step : name_steps()) EXPECT_EQ(step_named(step_name(step)), step);
  EXPECT_FALSE(step_named("nickname"));
}

}  // namespace
}  // namespace eilpost::directory
