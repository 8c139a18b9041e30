#include "protocol/imap/mailbox_name.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace eilpost::imap {
namespace {

TEST(MailboxName, FoldsInbox) {
  EXPECT_EQ("INBOX", fold_inbox("inBox"));
  EXPECT_EQ("INBOX/a", fold_inbox("inbox/a"));
  EXPECT_EQ("inboxes", fold_inbox("inboxes"));
  EXPECT_EQ("a/inbox", fold_inbox("a/inbox"));
}

TEST(MailboxName, Validity) {
  EXPECT_TRUE(check_mailbox_name("Gesendete Elemente/Übersicht"));
  EXPECT_TRUE(check_mailbox_name("a\\b\"c"));
  EXPECT_FALSE(check_mailbox_name(""));
  EXPECT_FALSE(check_mailbox_name("/a"));
  EXPECT_FALSE(check_mailbox_name("a/"));
  EXPECT_FALSE(check_mailbox_name("a//b"));
  EXPECT_FALSE(check_mailbox_name("a/../b"));
  EXPECT_FALSE(check_mailbox_name("a*"));
  EXPECT_FALSE(check_mailbox_name("a\tb"));
  EXPECT_FALSE(check_mailbox_name("a\xc2\x85"));
  EXPECT_FALSE(check_mailbox_name("a\xe2\x80\xa8"));
  EXPECT_FALSE(check_mailbox_name("a\xff"));
  EXPECT_TRUE(check_mailbox_name(std::string(limits::mailbox_name_bytes_max, 'x')));
  EXPECT_FALSE(check_mailbox_name(std::string(limits::mailbox_name_bytes_max + 1, 'x')));
  std::string deep = "a";
  for (int i = 1; i < limits::mailbox_levels_max; ++i) deep += "/a";
  EXPECT_TRUE(check_mailbox_name(deep));
  EXPECT_FALSE(check_mailbox_name(deep + "/a"));
}

TEST(MailboxName, Patterns) {
  EXPECT_TRUE(pattern_matches("*", "a/b/c"));
  EXPECT_TRUE(pattern_matches("%", "abc"));
  EXPECT_FALSE(pattern_matches("%", "a/b"));
  EXPECT_TRUE(pattern_matches("%/%", "a/b"));
  EXPECT_FALSE(pattern_matches("%/%", "a/b/c"));
  EXPECT_TRUE(pattern_matches("*b%", "a/b/b"));
  EXPECT_FALSE(pattern_matches("*b%", "a/b/c"));
  EXPECT_TRUE(pattern_matches("a*c*e", "abcde"));
  EXPECT_TRUE(pattern_matches("inbox", "INBOX"));
  EXPECT_TRUE(pattern_matches("In%", "INBOX"));
  EXPECT_FALSE(pattern_matches("INBOX", "INBOXES"));
  EXPECT_FALSE(pattern_matches("sent", "Sent"));
  EXPECT_TRUE(pattern_matches("", ""));
  EXPECT_FALSE(pattern_matches("", "a"));
  EXPECT_TRUE(pattern_matches("a**", "a"));
}

TEST(MailboxName, HostilePatternEnds) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a%";
  EXPECT_FALSE(pattern_matches(pattern + "b", std::string(1000, 'a')));
}

TEST(MailboxName, JoinsPatterns) {
  EXPECT_EQ("a/b%", join_pattern("a/", "b%"));
  EXPECT_EQ("/b", join_pattern("a/", "/b"));
}

}  // namespace
}  // namespace eilpost::imap
