#include "client/migrate/batch/batch.h"

#include <gtest/gtest.h>

namespace eilpost::client {
namespace {

TEST(Batch, ExchangesColumns) {
  const auto rows = parse_batch(
      "EmailAddress,UserName,Password,UserRoot\r\n"
      "anna@new.example,OLD\\anna,\"p,\"\"1\",Users/anna\r\n"
      "\r\n"
      "bob@new.example,bob,2,\r\n",
      {});
  ASSERT_TRUE(rows) << rows.error().detail;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].to_user, "anna@new.example");
  EXPECT_EQ((*rows)[0].from_user, "OLD\\anna");
  EXPECT_EQ((*rows)[0].from_password, "p,\"1");
  EXPECT_EQ((*rows)[0].from_root, "Users/anna");
  EXPECT_EQ((*rows)[1].from_root, "");
  EXPECT_EQ((*rows)[1].line, 4u);
}

TEST(Batch, OwnNamesSemicolonsAndMappedHeaders) {
  const auto rows =
      parse_batch("Konto;FromPassword;to-as;anything\na;b;c;d\n", {{"from-user", "konto"}});
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ((*rows)[0].from_user, "a");
  EXPECT_EQ((*rows)[0].from_password, "b");
  EXPECT_EQ((*rows)[0].to_as, "c");
}

TEST(Batch, RefusalsNameWhatWasExpected) {
  EXPECT_EQ(parse_batch("", {}).error().detail, "expected a line that names the columns");
  EXPECT_EQ(parse_batch("UserName,Password\na\n", {}).error().detail,
            "row 2: 1 cells, the header has 2");
  EXPECT_EQ(parse_batch("UserName\na\n", {{"from-user", "Login"}}).error().detail,
            "there is no column Login");
  EXPECT_NE(parse_batch("UserName\na\n", {{"who", "UserName"}}).error().detail.find("from-server"),
            std::string::npos);
  EXPECT_EQ(parse_batch("UserName\n\"a\n", {}).error().detail, "a quoted cell has no end");
  EXPECT_FALSE(parse_batch("a,b\n1,2\n", {}));
}

}  // namespace
}  // namespace eilpost::client
