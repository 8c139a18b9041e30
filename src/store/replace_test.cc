// One message in another's place: one modseq, counters and quota that fit, all or nothing.
#include <gtest/gtest.h>

#include "store/audit_testing.h"
#include "store/mutations.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

Result<AppendResult> replace_in(World& world, const ReplaceRequest& request) {
  return world.run<AppendResult>(
      [=, &world](Tx& tx) { return replace(tx, *world.engine, request); });
}

ReplaceRequest request_for(World& world, MailboxId to, Uid uid) {
  ReplaceRequest request;
  request.append.mailbox = to;
  request.append.messages = new_messages(world, "new", 1);
  request.mailbox = inbox_id;
  request.uid = uid;
  return request;
}

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

TEST(Replace, OneCommitForBoth) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200, flag_seen)));
  const auto done = replace_in(world, request_for(world, inbox_id, Uid(7)));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(done->uids, std::vector<Uid>{Uid(201)});
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(box->counters.exists, 200U);
  EXPECT_EQ(box->counters.unseen, 1U);
  EXPECT_EQ(box->counters.highest_modseq, done->modseq);
  EXPECT_FALSE(box->tree.find(Uid(7)));
  EXPECT_EQ(box->tree.find(Uid(201))->modseq, done->modseq);
  expect_sound(world);
}

TEST(Replace, IntoAnotherMailbox) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  ASSERT_TRUE(replace_in(world, request_for(world, other, Uid(3))));
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 2U);
  EXPECT_EQ((*world.open(other))->counters.exists, 1U);
  expect_sound(world);
}

TEST(Replace, NothingChangesWhenItCannotBe) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  const SnapshotPtr before = *world.open(inbox_id);
  EXPECT_EQ(replace_in(world, request_for(world, inbox_id, Uid(9))).error().code,
            Code::expunge_issued);
  EXPECT_EQ(replace_in(world, request_for(world, MailboxId(99), Uid(1))).error().code,
            Code::not_found);
  ReplaceRequest over = request_for(world, inbox_id, Uid(1));
  over.append.messages.push_back(new_message(world, "second"));
  over.append.quota.messages = 3;
  EXPECT_EQ(replace_in(world, over).error().code, Code::over_quota);
  const SnapshotPtr after = *world.open(inbox_id);
  EXPECT_EQ(after->counters.exists, before->counters.exists);
  EXPECT_EQ(after->counters.highest_modseq, before->counters.highest_modseq);
  EXPECT_TRUE(after->tree.find(Uid(1)));
}

TEST(Replace, WhatGoesMakesRoom) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  ReplaceRequest request = request_for(world, inbox_id, Uid(2));
  request.append.quota.messages = 3;
  EXPECT_TRUE(replace_in(world, request));
  expect_sound(world);
}

TEST(Replace, OneForOneBeyondTheNumberOfMessages) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  ReplaceRequest request = request_for(world, inbox_id, Uid(2));
  request.append.messages.front().cold.size += 100;
  request.append.quota.messages = 1;
  EXPECT_TRUE(replace_in(world, request));
  request = request_for(world, inbox_id, Uid(4));
  request.append.messages.push_back(new_message(world, "second"));
  request.append.quota.messages = 1;
  EXPECT_EQ(replace_in(world, request).error().code, Code::over_quota);
}

}  // namespace
}  // namespace eilpost::store
