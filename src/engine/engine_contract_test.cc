// What engine.h promises, asked of every engine.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/engine_testing.h"
#include "engine/faulty.h"
#include "engine/memory.h"
#include "engine/rados/testing.h"
#include "engine/rocksdb/rocksdb.h"

namespace eilpost::engine {
namespace {

struct MemoryCase {
  static constexpr const char* name = "Memory";
  static constexpr bool exact = true;  // answers are never wrong without a reason
  std::unique_ptr<Engine> make() { return std::make_unique<MemoryEngine>(); }
};
struct FaultlessCase {
  static constexpr const char* name = "Faultless";
  static constexpr bool exact = true;
  std::unique_ptr<Engine> make() {
    return std::make_unique<FaultyEngine>(std::make_unique<MemoryEngine>(), FaultyOptions{});
  }
};
struct FaultyCase {
  static constexpr const char* name = "Faulty";
  static constexpr bool exact = false;
  std::unique_ptr<Engine> make() {
    auto options = FaultyOptions::unkind(17);
    options.steps_by_itself = true;
    options.fail_read = 100;
    options.fail_head = 100;
    options.refuse_commit = 50;
    return std::make_unique<FaultyEngine>(std::make_unique<MemoryEngine>(), options);
  }
};
struct RocksdbCase {
  static constexpr const char* name = "Rocksdb";
  static constexpr bool exact = true;
  ScratchDirectory directory;
  std::unique_ptr<Engine> make() {
    auto engine = open_rocksdb({.path = directory.path(), .memory_bytes = 32 << 20});
    EXPECT_TRUE(engine) << engine.error().detail;
    return engine ? std::move(*engine) : nullptr;
  }
};

// Against the cluster that EILPOST_TEST_CEPH names.
struct RadosCase {
  static constexpr const char* name = "Rados";
  static constexpr bool exact = true;
  static bool available() { return rados_available(); }
  std::unique_ptr<Engine> make() {
    auto engine = open_rados(rados_test_options(rados_test_namespace()));
    EXPECT_TRUE(engine) << engine.error().detail;
    return engine ? std::move(*engine) : nullptr;
  }
};

constexpr PartitionId one(1);
constexpr PartitionId two(2);

template <class Case>
class EngineContract : public testing::Test {
 protected:
  void SetUp() override {
    if constexpr (requires { Case::available(); }) {
      if (!Case::available()) GTEST_SKIP() << "EILPOST_TEST_CEPH names no cluster";
    }
    engine_ = case_.make();
    ASSERT_TRUE(engine_);
  }
  void TearDown() override {
    if (engine_) engine_->close();
  }

  // Asks until an injected failure is not what is answered.
  template <class F>
  auto ask(F f) {
    while (true) {
      auto result = f();
      if (Case::exact || result || result.error().code != Code::unavailable) return result;
    }
  }
  ReadResult rows(PartitionId partition, const Range& range) {
    auto result = ask([&] { return engine_->read(partition, range); });
    EXPECT_TRUE(result) << result.error().detail;
    return result ? *result : ReadResult{};
  }
  ReadResult rows(PartitionId partition, const std::vector<std::string>& keys) {
    auto result = ask([&] { return engine_->read(partition, keys); });
    EXPECT_TRUE(result) << result.error().detail;
    return result ? *result : ReadResult{};
  }
  Version head(PartitionId partition) {
    return *ask([&] { return head_wait(*engine_, partition); });
  }
  Version commit(PartitionId partition, const Batch& batch) {
    return commit_surely(*engine_, partition, batch);
  }
  static std::string keys(const ReadResult& result) {
    std::string out;
    for (const auto& row : result.rows) out += row.key + " ";
    return out;
  }

  Case case_;
  std::unique_ptr<Engine> engine_;
};

using Cases = testing::Types<MemoryCase, FaultlessCase, FaultyCase, RocksdbCase, RadosCase>;
struct CaseNames {
  template <class Case>
  static std::string GetName(int /*index*/) {
    return Case::name;
  }
};
TYPED_TEST_SUITE(EngineContract, Cases, CaseNames);

TYPED_TEST(EngineContract, AnUnknownPartitionIsEmptyAtVersionZero) {
  EXPECT_EQ(this->head(one), 0u);
  const auto read = this->rows(one, Range{});
  EXPECT_EQ(read.version, 0u);
  EXPECT_TRUE(read.rows.empty());
  EXPECT_FALSE(read.more);
}

TYPED_TEST(EngineContract, ABatchAppliesAsAWhole) {
  this->commit(one, put("b", "old"));
  Batch batch;
  batch.puts = {{"a", "1"}, {"c", std::string("\0\xff", 2)}};
  batch.deletes = {"b", "absent"};
  const Version version = this->commit(one, batch);
  const auto read = this->rows(one, std::vector<std::string>{"c", "b", "a", "a", "nothing"});
  EXPECT_EQ(read.version, version);
  ASSERT_EQ(this->keys(read), "a c ");
  EXPECT_EQ(read.rows[0].value, "1");
  EXPECT_EQ(read.rows[1].value, std::string("\0\xff", 2));
  EXPECT_EQ(this->head(one), version);
}

TYPED_TEST(EngineContract, VersionsCountFromOneInEachPartition) {
  if (!TypeParam::exact) GTEST_SKIP() << "needs answers that are what they seem";
  for (Version v = 0; v < 5; ++v) {
    const auto result = commit_wait(*this->engine_, one, v, put("k", "v"));
    ASSERT_EQ(result.outcome, Outcome::done);
    EXPECT_EQ(result.version, v + 1);
  }
  EXPECT_EQ(commit_wait(*this->engine_, two, 0, Batch{}).version, 1u);
}

TYPED_TEST(EngineContract, AConflictWritesNothingAndSaysTheVersion) {
  this->commit(one, put("k", "first"));
  const Version version = this->head(one);
  for (const Version expected : {Version(0), version - 1, version + 1, ~Version(0)}) {
    if (expected == version) continue;
    const auto result = commit_wait(*this->engine_, one, expected, put("k", "second"));
    if (TypeParam::exact || result.outcome != Outcome::unknown) {
      ASSERT_EQ(result.outcome, Outcome::conflict);
      EXPECT_EQ(result.version, version);
    }
  }
  EXPECT_EQ(this->rows(one, std::vector<std::string>{"k"}).rows.at(0).value, "first");
  EXPECT_EQ(this->head(one), version);
}

TYPED_TEST(EngineContract, ABatchOfExactlyTheLimitFitsAndOneOctetMoreDoesNot) {
  Batch batch = put("k", std::string(limits::batch_bytes_max - 100, 'x'));
  this->commit(one, batch);
  EXPECT_EQ(this->rows(one, std::vector<std::string>{"k"}).rows.at(0).value, batch.puts[0].second);
  const Version version = this->head(one);
  batch = put("other", std::string(limits::batch_bytes_max - 4, 'x'));
  ASSERT_EQ(batch.bytes(), limits::batch_bytes_max + 1);
  while (true) {
    const auto result = commit_wait(*this->engine_, one, version, batch);
    if (!TypeParam::exact && result.error.code != Code::too_big) continue;  // an injected answer
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_EQ(result.error.code, Code::too_big);
    break;
  }
  batch.puts[0].second.pop_back();
  EXPECT_EQ(batch.bytes(), limits::batch_bytes_max);
  EXPECT_EQ(this->head(one), version);
  EXPECT_TRUE(this->rows(one, std::vector<std::string>{"other"}).rows.empty());
  while (this->head(one) == version) (void)commit_wait(*this->engine_, one, version, batch);
  EXPECT_EQ(this->rows(one, std::vector<std::string>{"other"}).rows.size(), 1u);
}

TYPED_TEST(EngineContract, KeysAreOneTo250Octets) {
  const std::string longest(250, 'k');
  this->commit(one, put(longest, "v"));
  EXPECT_EQ(this->rows(one, std::vector<std::string>{longest}).rows.size(), 1u);
  const Version version = this->head(one);
  for (const std::string& key : {std::string(251, 'k'), std::string()}) {
    Batch deletes;
    deletes.deletes = {key};
    EXPECT_NE(commit_wait(*this->engine_, one, version, put(key, "v")).outcome, Outcome::done);
    EXPECT_NE(commit_wait(*this->engine_, one, version, deletes).outcome, Outcome::done);
  }
  EXPECT_EQ(this->head(one), version);
}

TYPED_TEST(EngineContract, RangesAreOrderedByOctetsAndEndBeforeLast) {
  Batch batch;
  for (const char* key : {"b", "a", "ab", "c", "\x80", "\xff\xff"})
    batch.puts.emplace_back(key, "v");
  this->commit(two, put("a", "of another partition"));
  this->commit(PartitionId(0), put("a", "of another partition"));
  commit_surely(*this->engine_, one, batch, "mark");
  EXPECT_EQ(this->keys(this->rows(one, Range{})), "a ab b c mark \x80 \xff\xff ");
  EXPECT_EQ(this->keys(this->rows(one, Range{"a", "b"})), "a ab ");
  EXPECT_EQ(this->keys(this->rows(one, Range{"aa", "c"})), "ab b ");
  EXPECT_EQ(this->keys(this->rows(one, Range{"\x81", ""})), "\xff\xff ");
  EXPECT_EQ(this->keys(this->rows(one, Range{"", "a"})), "");
  EXPECT_EQ(this->keys(this->rows(one, Range{"b", "a"})), "");
}

TYPED_TEST(EngineContract, RowsMaxCutsARange) {
  Batch batch;
  batch.puts = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  commit_surely(*this->engine_, one, batch, "z");
  const auto cut = this->rows(one, Range{"a", "d", 2});
  EXPECT_EQ(this->keys(cut), "a b ");
  EXPECT_TRUE(cut.more);
  const auto exact = this->rows(one, Range{"a", "d", 3});
  EXPECT_EQ(this->keys(exact), "a b c ");
  EXPECT_FALSE(exact.more);
}

TYPED_TEST(EngineContract, ALongRangeIsCutAtTheLimitAndGoesOnAcrossCommits) {
  const std::string value(100'000, 'v');
  for (int i = 10; i < 35; ++i) this->commit(one, put("k" + std::to_string(i), value));
  const Version before = this->head(one);
  Range range{"k", "l"};
  std::string seen;
  bool moved = false;
  size_t calls = 0;
  while (true) {
    const auto read = this->rows(one, range);
    ++calls;
    size_t bytes = 0;
    for (const auto& row : read.rows) bytes += row.key.size() + row.value.size();
    EXPECT_LE(bytes, limits::read_bytes_max);
    moved = moved || read.version != before;
    seen += this->keys(read);
    if (!read.more) break;
    ASSERT_FALSE(read.rows.empty());
    range.first = read.rows.back().key + std::string(1, '\0');
    // Somebody commits between any two calls; the versions tell.
    this->commit(one, put("a" + std::to_string(calls), "between"));
  }
  EXPECT_EQ(calls, 3u);
  EXPECT_TRUE(moved);
  std::string all;
  for (int i = 10; i < 35; ++i) all += "k" + std::to_string(i) + " ";
  EXPECT_EQ(seen, all);
}

TYPED_TEST(EngineContract, ARowLargerThanAReadComesAlone) {
  this->commit(one, put("a", std::string(2 * limits::read_bytes_max, 'a')));
  this->commit(one, put("b", "b"));
  const auto read = this->rows(one, Range{"a", "c"});
  EXPECT_EQ(this->keys(read), "a ");
  EXPECT_TRUE(read.more);
}

// Every commit writes its own version into two rows; whoever reads sees both alike, and alike to
// the version that the read says it saw.
TYPED_TEST(EngineContract, AReadIsAtomicWhileOthersCommit) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; i < 150; ++i) {
      const auto version = head_wait(*this->engine_, one);
      if (!version) continue;
      Batch batch;
      std::string value;
      put_u64be(value, *version + 1);
      batch.puts = {{"a", value}, {"m", std::string(3000, 'm')}, {"z", value}};
      (void)commit_wait(*this->engine_, one, *version, std::move(batch));
    }
    stop = true;
  });
  size_t checked = 0;
  while (!stop || checked == 0) {
    const auto by_range = this->rows(one, Range{});
    const auto by_keys = this->rows(one, std::vector<std::string>{"z", "m", "a"});
    for (const auto* read : {&by_range, &by_keys}) {
      if (read->version == 0) continue;
      ASSERT_EQ(read->rows.size(), 3u);
      EXPECT_EQ(load_u64be(read->rows[0].value), read->version);
      EXPECT_EQ(load_u64be(read->rows[2].value), read->version);
      ++checked;
    }
  }
  writer.join();
}

TYPED_TEST(EngineContract, ConcurrentCommitsOfOnePartitionAllHappenOnce) {
  constexpr int threads = 4;
  constexpr int rounds = 40;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([this, t] {
      Random random(static_cast<uint64_t>(t));
      const std::string who = "mark" + std::to_string(t);
      for (int done = 0; done < rounds;) {
        const auto read = this->engine_->read(one, std::vector<std::string>{"sum", who});
        if (!read) continue;
        uint64_t sum = 0;
        uint64_t mine = 0;
        for (const auto& row : read->rows) (row.key == "sum" ? sum : mine) = load_u64be(row.value);
        done = static_cast<int>(mine);  // also what an Unknown left behind
        if (done == rounds) break;
        Batch batch;
        std::string next_sum;
        std::string next_mine;
        put_u64be(next_sum, sum + 1);
        put_u64be(next_mine, mine + 1);
        batch.puts = {{"sum", next_sum}, {who, next_mine}};
        (void)commit_wait(*this->engine_, one, read->version, std::move(batch));
      }
    });
  }
  for (auto& worker : workers) worker.join();
  const auto read = this->rows(one, std::vector<std::string>{"sum"});
  EXPECT_EQ(load_u64be(read.rows.at(0).value), uint64_t{threads * rounds});
  EXPECT_EQ(read.version, uint64_t{threads * rounds});
}

TYPED_TEST(EngineContract, PartitionsDoNotDisturbEachOther) {
  std::vector<std::thread> workers;
  for (uint64_t t = 1; t <= 6; ++t) {
    workers.emplace_back([this, t] {
      for (int i = 0; i < 30; ++i) {
        commit_surely(*this->engine_, PartitionId(t), put("n", std::to_string(i)));
      }
    });
  }
  for (auto& worker : workers) worker.join();
  for (uint64_t t = 1; t <= 6; ++t) {
    EXPECT_EQ(this->rows(PartitionId(t), std::vector<std::string>{"n"}).rows.at(0).value, "29");
  }
}

// Commits that wait together, each expecting what the one before it leaves.
TYPED_TEST(EngineContract, CommitsInARowBuildOnEachOther) {
  if (!TypeParam::exact) GTEST_SKIP() << "an injected answer breaks the row";
  std::atomic<int> done{0};
  std::atomic<int> answered{0};
  for (Version v = 0; v < 100; ++v) {
    this->engine_->commit(one, v, put("k" + std::to_string(v), "v"), [&](CommitResult result) {
      done += result.outcome == Outcome::done && result.version > 0;
      ++answered;
    });
  }
  // One of them twice: the second comes too late.
  const auto late = commit_wait(*this->engine_, one, 50, put("late", "v"));
  EXPECT_EQ(late.outcome, Outcome::conflict);
  EXPECT_EQ(late.version, 100u);
  EXPECT_EQ(answered, 100);
  EXPECT_EQ(done, 100);
  EXPECT_EQ(this->rows(one, Range{}).rows.size(), 100u);
}

TYPED_TEST(EngineContract, AWatchWakesAfterCommitsOfItsPartitionUntilItEnds) {
  std::atomic<int> wakes{0};
  std::atomic<int> others{0};
  auto watch = this->engine_->watch(one, [&](Version) { ++wakes; });
  auto other = this->engine_->watch(two, [&](Version) { ++others; });
  // A wake may be lost, but not every one.
  for (int i = 0; i < 200 && wakes == 0; ++i) {
    this->commit(one, put("k", std::to_string(i)));
    for (int wait = 0; TypeParam::exact && wait < 10'000 && wakes == 0; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  EXPECT_GT(wakes, 0);
  EXPECT_EQ(others, 0);
  watch.reset();
  const int before = wakes;
  for (int i = 0; i < 20; ++i) this->commit(one, put("k", "again"));
  this->engine_->close();
  EXPECT_EQ(wakes, before);
}

TYPED_TEST(EngineContract, AWatchMayEndItselfAndOutliveTheEngine) {
  std::unique_ptr<Watch> own;
  std::atomic<bool> ended{false};
  auto outliving = this->engine_->watch(one, [](Version) {});
  own = this->engine_->watch(one, [&](Version) {
    own.reset();
    ended = true;
  });
  for (int i = 0; i < 100 && !ended; ++i) this->commit(one, put("k", "v"));
  this->engine_->close();
  EXPECT_TRUE(ended || !TypeParam::exact);
  this->engine_.reset();
  outliving.reset();
}

TYPED_TEST(EngineContract, PartitionsAreListedAThousandACall) {
  constexpr uint64_t count = 1005;
  for (uint64_t i = 1; i <= count; ++i) {
    while (true) {
      const auto result = commit_wait(*this->engine_, PartitionId(i * 3), 0, put("k", "v"));
      if (result.outcome == Outcome::done || this->head(PartitionId(i * 3)) == 1) break;
    }
  }
  const auto first = this->ask([&] { return this->engine_->partitions(PartitionId(0)); });
  ASSERT_EQ(first->size(), 1000u);
  EXPECT_EQ(first->front(), PartitionId(3));
  EXPECT_EQ(first->back(), PartitionId(3000));
  const auto rest = this->ask([&] { return this->engine_->partitions(first->back()); });
  ASSERT_EQ(rest->size(), 5u);
  EXPECT_EQ(rest->front(), PartitionId(3003));
  EXPECT_TRUE(this->ask([&] { return this->engine_->partitions(rest->back()); })->empty());
}

TYPED_TEST(EngineContract, ARemovedPartitionIsGoneAndItsNeighboursAreNot) {
  for (uint64_t id = 1; id <= 3; ++id) this->commit(PartitionId(id), put("k", "v"));
  ASSERT_TRUE(this->engine_->remove_partition(two));
  EXPECT_TRUE(this->engine_->remove_partition(two));
  EXPECT_EQ(this->head(two), 0u);
  EXPECT_TRUE(this->rows(two, Range{}).rows.empty());
  EXPECT_EQ(this->rows(PartitionId(1), std::vector<std::string>{"k"}).rows.size(), 1u);
  EXPECT_EQ(this->rows(PartitionId(3), std::vector<std::string>{"k"}).rows.size(), 1u);
  const auto left = this->ask([&] { return this->engine_->partitions(PartitionId(0)); });
  EXPECT_EQ(*left, (std::vector<PartitionId>{PartitionId(1), PartitionId(3)}));
}

TYPED_TEST(EngineContract, BlobsOfEverySizeReadBackWholeAndByRange) {
  constexpr uint64_t chunk = 64 * 1024;
  const std::vector<size_t> sizes = {
      0,         1,         511,           4095,      16'384,        chunk - 1, chunk,
      chunk + 1, 2 * chunk, 4 * chunk - 1, 4 * chunk, 4 * chunk + 1, 5 * chunk, 3'000'000};
  std::map<size_t, BlobId> ids;
  Batch batch;
  for (const size_t size : sizes) {
    const auto id = write_blob(*this->engine_, one, content(size, size));
    ASSERT_TRUE(id) << id.error().detail;
    EXPECT_TRUE(*id);
    batch.sync_blobs.push_back(*id);
    ids[size] = *id;
  }
  this->commit(one, batch);
  Random random(5);
  const auto read = [&](BlobId id, uint64_t offset, uint64_t length) {
    auto octets = this->ask([&] { return this->engine_->read_blob(id, offset, length); });
    EXPECT_TRUE(octets) << octets.error().detail;
    return octets ? *octets : "failed";
  };
  for (const auto& [size, id] : ids) {
    const std::string expected = content(size, size);
    EXPECT_EQ(read(id, 0, UINT64_MAX), expected) << size;
    EXPECT_EQ(read(id, size, 10), "");
    EXPECT_EQ(read(id, size + 5, 10), "");
    EXPECT_EQ(read(id, 0, 0), "");
    for (int i = 0; i < 20 && size > 0; ++i) {
      const uint64_t offset = random.below(size);
      const uint64_t length = random.below(2 * chunk);
      EXPECT_EQ(read(id, offset, length), expected.substr(offset, length)) << size << "@" << offset;
    }
  }
}

TYPED_TEST(EngineContract, ARemovedBlobReadsAsAnError) {
  const auto kept = write_blob(*this->engine_, one, "kept");
  const auto gone = write_blob(*this->engine_, one, content(1, 300'000));
  const auto small = write_blob(*this->engine_, one, "small");
  ASSERT_TRUE(kept && gone && small);
  for (const BlobId id : {*gone, *small}) {
    EXPECT_TRUE(this->engine_->remove_blob(id));
    EXPECT_TRUE(this->engine_->remove_blob(id));
    const auto read = this->ask([&] { return this->engine_->read_blob(id, 0, 10); });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::not_found);
  }
  EXPECT_EQ(*this->ask([&] { return this->engine_->read_blob(*kept, 0, 10); }), "kept");
}

TYPED_TEST(EngineContract, AnIdThatNeverWasIsNotFound) {
  const auto real = write_blob(*this->engine_, one, "real");
  ASSERT_TRUE(real);
  for (const BlobId id : {BlobId{}, BlobId{real->hi, real->lo + 1}, BlobId{99ULL << 32, 1}}) {
    const auto read = this->ask([&] { return this->engine_->read_blob(id, 0, 10); });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::not_found);
    EXPECT_TRUE(this->engine_->remove_blob(id));
  }
  EXPECT_EQ(*this->ask([&] { return this->engine_->read_blob(*real, 0, 10); }), "real");
}

TYPED_TEST(EngineContract, AScanFindsEveryFinishedBlobAndStopsWhenTold) {
  std::map<BlobId, std::pair<std::string, size_t>> expected;
  for (size_t i = 0; i < 40; ++i) {
    const std::string place = "Folder/" + std::string(i * 4, 'p');
    const size_t size = i % 7 == 0 ? 300'000 + i : i * 100;
    const auto id = write_blob(*this->engine_, PartitionId(i), content(i, size), place);
    ASSERT_TRUE(id);
    expected[*id] = {place, size};
  }
  const auto removed = expected.begin()->first;
  ASSERT_TRUE(this->engine_->remove_blob(removed));
  expected.erase(removed);
  {
    auto unfinished = this->engine_->stage_blob(one, Timestamp{1}, "unfinished");
    ASSERT_TRUE(unfinished);
    ASSERT_TRUE((*unfinished)->append(content(3, 400'000)));
  }
  EXPECT_FALSE(this->engine_->stage_blob(one, Timestamp{1}, std::string(201, 'p')));
  std::map<BlobId, std::pair<std::string, size_t>> found;
  ASSERT_TRUE(this->ask([&] {
    found.clear();
    return this->engine_->scan_blobs([&](const BlobRecord& record) {
      EXPECT_EQ(record.staged, (Timestamp{1'700'000'000'000'000}));
      EXPECT_EQ(record.place.size() % 4, 3u);
      found[record.id] = {record.place, record.size};
      return true;
    });
  }));
  EXPECT_EQ(found, expected);
  int calls = 0;
  ASSERT_TRUE(this->ask([&] {
    calls = 0;
    return this->engine_->scan_blobs([&](const BlobRecord&) { return ++calls < 3; });
  }));
  EXPECT_EQ(calls, 3);
}

TYPED_TEST(EngineContract, AFinishedWriterTakesNoMore) {
  auto writer = this->engine_->stage_blob(one, Timestamp{1}, "");
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->append("octets"));
  ASSERT_TRUE((*writer)->finish());
  EXPECT_FALSE((*writer)->append("more"));
  EXPECT_FALSE((*writer)->finish());
}

TYPED_TEST(EngineContract, BlobsWrittenAtOnceDoNotMix) {
  std::vector<std::thread> workers;
  std::atomic<int> wrong{0};
  for (uint64_t t = 0; t < 4; ++t) {
    workers.emplace_back([this, t, &wrong] {
      for (uint64_t i = 0; i < 20; ++i) {
        const std::string octets = content(t * 100 + i, i % 5 == 0 ? 600'000 : 3000 * i);
        const auto id = write_blob(*this->engine_, PartitionId(t + 1), octets, "p", 70'001);
        Batch batch;
        if (id) batch.sync_blobs = {*id};
        commit_surely(*this->engine_, PartitionId(t + 1), batch);
        const auto back = this->ask([&] { return this->engine_->read_blob(*id, 0, 1 << 20); });
        if (!id || !back || *back != octets) ++wrong;
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(wrong, 0);
}

TYPED_TEST(EngineContract, CloseAnswersEverythingThatWasAsked) {
  std::atomic<int> answers{0};
  for (uint64_t i = 1; i <= 50; ++i) {
    this->engine_->commit(PartitionId(i), 0, put("k", "v"), [&](CommitResult) { ++answers; });
  }
  this->engine_->close();
  EXPECT_EQ(answers, 50);
  const auto late = commit_wait(*this->engine_, PartitionId(99), 0, put("k", "v"));
  EXPECT_NE(late.outcome, Outcome::done);
}

}  // namespace
}  // namespace eilpost::engine
