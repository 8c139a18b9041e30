#include "client/cleanup/rule.h"

#include <gtest/gtest.h>

#include "client/cleanup/mailboxes.h"

namespace eilpost::client {
namespace {

constexpr int64_t day = 86'400;
constexpr Timestamp now{1'700'000'000 * int64_t{1'000'000}};

TEST(CleanupRule, ActionsMeanWhatIsMarked) {
  Rule rule;
  EXPECT_EQ(complete_rule(rule)->marked, Want::yes);
  rule.larger_than = 5;
  EXPECT_EQ(complete_rule(rule)->marked, Want::any);
  rule.action = Action::purge;
  EXPECT_EQ(complete_rule(rule)->marked, Want::yes);
  rule.action = Action::mark;
  EXPECT_EQ(complete_rule(rule)->marked, Want::no);
  rule.action = Action::trash;
  EXPECT_EQ(complete_rule(rule)->marked, Want::any);
  rule.action = Action::undelete;
  rule.marked = Want::any;
  EXPECT_EQ(complete_rule(rule).error().code, Code::invalid);
}

TEST(CleanupRule, NothingTakesAllMailboxesUnasked) {
  for (const Action action : {Action::trash, Action::mark, Action::purge}) {
    Rule rule;
    rule.action = action;
    if (action == Action::purge) rule.marked = Want::any;
    EXPECT_EQ(complete_rule(rule).error().code, Code::invalid) << action_name(action);
    rule.mailboxes = {"Trash"};
    EXPECT_TRUE(complete_rule(rule)) << action_name(action);
    rule.mailboxes = {"Lists/%"};
    EXPECT_FALSE(complete_rule(rule)) << action_name(action);
    rule.older_than_days = 3;
    EXPECT_TRUE(complete_rule(rule)) << action_name(action);
  }
}

TEST(CleanupRule, SizesHaveUnits) {
  EXPECT_EQ(parse_size("500").value(), 500U);
  EXPECT_EQ(parse_size("20K").value(), 20'480U);
  EXPECT_EQ(parse_size("5M").value(), 5U << 20);
  EXPECT_EQ(parse_size("1G").value(), 1U << 30);
  for (const auto* bad : {"", "M", "5T", "5MB", "-1", "1.5M", "99999999999999999999", "5 M"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(CleanupRule, SearchAsksForNoLessThanTheRuleMeans) {
  Rule rule;
  EXPECT_EQ(search_criteria(rule, now), "ALL");
  rule.marked = Want::yes;
  rule.seen = Want::no;
  rule.flagged = Want::no;
  rule.larger_than = 5000;
  rule.older_than_days = 30;
  rule.from = "list@example.org";
  rule.subject = "Grüße";  // is compared here alone
  // now is 14-Nov-2023 22:13:20 UTC.
  EXPECT_EQ(search_criteria(rule, now),
            "DELETED UNSEEN UNFLAGGED LARGER 5000 BEFORE 17-Oct-2023 FROM \"list@example.org\"");
  rule = Rule();
  rule.older_than_days = 1;
  rule.by_date_header = true;
  rule.from = "say \"x\"";
  EXPECT_EQ(search_criteria(rule, now), "OR BEFORE 15-Nov-2023 SENTBEFORE 15-Nov-2023");
}

Message message() {
  Message out;
  out.uid = Uid(7);
  out.size = 1000;
  out.arrived = now.seconds() - 10 * day;
  out.sent = now.seconds() - 20 * day;
  out.from = "Anna Müller <anna@Example.org>";
  out.subject = "Hello";
  return out;
}

TEST(CleanupRule, MessagesAreJudgedByEachCondition) {
  const Message one = message();
  Rule rule;
  EXPECT_TRUE(matches(rule, one, now));
  rule.marked = Want::yes;
  EXPECT_FALSE(matches(rule, one, now));
  rule.marked = Want::no;
  EXPECT_TRUE(matches(rule, one, now));
  rule.older_than_days = 10;  // it is exactly that old, not older
  EXPECT_FALSE(matches(rule, one, now));
  rule.older_than_days = 9;
  EXPECT_TRUE(matches(rule, one, now));
  rule.older_than_days = 15;
  EXPECT_FALSE(matches(rule, one, now));
  rule.by_date_header = true;
  EXPECT_TRUE(matches(rule, one, now));
  rule.larger_than = 1000;
  EXPECT_FALSE(matches(rule, one, now));
  rule.larger_than = 999;
  EXPECT_TRUE(matches(rule, one, now));
  rule.from = "ANNA@example";
  rule.subject = "ell";
  EXPECT_TRUE(matches(rule, one, now));
  rule.from = "MÜLLER";
  EXPECT_FALSE(matches(rule, one, now));  // case is that of ASCII letters
  rule.from = "müller";
  EXPECT_TRUE(matches(rule, one, now));
  rule.flagged = Want::yes;
  EXPECT_FALSE(matches(rule, one, now));
}

TEST(CleanupRule, WhatTheServerDoesNotTellIsNotJudged) {
  MessageRow row;
  row.uid = Uid(3);
  row.flags = {"\\Deleted"};
  EXPECT_FALSE(message_of(row));  // a change of flags, told in passing
  row.size = 10;
  row.internal_date = imap::DateTime{1'600'000'000, 60};
  row.header =
      "From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\nDate: nonsense\r\n"
      "Message-ID: <1@x>\r\n\r\n";
  const auto whole = message_of(row);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->marked);
  EXPECT_EQ(whole->sent, 1'600'000'000);
  EXPECT_EQ(whole->from, "Jörg <j@example.org>");
  EXPECT_EQ(whole->key.size(), 16U);
  EXPECT_TRUE(matches(Rule(), *whole, now));
  row.header = "\r\n";
  const auto bare = message_of(row);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->key, "");
  EXPECT_TRUE(matches(Rule(), *bare, now));
}

MailboxInfo mailbox(std::string name, std::string use = "", char delimiter = '/') {
  MailboxInfo out;
  out.name = std::move(name);
  out.special_use = std::move(use);
  out.delimiter = delimiter;
  return out;
}

TEST(CleanupMailboxes, TrashIsFoundByUseBeforeItsName) {
  EXPECT_EQ(trash_of({mailbox("Trash"), mailbox("Bin of old", "\\Trash")}), "Bin of old");
  EXPECT_EQ(trash_of({mailbox("INBOX"), mailbox("INBOX.Papierkorb", "", '.')}), "INBOX.Papierkorb");
  EXPECT_EQ(trash_of({mailbox("INBOX"), mailbox("Trash can lids")}), "");
}

TEST(CleanupMailboxes, PatternsChooseAndViewsAreLeftOut) {
  const std::vector<MailboxInfo> all = {
      mailbox("INBOX"),          mailbox("Lists/dev"),         mailbox("Lists/dev/old"),
      mailbox("Junk", "\\Junk"), mailbox("All Mail", "\\All"), mailbox("Trash", "\\Trash")};
  using Names = std::vector<std::string>;
  Rule rule;
  EXPECT_EQ(mailboxes_of(rule, "Trash", all),
            (Names{"INBOX", "Lists/dev", "Lists/dev/old", "Junk"}));
  rule.across = true;
  EXPECT_EQ(mailboxes_of(rule, "", all), (Names{"INBOX", "Lists/dev", "Lists/dev/old"}));
  rule.mailboxes = {"Lists/%", "All Mail"};
  EXPECT_EQ(mailboxes_of(rule, "", all), (Names{"Lists/dev", "All Mail"}));
  rule.mailboxes = {"*"};
  rule.exclude = {"Lists/*"};
  EXPECT_EQ(mailboxes_of(rule, "", all), (Names{"INBOX"}));
  // A pattern may be written with the server's delimiter or with "/".
  rule = Rule();
  rule.mailboxes = {"INBOX/a/%"};
  EXPECT_EQ(mailboxes_of(rule, "", {mailbox("INBOX.a.b", "", '.')}), (Names{"INBOX.a.b"}));
}

}  // namespace
}  // namespace eilpost::client
