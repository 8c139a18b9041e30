#include "server/imap/mailbox_scope.h"

#include <gtest/gtest.h>

namespace eilpost::server {
namespace {

using imap::MailboxFilter;
using imap::MailboxScope;

store::MailboxDef def(uint64_t id, uint64_t parent, std::string leaf, bool selectable = true) {
  store::MailboxDef out;
  out.id = MailboxId(id);
  out.parent = MailboxId(parent);
  out.leaf = std::move(leaf);
  out.selectable = selectable;
  return out;
}

class Scopes : public testing::Test {
 protected:
  std::vector<uint64_t> of(const std::vector<MailboxFilter>& filters,
                           const ScopeSurroundings& surroundings = {}) {
    std::vector<uint64_t> out;
    for (const MailboxId id : mailboxes_of(tree_, filters, surroundings)) out.push_back(id.value);
    return out;
  }

  store::FolderTree tree_{{def(1, 0, "INBOX"), def(2, 0, "a", false), def(3, 2, "b"),
                           def(4, 3, "c"), def(5, 0, "ab"), def(6, 1, "x")},
                          {"a/b", "ab", "gone"}};
};

using Ids = std::vector<uint64_t>;

TEST_F(Scopes, SelectedPersonalAndSubscribed) {
  EXPECT_EQ(of({{MailboxScope::selected, {}}}), Ids{});
  EXPECT_EQ(of({{MailboxScope::selected, {}}}, {.selected = MailboxId(4)}), Ids{4});
  EXPECT_EQ(of({{MailboxScope::personal, {}}}), (Ids{1, 6, 3, 4, 5}));
  EXPECT_EQ(of({{MailboxScope::subscribed, {}}}), (Ids{3, 5}));
  EXPECT_EQ(of({{MailboxScope::inboxes, {}}}), Ids{1});
  EXPECT_EQ(of({{MailboxScope::inboxes, {}}}, {.delivers_to_all = true}), (Ids{1, 6, 3, 4, 5}));
}

TEST_F(Scopes, Subtrees) {
  EXPECT_EQ(of({{MailboxScope::subtree, {"a"}}}), (Ids{3, 4}));
  EXPECT_EQ(of({{MailboxScope::subtree_one, {"a"}}}), Ids{3});
  EXPECT_EQ(of({{MailboxScope::subtree_one, {"a/b"}}}), (Ids{3, 4}));
  EXPECT_EQ(of({{MailboxScope::subtree, {"inbox"}}}), (Ids{1, 6}));
  EXPECT_EQ(of({{MailboxScope::subtree_one, {""}}}), (Ids{1, 5}));
  EXPECT_EQ(of({{MailboxScope::subtree, {"nowhere"}}}), Ids{});
}

TEST_F(Scopes, EachMailboxOnce) {
  EXPECT_EQ(of({{MailboxScope::mailboxes, {"ab", "inbox", "ab", "gone"}},
                {MailboxScope::subtree, {"ab"}},
                {MailboxScope::selected, {}}},
               {.selected = MailboxId(1)}),
            (Ids{1, 5}));
}

}  // namespace
}  // namespace eilpost::server
