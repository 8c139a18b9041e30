// How an account runs what it is asked: groups, failures, lost answers, several nodes.
#include "store/account.h"

#include <gtest/gtest.h>

#include "store/audit_testing.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

// Asks for an append and notes how it went; runs nothing.
void ask_append(World& world, std::vector<std::optional<Result<AppendResult>>>& out, size_t at,
                const AppendRequest& request, size_t node = 0) {
  world.account(node).mutate<AppendResult>(
      {"s" + std::to_string(at), "user"}, [=](Tx& tx) { return append(tx, request); },
      [&out, at](Result<AppendResult> r) {
        EXPECT_FALSE(out[at]) << "answered twice";
        out[at] = std::move(r);
      });
}

TEST(Account, CommitsTogetherWhatWaitsTogether) {
  World world;
  ASSERT_TRUE(world.open(inbox_id));
  const auto before = world.version();
  std::vector<std::optional<Result<AppendResult>>> results(40);
  for (size_t i = 0; i < 40; ++i) {
    ask_append(world, results, i, {inbox_id, {new_message(world, std::to_string(i))}, {}});
  }
  world.drain();
  EXPECT_EQ(world.version(), before + 1);
  for (size_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(results[i] && *results[i]);
    EXPECT_EQ((*results[i])->uids, std::vector<Uid>{Uid(static_cast<uint32_t>(i + 1))});
    if (i == 0) continue;
    EXPECT_GT((*results[i])->modseq, (*results[i - 1])->modseq);
  }
  const auto log = world.account().read_log(ModSeq(1), 100);
  ASSERT_EQ(log->size(), 1U);
  EXPECT_EQ(log->at(0).changes.size(), 40U);
  EXPECT_EQ(log->at(0).changes[7].author.session, "s7");
  expect_sound(world);
}

TEST(Account, OneThatFailsDisturbsNoOther) {
  World world;
  const auto before = world.version();
  std::vector<std::optional<Result<AppendResult>>> results(9);
  for (size_t i = 0; i < 9; ++i) {
    AppendRequest request{inbox_id, new_messages(world, "m" + std::to_string(i), 100), {}};
    // The last message of every third is refused after 99 were written, one page sealed among them.
    if (i % 3 == 1) request.messages[99].keywords = {std::string(1000, 'k')};
    ask_append(world, results, i, request);
  }
  world.drain();
  EXPECT_EQ(world.version(), before + 1);
  uint32_t next = 1;
  for (size_t i = 0; i < 9; ++i) {
    ASSERT_TRUE(results[i]);
    ASSERT_EQ(results[i]->has_value(), i % 3 != 1);
    if (i % 3 == 1) continue;
    EXPECT_EQ((*results[i])->uids.front(), Uid(next));
    next += 100;
  }
  expect_sound(world);
  // What the refused ones staged for sealing is gone: 600 messages and four digest blobs of theirs
  // are left, besides the 300 messages that the caller staged in vain.
  size_t digests = 0;
  ASSERT_TRUE(world.memory->scan_blobs([&](const engine::BlobRecord& r) {
    digests += r.place.rfind("digests", 0) == 0 ? 1 : 0;
    return true;
  }));
  EXPECT_EQ(digests, 4U);
}

TEST(Account, NamesChangedInAGroupAreSeenByTheNext) {
  World world;
  std::vector<std::string> log;
  const auto ask = [&](const std::string& name) {
    world.account().mutate<MailboxId>(
        {},
        [=](Tx& tx) {
          return create_mailbox(tx, {name, 0});
        },
        [&log, name](Result<MailboxId> r) { log.push_back(name + (r ? " ok" : " no")); });
  };
  ask("a");
  ask("a");
  ask("a/b");
  world.drain();
  EXPECT_EQ(log, (std::vector<std::string>{"a ok", "a no", "a/b ok"}));
  expect_sound(world);
}

TEST(Account, ThatIsNotThereAnswersNotFound) {
  World world;
  const AccountPtr account = world.stores[0]->account(PartitionId(1234));
  std::optional<Result<>> answer;
  account->refresh([&](Result<> r) { answer = std::move(r); });
  world.drain();
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().code, Code::not_found);
}

TEST(Store, MakesAnAccountOnce) {
  World world;
  const PartitionId fresh(99);
  EXPECT_TRUE(world.stores[0]->create_account(fresh));
  const auto again = world.stores[0]->create_account(fresh);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::already_exists);
  EXPECT_TRUE(world.stores[0]->remove_account(fresh));
  std::optional<Result<>> answer;
  world.stores[0]->account(fresh)->refresh([&](Result<> r) { answer = std::move(r); });
  world.drain();
  EXPECT_FALSE(answer.value());
}

// Without looking through everybody's blobs, and whatever the account's rows are like.
TEST(Store, RemovesTheBlobsThatAnAccountsRowsName) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
  UidSet few = uids(1, 5);
  ASSERT_TRUE(copy_in(world, {inbox_id, inbox_id, few}));
  // One page is sealed: its messages and their digests are named by one row.
  const auto left = [&] {
    size_t count = 0;
    EXPECT_TRUE(world.memory->scan_blobs([&](const engine::BlobRecord&) { return ++count > 0; }));
    return count;
  };
  EXPECT_GT(left(), 300U);
  // It is broken off, and taken up again.
  world.engine->set_options({.fail_read = 500});
  int tries = 0;
  while (!world.stores[0]->remove_account(test_partition)) ASSERT_LT(++tries, 1000);
  world.engine->set_options({});
  EXPECT_EQ(left(), 0U);
  EXPECT_EQ(world.version(), 0U);
  EXPECT_TRUE(world.stores[0]->remove_account(test_partition));
}

// The answer is lost, the commit happened: it is found by its id and not done again.
TEST(Account, SettlesALostAnswer) {
  World world(1, {.unknown_written = 1000});
  const auto before = world.version();
  const auto r = append_to(world, inbox_id, new_messages(world, "m", 200));
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(world.version(), before + 1);
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 200U);
  expect_sound(world);
}

// The same when the log cannot be read at first: it must not be taken for "did not happen".
TEST(Account, SettlesALostAnswerThoughReadsFail) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World world(1, {.seed = seed});
    ASSERT_TRUE(world.open(inbox_id));
    world.engine->set_options({.unknown_written = 1000, .fail_read = 800});
    const auto before = world.version();
    const auto r = append_to(world, inbox_id, {new_message(world, "m")});
    EXPECT_EQ(world.version(), before + 1) << "seed " << seed;
    EXPECT_TRUE(r || r.error().code == Code::unknown);
    world.engine->set_options({});
    EXPECT_EQ((*world.open(inbox_id))->counters.exists, 1U);
    expect_sound(world);
  }
}

// Nobody can say what became of it: the caller is told so, and the next look is at the truth.
TEST(Account, SaysThatNobodyKnowsAndReadsAfresh) {
  World world;
  ASSERT_TRUE(world.open(inbox_id));
  const NewMessage message = new_message(world, "m");
  world.engine->set_options({.unknown_written = 1000, .fail_read = 1000});
  const auto r = append_to(world, inbox_id, {message});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::unknown);
  world.engine->set_options({});
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 1U);
  expect_sound(world);
}

TEST(Account, RunsAgainWhenTheCommitWasLost) {
  World world(1, {.seed = 3, .unknown_lost = 500});
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 20)));
  }
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 600U);
  expect_sound(world);
}

// A disk that refuses ends the request with its error and changes nothing.
TEST(Account, AnswersARefusal) {
  World world(1, {.refuse_commit = 1000});
  const auto r = append_to(world, inbox_id, {new_message(world, "m")});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::io);
  world.engine->set_options({});
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 0U);
  EXPECT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  expect_sound(world);
}

TEST(Account, GivesUpAfterConflictsWithoutEnd) {
  World world(1, {.conflict = 1000});
  const auto r = append_to(world, inbox_id, {new_message(world, "m")});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::unavailable);
  expect_sound(world);
}

// A mutation that sees a newer head while reads fail must end, not spin.
TEST(Account, EndsWhenItCannotReadAfresh) {
  World world(2);
  ASSERT_TRUE(world.open(inbox_id, 0));
  ASSERT_TRUE(world.open(inbox_id, 1));
  const NewMessage message = new_message(world, "m");
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "n")}));
  world.engine->set_options({.fail_read = 1000});
  const auto r = world.run<AppendResult>(
      [&](Tx& tx) {
        return append(tx, AppendRequest{inbox_id, {message}, {}});
      },
      1);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::unavailable);
}

TEST(Nodes, SeeWhatTheOtherDid) {
  World world(2);
  ASSERT_TRUE(world.open(inbox_id, 1));
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 150)));
  EXPECT_EQ((*world.open(inbox_id, 1))->counters.exists, 150U);
  const MailboxId other = *create(world, "other");
  // Answered from a state no older than the request, without anybody refreshing.
  const auto r = world.run<CopyResult>(
      [&](Tx& tx) {
        return copy(tx, *world.engine, {inbox_id, other, uids(1, 150), true, {}});
      },
      1);
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->uids.size(), 150U);
  EXPECT_EQ((*world.open(inbox_id, 0))->counters.exists, 0U);
  expect_sound(world);
}

// A flag that node 0 took away is set again by node 1, which has last seen it set.
TEST(Nodes, DoNotAnswerNothingToDoFromAnOldState) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m", flag_seen)}));
  ASSERT_TRUE(world.open(inbox_id, 1));
  ASSERT_TRUE(flag(world, {inbox_id, uid(1), FlagChange::remove, flag_seen, {}, {}}));
  const auto r = world.run<StoreResult>(
      [](Tx& tx) {
        return store_flags(tx, {inbox_id, uid(1), FlagChange::add, flag_seen, {}, {}});
      },
      1);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->changed, uid(1));
}

TEST(Nodes, WakeSubscribersOfTheOther) {
  World world(2);
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(world.open(inbox_id, 1));
  int inbox = 0;
  int elsewhere = 0;
  const auto a = world.account(1).subscribe(inbox_id, [&] { ++inbox; });
  const auto b = world.account(1).subscribe(other, [&] { ++elsewhere; });
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  EXPECT_GE(inbox, 1);
  EXPECT_EQ(elsewhere, 0);
}

// The wake is lost, but node 1 comes across the news by a change of its own elsewhere.
TEST(Nodes, WakeSubscribersOfWhatAConflictShowed) {
  World world(2, {.lose_wake = 1000});
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(world.open(inbox_id, 1));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  EXPECT_EQ(wakes, 0);
  const AppendRequest request{other, {new_message(world, "n")}, {}};
  ASSERT_TRUE(world.run<AppendResult>([&](Tx& tx) { return append(tx, request); }, 1));
  EXPECT_EQ(wakes, 1);
}

TEST(Subscriptions, HearWhatTheyAskedForUntilTheyEnd) {
  World world;
  const MailboxId other = *create(world, "other");
  int inbox = 0;
  int tree = 0;
  int any = 0;
  auto a = world.account().subscribe(inbox_id, [&] { ++inbox; });
  auto b = world.account().subscribe(MailboxId(0), [&] { ++tree; });
  auto c = world.account().subscribe(std::nullopt, [&] { ++any; });
  EXPECT_FALSE(world.account().idle());
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(append_to(world, other, {new_message(world, "m")}));
  EXPECT_EQ(inbox, 1);
  EXPECT_EQ(tree, 0);
  EXPECT_EQ(any, 2);
  ASSERT_TRUE(create(world, "third"));
  EXPECT_EQ(inbox, 1);
  EXPECT_EQ(tree, 1);
  a.reset();
  b.reset();
  c.reset();
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  EXPECT_EQ(inbox, 1);
  EXPECT_TRUE(world.account().idle());
}

TEST(Account, ShedsSnapshotsThatNobodyHolds) {
  World world;
  const MailboxId other = *create(world, "other");
  const SnapshotPtr held = *world.open(inbox_id);
  ASSERT_TRUE(world.open(other));
  world.account().shed();
  EXPECT_EQ(world.account().snapshot(inbox_id), held);
  EXPECT_EQ(world.account().snapshot(other), nullptr);
  ASSERT_TRUE(append_to(world, other, {new_message(world, "m")}));
  EXPECT_EQ((*world.open(other))->counters.exists, 1U);
}

// Account time never goes back, even when the clock does.
TEST(Account, TimeNeverFalls) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  world.clock.advance_micros(-3600'000'000LL);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "n")}));
  const auto log = *world.account().read_log(ModSeq(1), 10);
  ASSERT_EQ(log.size(), 2U);
  EXPECT_GE(log[1].micros, log[0].micros);
}

}  // namespace
}  // namespace eilpost::store
