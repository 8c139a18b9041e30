#include "directory/app_passwords.h"

#include <gtest/gtest.h>

#include "directory/testing.h"

namespace eilpost::directory {
namespace {

class AppPasswordsTest : public ::testing::Test {
 protected:
  std::optional<AppPassword> check(std::string_view password) {
    auto found = app_.check(anna_, password, "192.0.2.1");
    EXPECT_TRUE(found.has_value());
    return *found;
  }

  World world_;
  AccountRows rows_{world_.engine, world_.random};
  AppPasswords app_{rows_, world_.clock, world_.random};
  AccountId anna_ = world_.add("anna").id;
};

TEST_F(AppPasswordsTest, MadeCheckedRevoked) {
  const auto phone = app_.add(anna_, {.label = "phone", .services = {"imap"}, .read_only = true});
  ASSERT_TRUE(phone.has_value());
  const auto& secret = phone->secret;
  EXPECT_EQ(secret.size(), 23U);
  EXPECT_TRUE(AppPasswords::looks_like_one(secret));
  ASSERT_TRUE(check(secret).has_value());
  EXPECT_EQ(check(secret)->label, "phone");
  EXPECT_TRUE(check(secret)->read_only);
  EXPECT_TRUE(check(secret)->allows("imap"));
  EXPECT_FALSE(check(secret)->allows("lmtp"));
  std::string typed;
  for (const char c : secret) typed += c == '-' ? ' ' : static_cast<char>(std::toupper(c));
  EXPECT_TRUE(check(typed).has_value());
  std::string wrong = secret;
  wrong[0] = wrong[0] == 'a' ? 'b' : 'a';
  EXPECT_FALSE(check(wrong).has_value());
  EXPECT_TRUE(app_.remove(anna_, "phone").has_value());
  EXPECT_FALSE(check(secret).has_value());
  EXPECT_EQ(app_.remove(anna_, "phone").error().code, Code::not_found);
}

TEST_F(AppPasswordsTest, UseIsNotedNowAndThen) {
  const auto made = app_.add(anna_, {.label = "phone"});
  EXPECT_FALSE(app_.list(anna_)->at(0).last_used.has_value());
  check(made->secret);
  const auto first = app_.list(anna_)->at(0);
  EXPECT_EQ(first.last_used, world_.clock.now());
  EXPECT_EQ(first.last_source, "192.0.2.1");
  world_.clock.advance_micros(60'000'000);
  check(made->secret);
  EXPECT_EQ(app_.list(anna_)->at(0), first);
  world_.clock.advance_micros(900'000'000);
  check(made->secret);
  EXPECT_EQ(app_.list(anna_)->at(0).last_used, world_.clock.now());
}

TEST_F(AppPasswordsTest, LabelsAndLimits) {
  EXPECT_TRUE(app_.add(anna_, {.label = "a"}).has_value());
  EXPECT_EQ(app_.add(anna_, {.label = "a"}).error().code, Code::already_exists);
  EXPECT_EQ(app_.add(anna_, {.label = ""}).error().code, Code::invalid);
  EXPECT_EQ(app_.add(anna_, {.label = "a\nb"}).error().code, Code::invalid);
  for (size_t i = 1; i < app_passwords_max; ++i) {
    ASSERT_TRUE(app_.add(anna_, {.label = std::to_string(i)}).has_value());
  }
  EXPECT_EQ(app_.add(anna_, {.label = "more"}).error().code, Code::limit);
  EXPECT_TRUE(app_.remove(anna_, app_.list(anna_)->at(3).id).has_value());
  EXPECT_EQ(app_.list(anna_)->size(), app_passwords_max - 1);
}

TEST_F(AppPasswordsTest, Rows) {
  AppPassword entry{.id = "0011aabb",
                    .label = "x",
                    .services = {"imap", "pop3"},
                    .read_only = true,
                    .created = Timestamp{5},
                    .last_used = Timestamp{-7},
                    .last_source = "::1",
                    .salt = "s",
                    .digest = "d"};
  EXPECT_EQ(*parse_app_password(entry.id, print_app_password(entry)), entry);
  entry.last_used.reset();
  EXPECT_EQ(*parse_app_password(entry.id, print_app_password(entry)), entry);
  AccountRow row = print_app_password(entry);
  for (size_t length = 0; length < row.payload.size(); ++length) {
    EXPECT_FALSE(parse_app_password("i", {1, row.payload.substr(0, length)}).has_value());
  }
}

TEST_F(AppPasswordsTest, PasswordsOfPeopleDoNotLookLikeThem) {
  for (const auto* text : {"", "secret", "abcde-abcde-abcde-abcd", "abcde-abcde-abcde-abcdeu",
                           "lllll-lllll-lllll-lllll", "abcde-abcde-abcde-abcd!"}) {
    EXPECT_FALSE(AppPasswords::looks_like_one(text)) << text;
  }
}

}  // namespace
}  // namespace eilpost::directory
