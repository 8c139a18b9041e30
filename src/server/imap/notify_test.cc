// What a NOTIFY client is told of names: the pure part.
#include "server/imap/notify.h"

#include <gtest/gtest.h>

namespace eilpost::server {
namespace {

store::MailboxDef def(uint64_t id, uint64_t parent, std::string leaf) {
  store::MailboxDef out;
  out.id = MailboxId(id);
  out.parent = MailboxId(parent);
  out.leaf = std::move(leaf);
  return out;
}

std::vector<std::string> told(const store::FolderTree& before, const store::FolderTree& after) {
  std::vector<std::string> out;
  for (const NameChange& change : name_changes(before, after)) {
    out.push_back((change.old_name ? *change.old_name + ">" : std::string()) + change.name);
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(NotifyNames, NothingNew) {
  const store::FolderTree tree({def(1, 0, "INBOX"), def(2, 0, "a")}, {"a"});
  EXPECT_EQ(told(tree, tree), Names());
}

TEST(NotifyNames, MadeAndDeletedWithTheParent) {
  const store::FolderTree before({def(1, 0, "INBOX"), def(2, 0, "a")}, {});
  const store::FolderTree after(
      {def(1, 0, "INBOX"), def(2, 0, "a"), def(3, 2, "b"), def(4, 3, "c")}, {});
  EXPECT_EQ(told(before, after), (Names{"a/b", "a/b/c", "a"}));
  EXPECT_EQ(told(after, before), (Names{"a/b", "a/b/c", "a"}));
}

TEST(NotifyNames, RenamedWithoutThoseBelow) {
  const store::FolderTree before({def(2, 0, "a"), def(3, 2, "b"), def(4, 3, "c")}, {});
  const store::FolderTree after({def(2, 0, "z"), def(3, 2, "b"), def(4, 3, "c")}, {});
  EXPECT_EQ(told(before, after), Names{"a>z"});
  const store::FolderTree moved({def(2, 0, "a"), def(3, 0, "b"), def(4, 3, "c")}, {});
  EXPECT_EQ(told(before, moved), Names{"a/b>b"});
}

TEST(NotifyNames, TwoChangesAtOnce) {
  // "a" and "b" change places: each is a rename.
  const store::FolderTree before({def(2, 0, "a"), def(3, 0, "b")}, {});
  const store::FolderTree after({def(2, 0, "b"), def(3, 0, "a")}, {});
  EXPECT_EQ(told(before, after), (Names{"b>a", "a>b"}));
  // Renamed, and another made in its place.
  const store::FolderTree again({def(2, 0, "z"), def(3, 0, "b"), def(5, 0, "a")}, {});
  EXPECT_EQ(told(before, again), (Names{"a", "a>z"}));
}

TEST(NotifyNames, DeletedAndMadeAgainIsOneChange) {
  const store::FolderTree before({def(2, 0, "a")}, {});
  const store::FolderTree after({def(3, 0, "a")}, {});
  const auto changes = name_changes(before, after);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].id, MailboxId(3));
  EXPECT_EQ(changes[0].old_id, MailboxId(2));
}

TEST(NotifyNames, NoLongerSelectable) {
  const store::FolderTree before({def(2, 0, "a"), def(3, 2, "b")}, {});
  store::MailboxDef husk = def(4, 0, "a");
  husk.selectable = false;
  const store::FolderTree after({husk, def(3, 4, "b")}, {});
  EXPECT_EQ(told(before, after), Names{"a"});
}

TEST(NotifyEvents, GroupsAddUp) {
  using imap::MailboxScope;
  const store::FolderTree tree(
      {def(1, 0, "INBOX"), def(2, 0, "a"), def(3, 2, "b"), def(4, 0, "ab")}, {"ab"});
  const std::vector<imap::NotifyGroup> groups{
      {{MailboxScope::selected, {}}, imap::event_message_new, {}, {}},
      {{MailboxScope::subtree, {"a"}}, imap::event_mailbox_name, {}, {}},
      {{MailboxScope::subscribed, {}}, imap::event_flag_change, {}, {}},
      {{MailboxScope::mailboxes, {"inbox", "a/b"}}, imap::event_subscription_change, {}, {}}};
  EXPECT_EQ(events_of(groups, tree, "a", {}), imap::event_mailbox_name);
  EXPECT_EQ(events_of(groups, tree, "a/b", {}),
            imap::event_mailbox_name | imap::event_subscription_change);
  EXPECT_EQ(events_of(groups, tree, "ab", {}), imap::event_flag_change);
  EXPECT_EQ(events_of(groups, tree, "INBOX", {}), imap::event_subscription_change);
  EXPECT_EQ(events_of(groups, tree, "c", {}), 0);
  // RFC 5465 6.3: inboxes are those to which mail may be delivered.
  const std::vector<imap::NotifyGroup> inboxes{
      {{MailboxScope::inboxes, {}}, imap::event_message_new, {}, {}}};
  EXPECT_EQ(events_of(inboxes, tree, "INBOX", {}), imap::event_message_new);
  EXPECT_EQ(events_of(inboxes, tree, "a", {}), 0);
  EXPECT_EQ(events_of(inboxes, tree, "a", {.delivers_to_all = true}), imap::event_message_new);
}

}  // namespace
}  // namespace eilpost::server
