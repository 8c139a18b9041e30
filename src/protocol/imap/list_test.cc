#include "protocol/imap/list.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

TEST(List, Basic) {
  List list = test::body_of<List>("a LIST Archive/ %&AOQ-");
  EXPECT_FALSE(list.extended);
  EXPECT_EQ("Archive/", list.reference);
  EXPECT_EQ(std::vector<std::string>{"%ä"}, list.patterns);
  EXPECT_EQ(std::vector<std::string>{""}, test::body_of<List>("a LIST \"\" \"\"").patterns);
}

TEST(List, Extended) {
  List list = test::body_of<List>(
      "a LIST (REMOTE special-use) \"\" (\"INBOX\" \"x/%\") RETURN (SUBSCRIBED SPECIAL-USE STATUS "
      "(MESSAGES UNSEEN))");
  EXPECT_TRUE(list.extended);
  EXPECT_TRUE(list.select_remote);
  EXPECT_TRUE(list.select_special_use);
  EXPECT_FALSE(list.select_subscribed);
  EXPECT_EQ(2U, list.patterns.size());
  EXPECT_TRUE(list.return_subscribed);
  EXPECT_TRUE(list.return_special_use);
  EXPECT_FALSE(list.return_children);
  EXPECT_EQ((std::vector<StatusItem>{StatusItem::messages, StatusItem::unseen}),
            list.return_status);
}

TEST(List, UnknownOptionsAreKept) {
  List list = test::body_of<List>("a LIST (FOO (x (y)) SUBSCRIBED) \"\" * RETURN (Bar CHILDREN)");
  EXPECT_EQ(std::vector<std::string>{"FOO"}, list.unknown_selection);
  EXPECT_TRUE(list.select_subscribed);
  EXPECT_EQ(std::vector<std::string>{"BAR"}, list.unknown_return);
  EXPECT_TRUE(list.return_children);
}

TEST(List, PassesOverWhatIsNoName) {
  const List list = test::body_of<List>("a LIST \"\" (a&b c)");
  EXPECT_EQ((std::vector<std::string>{"//", "c"}), list.patterns);
  EXPECT_EQ("//", test::body_of<List>("a LIST a&b *").reference);
  EXPECT_EQ("//", test::body_of<Lsub>("a LSUB \"\" a&b").pattern);
}

TEST(List, Errors) {
  EXPECT_EQ("expected a space at column 10", test::reprinted("a LIST \"\""));
  EXPECT_EQ("expected RETURN at column 13", test::reprinted("a LIST \"\" * FOO"));
  EXPECT_EQ("expected a mailbox pattern at column 13", test::reprinted("a LIST \"\" ()"));
}

}  // namespace
}  // namespace eilpost::imap
