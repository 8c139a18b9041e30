// An account among other nodes and over storage that hangs: followers, lost wakes, stalled commits,
// an engine that is not reachable, turns, and the log's bound.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/log.h"
#include "store/audit_testing.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

// Runs what is posted, but decides nothing that the engine has delayed or stalled.
void post_all(World& world) {
  while (world.queue.step()) {
  }
}

StoreRequest seen(uint32_t first, FlagChange change = FlagChange::add) {
  StoreRequest out;
  out.mailbox = inbox_id;
  out.uids = uid(first);
  out.change = change;
  out.flags = flag_seen;
  return out;
}

// Asks without waiting; the answer comes into the pointer.
std::shared_ptr<std::optional<Result<StoreResult>>> ask(World& world, size_t node,
                                                        StoreRequest request) {
  auto answer = std::make_shared<std::optional<Result<StoreResult>>>();
  world.account(node).mutate<StoreResult>(
      {"test", "user"}, [request](Tx& tx) { return store_flags(tx, request); },
      [answer](Result<StoreResult> r) { *answer = std::move(r); });
  return answer;
}

TEST(Follower, FindsWhatALostWakeWouldHaveToldWithinThirtySeconds) {
  World world(2, {.lose_wake = 1000});
  ASSERT_TRUE(world.open(inbox_id, 1));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  world.pass_seconds(5);
  world.drain();
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  EXPECT_EQ(wakes, 0);
  world.counting[1]->take();
  for (int second = 0; second < 30; ++second) {
    world.pass_seconds(1);
    world.drain();
  }
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.account(1).snapshot(inbox_id)->counters.exists, 1U);
  // One comparison, and what the news cost.
  const auto counts = world.counting[1]->take();
  EXPECT_LE(counts.heads, 2U);
  EXPECT_LE(counts.reads, 3U);
}

// What was committed while the watch was on its way.
TEST(Follower, ComparesWhenArmedAndASecondLater) {
  World world(2, {.lose_wake = 1000});
  ASSERT_TRUE(world.open(inbox_id, 1));
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  EXPECT_EQ(wakes, 1);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "n")}));
  EXPECT_EQ(wakes, 1);
  world.pass_seconds(1);
  world.drain();
  EXPECT_EQ(wakes, 2);
}

TEST(Follower, AsksNothingWhenNobodyIsSubscribedOrNobodyElseWrites) {
  World world(2);
  ASSERT_TRUE(world.open(inbox_id, 1));
  auto subscription = world.account(1).subscribe(inbox_id, [] {});
  world.drain();
  subscription.reset();
  world.pass_seconds(70);
  world.drain();
  world.counting[1]->take();
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  world.pass_seconds(100);
  world.drain();
  EXPECT_EQ(world.counting[1]->take().all(), 0U);

  World alone;
  ASSERT_TRUE(alone.open(inbox_id));
  const auto a = alone.account().subscribe(inbox_id, [] {});
  alone.counting[0]->take();
  alone.pass_seconds(100);
  ASSERT_TRUE(alone.open(inbox_id));
  EXPECT_EQ(alone.counting[0]->take().all(), 0U);
  ASSERT_TRUE(append_to(alone, inbox_id, {new_message(alone, "m")}));
  EXPECT_EQ(alone.counting[0]->take().heads, 0U);
}

TEST(Nodes, AnUnchangedMailboxCostsOneComparison) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200)));
  world.counting[1]->take();
  ASSERT_TRUE(world.open(inbox_id, 1));
  const auto cold = world.counting[1]->take();
  EXPECT_LE(cold.all(), 8U);
  ASSERT_TRUE(world.open(inbox_id, 1));
  const auto warm = world.counting[1]->take();
  EXPECT_EQ(warm.heads, 1U);
  EXPECT_EQ(warm.all(), 1U);
}

// Its own guard says that the state it was made on was the newest.
TEST(Nodes, AChangeCostsOneCommitAndTellsItsOwnFollowerNothing) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id));
  int wakes = 0;
  const auto subscription = world.account().subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  world.counting[0]->take();
  ASSERT_TRUE(flag(world, seen(1)));
  const auto counts = world.counting[0]->take();
  EXPECT_EQ(counts.commits, 1U);
  EXPECT_EQ(counts.all(), 1U);
  EXPECT_EQ(wakes, 1);
}

// A wake that names the version spares looking for it.
TEST(Nodes, WhatAnotherNodeCommitsCostsTheReadsOfThePatch) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id, 1));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  world.counting[1]->take();
  ASSERT_TRUE(flag(world, seen(1)));
  const auto counts = world.counting[1]->take();
  EXPECT_EQ(counts.heads, 0U);
  EXPECT_EQ(counts.reads, 2U);
  EXPECT_EQ(wakes, 1);
}

// Node 1 has not heard of what node 0 did: what it answers without writing must not rest on what it
// knows.
TEST(Nodes, RefusalsAndWhatWritesNothingAreOfTheNewestState) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id, 1));
  ASSERT_TRUE(create(world, "made elsewhere"));
  const auto there = world.run<bool>(
      [](Tx& tx) -> Result<bool> {
        if (!tx.folders().find("made elsewhere")) return fail(Code::not_found, "no such mailbox");
        return true;
      },
      1);
  EXPECT_TRUE(there);
  // The flag is there already, as far as node 1 knows.
  ASSERT_TRUE(flag(world, seen(1)));
  ASSERT_TRUE(world.open(inbox_id, 1));
  ASSERT_TRUE(flag(world, seen(1, FlagChange::remove)));
  const auto again = world.run<StoreResult>([](Tx& tx) { return store_flags(tx, seen(1)); }, 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(world.open(inbox_id).value()->counters.unseen, 0U);
  // One look when it turns out to be right.
  ASSERT_TRUE(world.open(inbox_id, 1));
  world.counting[1]->take();
  const auto refused =
      world.run<bool>([](Tx&) -> Result<bool> { return fail(Code::cannot, "never"); }, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::cannot);
  EXPECT_EQ(world.counting[1]->take().all(), 1U);
}

// A commit that waits with an engine that does not say that it stalls.
TEST(Stall, IsFoundByTheClockAsWell) {
  log::configure({.level = log::Level::error});
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  world.engine->set_options({.delay_commit = 1000});
  const auto slow = ask(world, 0, seen(1));
  post_all(world);
  world.pass_seconds(limits::commit_stall_ms / 1000);
  post_all(world);
  EXPECT_FALSE(*slow);
  world.pass_seconds(1);
  post_all(world);
  ASSERT_TRUE(*slow);
  ASSERT_FALSE(**slow);
  EXPECT_EQ((**slow).error().code, Code::unavailable);
  world.engine->set_options({});
  world.drain();
  EXPECT_EQ(world.open(inbox_id).value()->counters.unseen, 0U);
  ASSERT_TRUE(flag(world, seen(1, FlagChange::remove)));
}

TEST(Stall, AnswersAtOnceAndCatchesUpWhenItIsDecided) {
  log::configure({.level = log::Level::error});
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id));
  int wakes = 0;
  const auto subscription = world.account().subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  world.engine->set_options({.stall_commit = 1000});
  const auto stalled = ask(world, 0, seen(1));
  // The commit: what comes now waits behind it.
  world.queue.step();
  const auto behind = ask(world, 0, seen(1, FlagChange::remove));
  EXPECT_FALSE(*behind);
  post_all(world);
  ASSERT_TRUE(*stalled && *behind);
  ASSERT_FALSE(**stalled);
  EXPECT_EQ((**stalled).error().code, Code::unavailable);
  const auto refused = ask(world, 0, seen(1));
  ASSERT_TRUE(*refused);
  EXPECT_EQ((**refused).error().code, Code::unavailable);
  EXPECT_EQ(wakes, 0);
  // What is known is served meanwhile.
  EXPECT_EQ(world.account().snapshot(inbox_id)->counters.unseen, 1U);
  world.engine->set_options({});
  world.drain();
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.account().snapshot(inbox_id)->counters.unseen, 0U);
  ASSERT_TRUE(flag(world, seen(1, FlagChange::remove)));
  EXPECT_EQ(world.account().snapshot(inbox_id)->counters.unseen, 1U);
}

// The other node was first: what was stalled never happens, and is not run again.
TEST(Stall, WhatLosesIsNotRunAgain) {
  log::configure({.level = log::Level::error});
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id));
  world.engine->set_options({.stall_commit = 1000});
  const auto stalled = ask(world, 0, seen(1));
  post_all(world);
  ASSERT_TRUE(*stalled);
  world.engine->set_options({});
  StoreRequest other = seen(1);
  other.flags = flag_flagged;
  const auto first = ask(world, 1, other);
  post_all(world);
  ASSERT_TRUE(*first && **first);
  world.drain();
  EXPECT_EQ(world.open(inbox_id).value()->tree.find(Uid(1))->flags, flag_flagged);
  ASSERT_TRUE(flag(world, seen(1)));
}

TEST(Unreachable, RefusesAtOnceServesWhatItHasAndGoesOn) {
  log::configure({.level = log::Level::error});
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id, 1));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  world.engine->set_reachable(false);
  const auto refused = ask(world, 1, seen(1));
  ASSERT_TRUE(*refused);
  EXPECT_EQ((**refused).error().code, Code::unavailable);
  std::optional<Result<>> fresh;
  world.account(1).refresh([&](Result<> r) { fresh = std::move(r); });
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->error().code, Code::unavailable);
  EXPECT_NE(world.account(1).snapshot(inbox_id), nullptr);
  world.pass_seconds(40);
  world.drain();
  EXPECT_EQ(wakes, 0);
  world.engine->set_reachable(true);
  world.engine->set_options({.lose_wake = 1000});
  ASSERT_TRUE(flag(world, seen(1)));
  world.pass_seconds(1);
  world.drain();
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.account(1).snapshot(inbox_id)->counters.unseen, 0U);
}

TEST(Turns, AreAskedForAfterThreeConflictsInARow) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  world.engine->set_options({.seed = 1, .conflict = 1000});
  const auto answer = ask(world, 0, seen(1));
  for (int i = 0; i < 10'000 && !*answer; ++i) world.queue.step();
  ASSERT_TRUE(*answer);
  EXPECT_EQ((**answer).error().code, Code::unavailable);
  // A hundred tries, but for the first three and the last.
  EXPECT_EQ(world.engine->turns(), 98U);
  world.engine->set_options({});
  ASSERT_TRUE(flag(world, seen(1)));
  EXPECT_EQ(world.engine->turns(), 98U);
}

TEST(Refusals, AreAnsweredWithoutALookup) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id));
  world.counting[0]->take();
  world.engine->set_options({.refuse_commit = 1000});
  const auto r = flag(world, seen(1));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::io);
  const auto counts = world.counting[0]->take();
  EXPECT_EQ(counts.reads, 0U);
  EXPECT_EQ(counts.commits, 1U);
}

// An answer is lost, and then nothing can be read for a while.
TEST(Lookups, AreMadeAgainAfterPausesAndThenGivenUp) {
  for (const bool recovers : {true, false}) {
    World world;
    ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
    ASSERT_TRUE(world.open(inbox_id));
    world.engine->set_options({.unknown_written = 1000, .fail_read = 1000});
    world.counting[0]->take();
    const auto answer = ask(world, 0, seen(1));
    post_all(world);
    EXPECT_FALSE(*answer);
    EXPECT_TRUE(world.account().settling());
    const auto lookups = world.counting[0]->take().reads;
    post_all(world);
    EXPECT_EQ(world.counting[0]->take().reads, 0U) << "it spins";
    EXPECT_LE(lookups, 3U);
    if (recovers) world.engine->set_options({});
    for (int second = 0; second < 10; ++second) {
      world.pass_seconds(1);
      post_all(world);
    }
    ASSERT_TRUE(*answer);
    world.engine->set_options({});
    if (recovers) {
      ASSERT_TRUE(**answer);
    } else {
      ASSERT_FALSE(**answer);
      EXPECT_EQ((**answer).error().code, Code::unknown);
    }
    // Whatever the caller was told, what is there is served.
    EXPECT_EQ(world.open(inbox_id).value()->counters.unseen, 0U);
  }
}

// Simulation seed 3165: nobody else writes, so nobody looked again.
TEST(Lookups, WhatNobodyCouldTellReachesSubscribersLater) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  ASSERT_TRUE(world.open(inbox_id));
  int wakes = 0;
  const auto subscription = world.account().subscribe(inbox_id, [&] { ++wakes; });
  world.engine->set_options({.unknown_written = 1000, .fail_read = 1000});
  const auto answer = ask(world, 0, seen(1));
  post_all(world);
  for (int second = 0; second < 10; ++second) {
    world.pass_seconds(1);
    post_all(world);
  }
  ASSERT_TRUE(*answer);
  EXPECT_EQ((**answer).error().code, Code::unknown);
  EXPECT_EQ(wakes, 0);
  world.engine->set_options({});
  world.pass_seconds(1);
  world.drain();
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.account().snapshot(inbox_id)->counters.unseen, 0U);
}

TEST(Log, IsKeptWithinItsBound) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  ASSERT_TRUE(world.open(inbox_id));
  const ModSeq early = world.account().head()->last_modseq;
  constexpr uint64_t much = limits::log_rows_max + limits::log_rows_max / 4;
  for (uint64_t i = 0; i < much + 1000; ++i) {
    ASSERT_TRUE(flag(world, seen(1, i % 2 == 0 ? FlagChange::add : FlagChange::remove)));
  }
  EXPECT_LE(world.account().head()->log_rows, much + 1);
  EXPECT_GT(world.account().head()->log_floor, early);
  EXPECT_FALSE(world.account().changes_since(inbox_id, early)->complete);
  {
    const Audit audit(*world.memory, test_partition);
    EXPECT_TRUE(audit.problems().empty()) << audit.problems()[0];
    EXPECT_EQ(audit.log().size(), world.account().head()->log_rows);
  }
  // The maintenance goes down to the bound, however young the rows are.
  EXPECT_TRUE(log_too_long(*world.account().head()));
  while (*world.run<bool>([](Tx& tx) { return trim_log(tx, 0); })) {
  }
  EXPECT_LE(world.account().head()->log_rows, limits::log_rows_max + 2);
  EXPECT_GT(world.account().head()->log_rows, limits::log_rows_max - 10);
  const ModSeq since(world.account().head()->last_modseq.value - 1000);
  EXPECT_TRUE(world.account().changes_since(inbox_id, since)->complete);
  // A node that was away for longer than the log reaches reads afresh.
  EXPECT_EQ((*world.open(inbox_id, 1))->counters, (*world.open(inbox_id, 0))->counters);
}

// A mailbox of a million must fit into what an engine may take as one object.
TEST(Partition, OfAMillionMessagesFits) {
  constexpr uint32_t messages = 20'000;
  constexpr uint64_t part = 1'000'000 / messages;
  World world;
  for (uint32_t at = 0; at < messages; at += 200) {
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200)));
  }
  // Flags as they come: no two neighbours alike.
  Random random(1);
  for (uint32_t at = 1; at <= messages; at += 400) {
    UidSet some;
    for (uint32_t n = at; n < at + 400; ++n) {
      if (random.below(3) == 0) some.add(Uid(n));
    }
    ASSERT_TRUE(flag(world, {inbox_id, some, FlagChange::add, flag_seen, {}, {}, {}}));
  }
  uint64_t rows = 0;
  uint64_t bytes = 0;
  for (const char kind : {'P', 'M'}) {
    engine::Range range = keys::all(kind);
    for (bool more = true; more;) {
      const auto read = world.memory->read(test_partition, range);
      ASSERT_TRUE(read);
      more = read->more;
      if (more) range.first = read->rows.back().key + '\0';
      for (const engine::Row& row : read->rows) {
        rows += 1;
        bytes += row.key.size() + row.value.size();
      }
    }
  }
  RecordProperty("rows", static_cast<int>(rows * part));
  RecordProperty("megabytes", static_cast<int>(bytes * part / 1'000'000));
  EXPECT_LT(rows * part + limits::log_rows_max * 5 / 4, limits::partition_rows_max);
  EXPECT_LT(bytes * part + limits::log_bytes_max * 5 / 4, limits::partition_bytes_max);
}

}  // namespace
}  // namespace eilpost::store
