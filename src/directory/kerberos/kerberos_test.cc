#include "directory/kerberos/kerberos.h"

#include <gtest/gtest.h>

namespace eilpost::directory {
namespace {

TEST(Kerberos, NamesOfPrincipals) {
  const std::vector<KerberosRealm> realms = {{"LAB.TEST", "example.org"}};
  EXPECT_EQ(name_of_principal("anna@LAB.TEST", realms), "anna@example.org");
  EXPECT_EQ(name_of_principal("anna@OTHER.TEST", realms), std::nullopt);
  EXPECT_EQ(name_of_principal("anna@LAB.TEST", {}), "anna@LAB.TEST");
  for (const auto* other : {"host/mail@LAB.TEST", "anna/admin@LAB.TEST", "anna", "@LAB.TEST",
                            "anna@", "a\\@b@LAB.TEST"}) {
    EXPECT_EQ(name_of_principal(other, realms), std::nullopt) << other;
  }
}

TEST(Kerberos, AKeytabThatIsNotThereIsNoService) {
  const auto opened = Kerberos::open({.keytab = "/nonexistent/keytab"});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::unavailable);
}

}  // namespace
}  // namespace eilpost::directory
