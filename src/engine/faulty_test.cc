#include "engine/faulty.h"

#include <gtest/gtest.h>

#include "engine/engine_testing.h"

namespace eilpost::engine {
namespace {

constexpr PartitionId one(1);

std::unique_ptr<FaultyEngine> faulty(const FaultyOptions& options) {
  return std::make_unique<FaultyEngine>(std::make_unique<MemoryEngine>(), options);
}

TEST(Faulty, AnUnknownCommitMayHaveBeenWrittenOrNot) {
  auto written = faulty({.unknown_written = 1000});
  EXPECT_EQ(commit_wait(*written, one, 0, put("k", "v")).outcome, Outcome::unknown);
  EXPECT_EQ(*head_wait(*written, one), 1u);
  auto lost = faulty({.unknown_lost = 1000});
  const auto result = commit_wait(*lost, one, 0, put("k", "v"));
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.error.code, Code::unknown);
  EXPECT_EQ(*head_wait(*lost, one), 0u);
}

TEST(Faulty, AnInjectedConflictSaysTheTrueVersion) {
  auto engine = faulty({});
  commit_surely(*engine, one, put("k", "v"));
  engine->set_options({.conflict = 1000});
  const auto result = commit_wait(*engine, one, 1, put("k", "v"));
  EXPECT_EQ(result.outcome, Outcome::conflict);
  EXPECT_EQ(result.version, 1u);
}

TEST(Faulty, ADelayedCommitIsAnsweredByAStep) {
  auto engine = faulty({.delay_commit = 1000});
  int answers = 0;
  for (Version v = 0; v < 3; ++v) {
    engine->commit(one, v, put("k", "v"),
                   [&](CommitResult result) { answers += result.outcome == Outcome::done; });
  }
  EXPECT_EQ(answers, 0);
  EXPECT_EQ(engine->step(2), 1u);
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(engine->step(), 0u);
  EXPECT_EQ(answers, 3);
}

TEST(Faulty, ACrashKeepsWhatWasAcknowledgedAndSomePrefixOfTheRest) {
  bool kept = false;
  bool dropped = false;
  for (uint64_t seed = 1; seed < 40; ++seed) {
    auto engine = faulty({.seed = seed});
    const auto synced = write_blob(*engine, one, "synced");
    const auto unsynced = write_blob(*engine, one, "unsynced");
    Batch batch = put("a", "acknowledged");
    batch.sync_blobs = {*synced};
    ASSERT_EQ(commit_wait(*engine, one, 0, batch).outcome, Outcome::done);
    engine->set_options({.delay_commit = 1000});
    for (Version v = 1; v < 4; ++v) {
      engine->commit(one, v, put("k", "v"), [](CommitResult) { FAIL() << "answered by the dead"; });
    }
    auto writer = engine->stage_blob(one, Timestamp{1}, "");
    engine->crash();
    EXPECT_FALSE((*writer)->finish());
    const Version version = *head_wait(*engine, one);
    ASSERT_GE(version, 1u);
    ASSERT_LE(version, 4u);
    kept = kept || version > 1;
    dropped = dropped || version < 4;
    EXPECT_EQ(engine->read(one, std::vector<std::string>{"a"})->rows.size(), 1u);
    EXPECT_EQ(*engine->read_blob(*synced, 0, 100), "synced");
    EXPECT_FALSE(engine->read_blob(*unsynced, 0, 100));
  }
  EXPECT_TRUE(kept && dropped);
}

TEST(Faulty, ARemovalMayBeUndoneByACrash) {
  auto engine = faulty({.undo_remove = 1000});
  const auto id = write_blob(*engine, one, "octets");
  Batch batch;
  batch.sync_blobs = {*id};
  commit_surely(*engine, one, batch);
  ASSERT_TRUE(engine->remove_blob(*id));
  EXPECT_FALSE(engine->read_blob(*id, 0, 10));
  engine->crash();
  EXPECT_EQ(*engine->read_blob(*id, 0, 10), "octets");
}

TEST(Faulty, SaysWhatWasRefusedAndWhatNobodyKnows) {
  auto engine = faulty({.refuse_commit = 1000});
  EXPECT_TRUE(commit_wait(*engine, one, 0, put("k", "v")).was_refused());
  engine->set_options({.unknown_lost = 1000});
  EXPECT_FALSE(commit_wait(*engine, one, 0, put("k", "v")).was_refused());
  engine->set_options({});
  EXPECT_FALSE(commit_wait(*engine, one, 7, put("k", "v")).was_refused());
  EXPECT_FALSE(commit_wait(*engine, one, 0, put("k", "v")).was_refused());
}

TEST(Faulty, WakesAreLostDoubledAndLate) {
  int wakes = 0;
  auto engine = faulty({.lose_wake = 1000});
  auto watch = engine->watch(one, [&](Version) { ++wakes; });
  commit_surely(*engine, one, put("k", "v"));
  EXPECT_EQ(wakes, 0);
  engine->set_options({.double_wake = 1000});
  commit_surely(*engine, one, put("k", "v"));
  EXPECT_EQ(wakes, 2);
  engine->set_options({.delay_wake = 1000});
  commit_surely(*engine, one, put("k", "v"));
  EXPECT_EQ(wakes, 2);
  engine->step();
  EXPECT_EQ(wakes, 3);
  engine->set_options({});
  engine->crash();
  commit_surely(*engine, one, put("k", "v"));
  EXPECT_EQ(wakes, 3);
}

// It is told once that it stalls, and then what became of it; others may be first.
TEST(Faulty, AStalledCommitIsDecidedLater) {
  for (const bool overtaken : {false, true}) {
    auto engine = faulty({.stall_commit = 1000});
    std::vector<Outcome> told;
    engine->commit(one, 0, put("k", "v"),
                   [&](const CommitResult& r) { told.push_back(r.outcome); });
    EXPECT_EQ(told, std::vector<Outcome>{Outcome::stalled});
    EXPECT_TRUE(engine->read(one, Range{})->rows.empty());
    engine->set_options({});
    if (overtaken) {
      const auto first = commit_wait(*engine, one, 0, put("k", "w"));
      EXPECT_EQ(first.outcome, Outcome::done);
    }
    engine->step();
    engine->step();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1], overtaken ? Outcome::conflict : Outcome::done);
    EXPECT_EQ(engine->read(one, Range{})->rows[0].value, overtaken ? "w" : "v");
  }
}

TEST(Faulty, RefusesEverythingWhileItIsNotReachable) {
  auto engine = faulty({});
  commit_surely(*engine, one, put("k", "v"));
  engine->set_options({.delay_commit = 1000});
  int answers = 0;
  engine->commit(one, 1, put("k", "w"), [&](const CommitResult&) { ++answers; });
  engine->set_reachable(false);
  EXPECT_FALSE(engine->reachable());
  const auto refused = commit_wait(*engine, one, 1, put("k", "x"));
  EXPECT_EQ(refused.outcome, Outcome::unknown);
  EXPECT_EQ(refused.error.code, Code::unavailable);
  EXPECT_EQ(engine->read(one, Range{}).error().code, Code::unavailable);
  EXPECT_EQ(head_wait(*engine, one).error().code, Code::unavailable);
  EXPECT_FALSE(engine->stage_blob(one, Timestamp{1}, ""));
  engine->step();
  EXPECT_EQ(answers, 0);
  engine->set_reachable(true);
  engine->step();
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(engine->read(one, Range{})->rows[0].value, "w");
}

TEST(Faulty, OneSeedIsOneRun) {
  const auto run = [](uint64_t seed) {
    auto options = FaultyOptions::unkind(seed);
    options.fail_read = 200;
    auto engine = faulty(options);
    std::string trace;
    for (int i = 0; i < 200; ++i) {
      engine->commit(one, static_cast<Version>(i / 3), put("k", "v"), [&](CommitResult result) {
        trace += std::to_string(static_cast<int>(result.outcome)) + std::to_string(result.version);
      });
      trace += engine->read(one, Range{}) ? "r" : "f";
    }
    engine->step();
    return trace;
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(run(3), run(4));
}

TEST(Faulty, ABlobWriterThatFailedStaysFailed) {
  auto engine = faulty({.fail_blob_write = 1000});
  auto writer = engine->stage_blob(one, Timestamp{1}, "");
  EXPECT_EQ((*writer)->append("x").error().code, Code::io);
  engine->set_options({});
  EXPECT_FALSE((*writer)->finish());
}

}  // namespace
}  // namespace eilpost::engine
