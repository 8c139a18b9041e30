#include "store/folders.h"

#include <gtest/gtest.h>

namespace eilpost::store {
namespace {

MailboxDef def(uint64_t id, uint64_t parent, std::string leaf) {
  MailboxDef out;
  out.id = MailboxId(id);
  out.parent = MailboxId(parent);
  out.leaf = std::move(leaf);
  return out;
}

std::vector<std::string> names(const FolderTree& tree) {
  std::vector<std::string> out;
  for (const auto& entry : tree.entries()) out.push_back(entry.name);
  return out;
}

TEST(Folders, OnlyTheFirstLevelInboxComparesWithoutCase) {
  EXPECT_EQ(canonical_name("inbox"), "INBOX");
  EXPECT_EQ(canonical_name("InBoX/Sub"), "INBOX/Sub");
  EXPECT_EQ(canonical_name("a/inbox"), "a/inbox");
  EXPECT_EQ(canonical_name("inboxes"), "inboxes");
  EXPECT_EQ(canonical_name("inbo"), "inbo");
  EXPECT_EQ(canonical_name(""), "");
}

TEST(Folders, ListInboxFirstAndTheRestByOctets) {
  const FolderTree tree({def(1, 0, "INBOX"), def(2, 0, "a"), def(3, 0, "Z"), def(4, 1, "sub"),
                         def(5, 2, "x"), def(6, 0, "Archive")},
                        {"a", "gone"});
  EXPECT_EQ(names(tree),
            (std::vector<std::string>{"INBOX", "Archive", "INBOX/sub", "Z", "a", "a/x"}));
  EXPECT_EQ(tree.find("iNbOx/sub")->id, MailboxId(4));
  EXPECT_EQ(tree.find("A"), nullptr);
  EXPECT_EQ(tree.find(MailboxId(5))->leaf, "x");
  EXPECT_EQ(tree.find(MailboxId(50)), nullptr);
  EXPECT_EQ(tree.name(MailboxId(5)), "a/x");
  EXPECT_EQ(tree.name(MailboxId(50)), "");
  EXPECT_TRUE(tree.has_children(MailboxId(2)));
  EXPECT_FALSE(tree.has_children(MailboxId(5)));
  EXPECT_EQ(tree.subscriptions().count("gone"), 1U);
  EXPECT_EQ(tree.size(), 6U);
}

TEST(Folders, DescendantsComeParentsFirst) {
  const FolderTree tree({def(9, 0, "a"), def(8, 9, "b"), def(7, 8, "c"), def(6, 9, "d")}, {});
  EXPECT_EQ(tree.descendants(MailboxId(9)),
            (std::vector<MailboxId>{MailboxId(6), MailboxId(8), MailboxId(7)}));
  EXPECT_TRUE(tree.descendants(MailboxId(7)).empty());
}

TEST(Folders, DeletedOnesAreKeptApart) {
  MailboxDef gone = def(3, 0, "a");
  gone.deleted_seconds = 5;
  const FolderTree tree({def(1, 0, "INBOX"), def(2, 0, "a"), gone}, {});
  EXPECT_EQ(tree.find("a")->id, MailboxId(2));
  EXPECT_EQ(tree.find(MailboxId(3)), nullptr);
  ASSERT_EQ(tree.deleted().size(), 1U);
  EXPECT_EQ(tree.all().size(), 3U);
}

TEST(Folders, AnOrphanHangsAtTheTop) {
  const FolderTree tree({def(1, 0, "INBOX"), def(5, 77, "lost")}, {});
  EXPECT_EQ(tree.find("lost")->id, MailboxId(5));
}

TEST(Folders, ALoopOfParentsEnds) {
  const FolderTree tree({def(5, 6, "a"), def(6, 5, "b")}, {});
  EXPECT_EQ(tree.size(), 2U);
  EXPECT_LE(tree.descendants(MailboxId(5)).size(), 2U);
}

}  // namespace
}  // namespace eilpost::store
