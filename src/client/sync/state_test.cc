#include "client/sync/state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"

namespace eilpost::client {
namespace {

class StateTest : public ::testing::Test {
 protected:
  StateTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "eilpost-state-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
  }
  ~StateTest() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ + "/sync.db"; }

  std::string directory_;
};

TEST_F(StateTest, WhatIsPutIsThereAtTheNextOpening) {
  int64_t id = 0;
  {
    auto state = SyncState::open(path(), "anna");
    ASSERT_TRUE(state) << state.error().detail;
    auto mailbox = state->add_mailbox("Lists/dev");
    ASSERT_TRUE(mailbox);
    id = mailbox->id;
    mailbox->marks = {7, 100, 1ULL << 62, 3, {11, 12}};
    ASSERT_TRUE(mailbox->keywords.add("Work"));
    ASSERT_TRUE(state->save(*mailbox));
    ASSERT_TRUE(state->put(id, Uid(4'000'000'000), {"b", maildir_seen, {UINT64_MAX, 9}}));
    ASSERT_TRUE(state->put(id, Uid(3), {"a", 0, {5, 6}}));
  }
  auto state = SyncState::open(path(), "anna");
  ASSERT_TRUE(state);
  const auto mailboxes = state->mailboxes();
  ASSERT_EQ(mailboxes->size(), 1U);
  EXPECT_EQ(mailboxes->front().name, "Lists/dev");
  EXPECT_EQ(mailboxes->front().marks.modseq, 1ULL << 62);
  EXPECT_EQ(mailboxes->front().marks.times, (MaildirTimes{11, 12}));
  EXPECT_EQ(mailboxes->front().keywords.find("Work"), 0);
  std::vector<uint32_t> uids;
  ASSERT_TRUE(state->each(id, [&](Uid uid, std::string_view, MaildirFlags) -> Result<> {
    uids.push_back(uid.value);
    return {};
  }));
  EXPECT_EQ(uids, (std::vector<uint32_t>{3, 4'000'000'000}));
  const auto message = state->message(id, Uid(4'000'000'000));
  EXPECT_EQ(message->key, (ContentKey{UINT64_MAX, 9}));
  EXPECT_EQ(state->message(id, Uid(5)).error().code, Code::not_found);
  EXPECT_EQ(*state->count(id), 2U);
}

TEST_F(StateTest, AnotherMailboxHasUidsOfItsOwn) {
  auto state = SyncState::open(path(), "anna");
  const int64_t a = state->add_mailbox("A")->id;
  const int64_t b = state->add_mailbox("B")->id;
  ASSERT_TRUE(state->put(a, Uid(1), {"x", 0, {}}));
  ASSERT_TRUE(state->put(b, Uid(1), {"y", 0, {}}));
  ASSERT_TRUE(state->remove_mailbox(a));
  EXPECT_EQ(*state->count(a), 0U);
  EXPECT_EQ(state->message(b, Uid(1))->name, "y");
}

TEST_F(StateTest, AnotherUidvalidityLoosensWhatIsKnown) {
  auto state = SyncState::open(path(), "anna");
  const int64_t id = state->add_mailbox("A")->id;
  ASSERT_TRUE(state->put(id, Uid(1), {"x", maildir_seen, {5, 6}}));
  ASSERT_TRUE(state->put_loose(id, {{"sent", 0, {7, 8}}, 50, false}));
  ASSERT_TRUE(state->loosen(id));
  EXPECT_EQ(*state->count(id), 0U);
  const auto loose = state->loose(id);
  ASSERT_EQ(loose->size(), 2U);
  EXPECT_EQ((*loose)[0].message.name, "sent");
  EXPECT_EQ((*loose)[0].sent_from, 1U);
  EXPECT_EQ((*loose)[1].message.flags, maildir_seen);
  EXPECT_EQ((*loose)[1].message.key, (ContentKey{5, 6}));
  ASSERT_TRUE(state->remove_loose(id, "x"));
  EXPECT_EQ(state->loose(id)->size(), 1U);
}

TEST_F(StateTest, AnotherAccountAndASecondProcessAreRefused) {
  auto state = SyncState::open(path(), "anna");
  ASSERT_TRUE(state);
  EXPECT_EQ(SyncState::open(path(), "anna").error().code, Code::in_use);
  state = SyncState::open(directory_ + "/other.db", "anna");
  EXPECT_EQ(SyncState::open(path(), "bob").error().code, Code::invalid);
}

TEST_F(StateTest, WhatIsNoStateIsCorrupt) {
  std::ofstream(path()) << std::string(5000, 'x');
  EXPECT_EQ(SyncState::open(path(), "anna").error().code, Code::corrupt);
}

TEST_F(StateTest, WhatIsNotCommittedIsTakenBack) {
  auto state = SyncState::open(path(), "anna");
  const int64_t id = state->add_mailbox("A")->id;
  {
    auto all = state->begin();
    ASSERT_TRUE(all);
    ASSERT_TRUE(state->put(id, Uid(1), {"x", 0, {}}));
  }
  EXPECT_EQ(*state->count(id), 0U);
}

}  // namespace
}  // namespace eilpost::client
