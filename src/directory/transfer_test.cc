#include "directory/transfer.h"

#include <gtest/gtest.h>

#include "directory/testing.h"

namespace eilpost::directory {
namespace {

TEST(DirectoryTransfer, AccountsKeepIdNamesAndPassword) {
  World from;
  World to;
  const Account anna = from.add("anna@example.org", "geheim");
  ASSERT_TRUE(from.directory->add_alias(anna.id, "info@example.org"));
  const TransferEngines engines{from.engine, to.engine};
  ASSERT_TRUE(reserve_ids(engines));
  EXPECT_EQ(*store_identity(to.engine), *store_identity(from.engine));
  EXPECT_FALSE(*has_account(to.engine, anna.id));
  ASSERT_TRUE(copy_account(engines, anna.id));
  ASSERT_TRUE(copy_account(engines, anna.id));
  EXPECT_TRUE(*has_account(to.engine, anna.id));
  EXPECT_EQ(to.directory->resolve("INFO@example.org")->id, anna.id);
  EXPECT_TRUE(to.directory->check_password({"anna@example.org", "geheim"}));
  EXPECT_TRUE(to.directory->scram_verifier("anna@example.org"));
  // A later account of the target has another id.
  EXPECT_GT(to.add("ben@example.org").id, anna.id);
}

TEST(DirectoryTransfer, ASecondTimeBringsUpToDate) {
  World from;
  World to;
  const Account anna = from.add("anna@example.org", "alt");
  ASSERT_TRUE(from.directory->add_alias(anna.id, "old@example.org"));
  const TransferEngines engines{from.engine, to.engine};
  ASSERT_TRUE(reserve_ids(engines));
  ASSERT_TRUE(copy_account(engines, anna.id));
  ASSERT_TRUE(from.directory->remove_alias(anna.id, "old@example.org"));
  ASSERT_TRUE(from.directory->set_password(anna.id, "neu"));
  ASSERT_TRUE(copy_account(engines, anna.id));
  EXPECT_EQ(code_of(to.directory->resolve("old@example.org")), Code::not_found);
  EXPECT_TRUE(to.directory->check_password({"anna@example.org", "neu"}));
}

TEST(DirectoryTransfer, SomebodyElsesStay) {
  World from;
  World to;
  const Account anna = from.add("anna@example.org");
  to.clock.advance_micros(1);
  const Account other = to.add("anna@example.org", "hers");
  const TransferEngines engines{from.engine, to.engine};
  ASSERT_TRUE(reserve_ids(engines));
  EXPECT_EQ(code_of(check_free(engines, anna.id)), Code::already_exists);
  EXPECT_EQ(code_of(copy_account(engines, anna.id)), Code::already_exists);
  // The id is free, the name is not.
  from.add("ben@example.org");
  const Account again = from.add("carla@example.org");
  ASSERT_TRUE(to.directory->add_alias(other.id, "carla@example.org"));
  EXPECT_EQ(code_of(copy_account(engines, again.id)), Code::already_exists);
  EXPECT_TRUE(to.directory->check_password({"carla@example.org", "hers"}));
  EXPECT_EQ(code_of(copy_account(engines, AccountId(4711))), Code::not_found);
}

}  // namespace
}  // namespace eilpost::directory
