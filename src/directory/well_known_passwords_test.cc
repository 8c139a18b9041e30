#include "directory/well_known_passwords.h"

#include <gtest/gtest.h>

namespace eilpost::directory {
namespace {

TEST(WellKnownPasswords, AreKnownInAnyCase) {
  for (const char* password : {"123456", "Password", "QWERTY", "zxcvbnm", "000000"}) {
    EXPECT_TRUE(is_well_known_password(password, "anna@example.org")) << password;
  }
  EXPECT_FALSE(is_well_known_password("correct horse battery staple", "anna@example.org"));
  EXPECT_FALSE(is_well_known_password("Password ", "anna@example.org"));
}

TEST(WellKnownPasswords, TheAccountsNameIsOne) {
  EXPECT_TRUE(is_well_known_password("Anna", "anna@example.org"));
  EXPECT_TRUE(is_well_known_password("anna@example.org", "Anna@Example.org"));
  EXPECT_TRUE(is_well_known_password("anna", "anna"));
  EXPECT_FALSE(is_well_known_password("anna-pw", "anna@example.org"));
  EXPECT_FALSE(is_well_known_password("anna", "bine@example.org"));
}

}  // namespace
}  // namespace eilpost::directory
