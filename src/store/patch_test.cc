// A state patched from the change log is the state that a fresh reading finds, after any history
// and with commits between any two reads; and it costs what changed, not what is there.
#include "store/patch.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "store/load.h"
#include "store/model_testing.h"

namespace eilpost::store {
namespace {

std::vector<std::string> rows_of(const MessageTree& tree) {
  std::vector<std::string> out;
  tree.for_pages(Uid(1), [&](Seq first, const PagePtr& page) {
    out.push_back(fmt::format("{} {} ", first.value, page->page) + encode(*page));
    return true;
  });
  return out;
}

std::vector<std::string> names_of(const FolderTree& folders) {
  std::vector<std::string> out;
  for (const auto& entry : folders.entries()) out.push_back(entry.name + encode(*entry.def));
  std::vector<std::string> gone;
  for (const MailboxDef& def : folders.deleted()) gone.push_back(encode(def));
  std::sort(gone.begin(), gone.end());
  out.insert(out.end(), gone.begin(), gone.end());
  out.insert(out.end(), folders.subscriptions().begin(), folders.subscriptions().end());
  return out;
}

// What a node has in memory is what the partition holds; nothing under way.
void expect_fresh(World& world, size_t node) {
  const auto fresh = load_state(*world.memory, test_partition);
  ASSERT_TRUE(fresh);
  Account& account = world.account(node);
  EXPECT_EQ(encode(*account.head()), encode(fresh->head));
  EXPECT_EQ(names_of(*account.folders()), names_of(*fresh->folders));
  for (const auto& [id, counters] : fresh->counters) {
    ASSERT_TRUE(account.counters(id)) << id.value;
    EXPECT_EQ(*account.counters(id), counters) << id.value;
    const SnapshotPtr known = account.snapshot(id);
    if (!known) continue;
    const auto loaded = load_mailbox(*world.memory, test_partition, fresh->version, id, counters);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(known->counters, counters) << id.value;
    EXPECT_EQ(*known->keywords, *(*loaded)->keywords) << id.value;
    EXPECT_EQ(known->tree.exists(), (*loaded)->tree.exists());
    EXPECT_EQ(rows_of(known->tree), rows_of((*loaded)->tree)) << id.value;
  }
  for (const MailboxDef& def : fresh->folders->deleted()) {
    EXPECT_EQ(account.snapshot(def.id), nullptr);
    EXPECT_FALSE(account.counters(def.id));
  }
}

// What leaves no trace in the changes of the log, and yet changes what others have in memory.
void change_quietly(World& world, Random& random, size_t node) {
  const std::string name = "box" + std::to_string(random.below(5));
  const uint64_t dice = random.below(6);
  (void)world.run<bool>(
      [&](Tx& tx) -> Result<bool> {
        if (dice == 0) return subscribe(tx, name, true);
        if (dice == 1) return subscribe(tx, name, false);
        if (dice == 2) return set_special_use(tx, name, use_sent);
        if (dice == 3) return set_special_use(tx, name, 0);
        if (dice == 4) TRY(take_recent(tx, inbox_id));
        if (dice == 5) TRY(purge(tx, *world.engine, world.clock.now().seconds() - 5));
        return true;
      },
      node);
}

void run(uint64_t seed, engine::FaultyOptions faults) {
  log::configure({.level = log::Level::error});
  faults.seed = seed;
  World world(2, faults, seed);
  Random random(seed * 7907);
  world.queue.scramble(random);
  Driver driver(world, random, false);
  for (int round = 0; round < 60; ++round) {
    for (uint64_t n = 1 + random.below(8); n > 0; --n) {
      driver.submit(driver.draw());
      for (uint64_t steps = random.below(4); steps > 0; --steps) world.queue.step();
    }
    world.drain();
    driver.settle(false);
    ASSERT_TRUE(driver.problems().empty()) << driver.problems()[0];
    change_quietly(world, random, random.below(2));
    world.clock.advance_micros(static_cast<int64_t>(random.below(3'000'000)));
    for (size_t node = 0; node < 2; ++node) {
      for (uint64_t n = random.below(3); n > 0; --n) {
        (void)world.open(driver.any_mailbox(), node);
      }
      bool refreshed = false;
      world.account(node).refresh([&](const Result<>& r) { refreshed = r.has_value(); });
      world.drain();
      ASSERT_TRUE(refreshed);
      expect_fresh(world, node);
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " round " << round;
    }
  }
}

TEST(Patch, IsWhatAFreshReadingFinds) {
  for (uint64_t seed = 1; seed <= 12; ++seed) run(seed, {});
}

TEST(Patch, IsWhatAFreshReadingFindsOnAnUnkindEngine) {
  for (uint64_t seed = 1; seed <= 12; ++seed) run(seed, engine::FaultyOptions::unkind(seed));
}

// An engine on which somebody commits before each read.
class Restless final : public engine::Engine {
 public:
  Restless(World& world, int commits, size_t rows_max = SIZE_MAX)
      : world_(world), commits_(commits), rows_max_(rows_max) {}
  Result<engine::ReadResult> read(PartitionId partition,
                                  const std::vector<std::string>& keys) override {
    if (!pages_only_) disturb();
    return world_.memory->read(partition, keys);
  }
  Result<engine::ReadResult> read(PartitionId partition, const engine::Range& range) override {
    if (!pages_only_ || range.first.substr(0, 2) == keys::all('P').first) disturb();
    engine::Range part = range;
    part.rows_max = std::min(part.rows_max, rows_max_);
    return world_.memory->read(partition, part);
  }
  void commit(PartitionId, engine::Version, engine::Batch, engine::CommitCallback) override {}
  void head(PartitionId partition, std::function<void(Result<engine::Version>)> done) override {
    world_.memory->head(partition, std::move(done));
  }
  void take_turn(PartitionId, std::function<void()>) override {}
  std::unique_ptr<engine::Watch> watch(PartitionId, engine::Wake) override { return {}; }
  Result<std::vector<PartitionId>> partitions(PartitionId) override { return {}; }
  Result<> remove_partition(PartitionId) override { return {}; }
  Result<std::unique_ptr<engine::BlobWriter>> stage_blob(PartitionId, Timestamp,
                                                         std::string) override {
    return {};
  }
  Result<std::string> read_blob(engine::BlobId, uint64_t, uint64_t) override { return {}; }
  Result<> remove_blob(engine::BlobId) override { return {}; }
  Result<> scan_blobs(const std::function<bool(const engine::BlobRecord&)>&) override { return {}; }
  void close() override {}
  // Commits come while hot pages are read, and then only.
  void spare_others() { pages_only_ = true; }
  int left() const { return commits_; }

 private:
  void disturb() {
    if (commits_-- <= 0) return;
    const auto flags = static_cast<uint8_t>(commits_ % 2 == 0 ? flag_seen : flag_flagged);
    const auto at = static_cast<uint32_t>(1 + commits_ * 37 % 300);
    ASSERT_TRUE(flag(world_, {inbox_id, uid(at), FlagChange::replace, flags, {}, {}, {}}));
  }
  World& world_;
  int commits_;
  size_t rows_max_;  // of a range, at once
  bool pages_only_ = false;
};

TEST(Patch, HoldsWhenSomebodyCommitsBeforeEveryRead) {
  for (int commits = 0; commits < 12; ++commits) {
    World world(2);
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
    AccountState known = *load_state(*world.memory, test_partition);
    known.snapshots[inbox_id] = *load_mailbox(*world.memory, test_partition, known.version,
                                              inbox_id, known.counters[inbox_id]);
    ASSERT_TRUE(flag(world, {inbox_id, uids(1, 5), FlagChange::add, flag_seen, {"k"}, {}, {}}));
    Restless engine(world, commits);
    auto patch = read_patch(engine, test_partition, known);
    ASSERT_TRUE(patch) << patch.error().detail;
    apply_patch(known, std::move(*patch));
    const AccountState fresh = *load_state(*world.memory, test_partition);
    EXPECT_EQ(known.version, fresh.version);
    EXPECT_EQ(known.counters, fresh.counters);
    const SnapshotPtr loaded = *load_mailbox(*world.memory, test_partition, fresh.version, inbox_id,
                                             fresh.counters.at(inbox_id));
    EXPECT_EQ(rows_of(known.snapshots[inbox_id]->tree), rows_of(loaded->tree)) << commits;
  }
}

// A mailbox that is loaded while others commit is completed from the log, whatever the number of
// commits: no reading needs a time at which nobody writes.
TEST(Patch, CompletesAMailboxThatWasOutrun) {
  for (const int commits : {0, 1, 2, 3, 5, 8, 10}) {
    World world(2);
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
    AccountState known = *load_state(*world.memory, test_partition);
    Restless engine(world, commits, 1);
    const auto loaded = load_mailbox_since(engine, test_partition, known.version, inbox_id,
                                           known.counters[inbox_id]);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->mixed, commits > 0);
    known.snapshots[inbox_id] = loaded->snapshot;
    auto patch = read_patch(engine, test_partition, known);
    ASSERT_TRUE(patch) << patch.error().detail;
    apply_patch(known, std::move(*patch));
    const AccountState fresh = *load_state(*world.memory, test_partition);
    EXPECT_EQ(known.version, fresh.version);
    const SnapshotPtr whole = *load_mailbox(*world.memory, test_partition, fresh.version, inbox_id,
                                            fresh.counters.at(inbox_id));
    EXPECT_EQ(known.snapshots[inbox_id]->counters, whole->counters);
    EXPECT_EQ(rows_of(known.snapshots[inbox_id]->tree), rows_of(whole->tree)) << commits;
  }
}

// Somebody commits whenever the mailbox is read: it is opened nevertheless, and soon.
TEST(Patch, AMailboxThatNeverRestsIsOpened) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
  Restless engine(world, 1000, 1);
  engine.spare_others();
  StepQueue queue;
  Store store({engine, world.clock, world.random, queue.executor(), false}, StoreOptions());
  std::optional<Result<SnapshotPtr>> opened;
  store.account(test_partition)->open(inbox_id, [&](Result<SnapshotPtr> r) { opened = r; });
  while (queue.step()) {
  }
  ASSERT_TRUE(opened && *opened);
  EXPECT_GT(engine.left(), 900);
  const AccountState fresh = *load_state(*world.memory, test_partition);
  const SnapshotPtr whole = *load_mailbox(*world.memory, test_partition, fresh.version, inbox_id,
                                          fresh.counters.at(inbox_id));
  EXPECT_EQ(rows_of((**opened)->tree), rows_of(whole->tree));
}

// Somebody commits before each of the first reads: the account is loaded nevertheless, in one go.
TEST(Patch, AnAccountThatNeverRestsIsLoaded) {
  for (int commits = 0; commits < 20; ++commits) {
    World world(2);
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
    Restless engine(world, commits);
    const auto loaded = load_state(engine, test_partition);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    const AccountState fresh = *load_state(*world.memory, test_partition);
    EXPECT_EQ(loaded->version, fresh.version);
    EXPECT_EQ(loaded->counters, fresh.counters);
    EXPECT_EQ(loaded->head.last_modseq, fresh.head.last_modseq);
  }
}

// What node 1 asks the engine for when node 0 changes one flag and node 1 is told.
engine::EngineCounts cost_of_a_flag(size_t messages) {
  World world(2);
  for (size_t at = 0; at < messages; at += 500) {
    EXPECT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 500)));
  }
  EXPECT_TRUE(world.open(inbox_id, 1));
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(inbox_id, [&] { ++wakes; });
  world.drain();
  world.counting[1]->take();
  EXPECT_TRUE(flag(world, {inbox_id, uid(3), FlagChange::add, flag_seen, {}, {}, {}}));
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.account(1).snapshot(inbox_id)->tree.find(Uid(3))->flags, flag_seen);
  return world.counting[1]->take();
}

TEST(Patch, AFlagCostsOtherNodesTheSameWhateverTheMailbox) {
  const auto small = cost_of_a_flag(500);
  const auto large = cost_of_a_flag(10'000);
  // The wake says which version there is; the log, and what it names.
  EXPECT_EQ(small.heads, 0U);
  EXPECT_EQ(small.reads, 2U);
  EXPECT_EQ(large.heads, small.heads);
  EXPECT_EQ(large.reads, small.reads);
  EXPECT_EQ(large.rows_read, small.rows_read);
  EXPECT_EQ(large.all(), small.all());
}

TEST(Patch, ReadsAfreshWhereThatCostsLess) {
  World world(2);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 500)));
  AccountState known = *load_state(*world.memory, test_partition);
  // Below the floor.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "n")}));
  }
  world.clock.advance_micros(10'000'000);
  ASSERT_TRUE(world.run<bool>([&](Tx& tx) { return trim_log(tx, world.clock.now().micros); }));
  const auto cut = read_patch(*world.memory, test_partition, known);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::limit);
  // A tool has written past the log.
  known = *load_state(*world.memory, test_partition);
  engine::Batch batch;
  batch.puts.emplace_back(keys::subscription("x"), encode(NameRow{"x", 0}));
  ASSERT_EQ(engine::commit_wait(*world.memory, test_partition, known.version, batch).outcome,
            engine::Outcome::done);
  EXPECT_EQ(read_patch(*world.memory, test_partition, known).error().code, Code::limit);
}

}  // namespace
}  // namespace eilpost::store
