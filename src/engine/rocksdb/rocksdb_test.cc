// What the embedded engine promises besides the contract: files, crashes, full disks, backups.
#include "engine/rocksdb/rocksdb.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "base/bytes.h"
#include "engine/engine_testing.h"
#include "engine/rocksdb/store_directory.h"

namespace eilpost::engine {
namespace {

constexpr PartitionId one(1);

Result<std::unique_ptr<EmbeddedEngine>> open_at(const std::string& path) {
  return open_rocksdb({.path = path, .memory_bytes = 32 << 20, .segment_bytes = 8 << 20});
}

// What a process of its own does; it ends without cleaning up.
struct ChildTask {
  std::string name;
  std::string path;
  int pipe = -1;
  uint64_t number = 0;
};
constexpr const char* child_variable = "EILPOST_ENGINE_TEST_CHILD";

// Starts this program afresh for one of the tasks below. A fork alone would not do: RocksDB's
// threads exist once a process and do not survive it.
pid_t start_child(const ChildTask& task) {
  const std::string value = task.name + " " + task.path + " " + std::to_string(task.pipe) + " " +
                            std::to_string(task.number);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::alarm(60);
  ::setenv(child_variable, value.c_str(), 1);
  ::execl("/proc/self/exe", "engine_test", "--gtest_filter=RocksdbChild.*",
          "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
  ::_exit(127);
}
int exit_status(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Rocksdb, ReopeningKeepsEverything) {
  const ScratchDirectory directory;
  BlobId id;
  for (int round = 0; round < 3; ++round) {
    auto engine = open_at(directory.path());
    ASSERT_TRUE(engine) << engine.error().detail;
    if (round > 0) {
      EXPECT_EQ(*(*engine)->read_blob(id, 0, 100), "blob" + std::to_string(round - 1));
    }
    EXPECT_EQ(*head_wait(**engine, one), static_cast<Version>(round));
    id = *write_blob(**engine, one, "blob" + std::to_string(round));
    Batch batch = put("k" + std::to_string(round), "v");
    batch.sync_blobs = {id};
    ASSERT_EQ(commit_wait(**engine, one, static_cast<Version>(round), batch).outcome,
              Outcome::done);
    EXPECT_EQ((*engine)->read(one, Range{})->rows.size(), static_cast<size_t>(round + 1));
    if (round == 1) (*engine)->close();
  }
}

TEST(Rocksdb, ADirectoryIsOpenedOnce) {
  const ScratchDirectory directory;
  {
    const auto first = open_at(directory.path());
    ASSERT_TRUE(first);
    const auto second = open_at(directory.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::in_use);
  }
  EXPECT_TRUE(open_at(directory.path()));
}

TEST(Rocksdb, ANewerSchemaIsRefusedAndALostFormatIsCorrupt) {
  const ScratchDirectory directory;
  ASSERT_TRUE(open_at(directory.path()));
  ASSERT_TRUE(write_store_format(directory.path(), store_schema + 1));
  auto opened = open_at(directory.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
  EXPECT_NE(opened.error().detail.find("newer"), std::string::npos);
  std::ofstream(directory.path() + "/FORMAT") << "something else\n";
  EXPECT_EQ(open_at(directory.path()).error().code, Code::corrupt);
  std::filesystem::remove(directory.path() + "/FORMAT");
  EXPECT_EQ(open_at(directory.path()).error().code, Code::corrupt);
  ASSERT_TRUE(write_store_format(directory.path(), store_schema));
  EXPECT_TRUE(open_at(directory.path()));
}

TEST(Rocksdb, ACommitNamingABlobThatIsNotThereIsRefused) {
  const ScratchDirectory directory;
  const auto engine = open_at(directory.path());
  Batch batch = put("k", "v");
  batch.sync_blobs = {BlobId{77ULL << 32, 5}};
  const auto result = commit_wait(**engine, one, 0, batch);
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.error.code, Code::io);
  EXPECT_EQ(*head_wait(**engine, one), 0u);
}

TEST(Rocksdb, AFullQueueRefusesWithoutWriting) {
  const ScratchDirectory directory;
  const auto engine = open_rocksdb({.path = directory.path(), .queue_bytes_max = 300'000});
  ASSERT_TRUE(engine);
  std::atomic<int> done{0};
  std::atomic<int> full{0};
  for (uint64_t i = 1; i <= 200; ++i) {
    (*engine)->commit(PartitionId(i), 0, put("k", std::string(100'000, 'v')), [&](auto result) {
      if (result.outcome == Outcome::done) ++done;
      if (result.outcome == Outcome::unknown && result.error.code == Code::unavailable) ++full;
    });
  }
  (*engine)->close();
  EXPECT_EQ(done + full, 200);
  EXPECT_GT(done, 0);
  EXPECT_GT(full, 0);
  EXPECT_EQ((*engine)->partitions(PartitionId(0))->size(), static_cast<size_t>(done));
}

TEST(Rocksdb, CommitsAreCounted) {
  const ScratchDirectory directory;
  SystemClock clock;
  Metrics metrics;
  const auto engine =
      open_rocksdb({.path = directory.path(), .clock = &clock, .metrics = &metrics});
  (void)commit_wait(**engine, one, 0, put("k", "v"));
  (void)commit_wait(**engine, one, 0, put("k", "v"));
  const std::string text = metrics.text();
  EXPECT_NE(text.find("eilpost_engine_commits_total{outcome=\"done\"} 1"), std::string::npos);
  EXPECT_NE(text.find("eilpost_engine_commits_total{outcome=\"conflict\"} 1"), std::string::npos);
}

// More partitions than the version table holds.
TEST(Rocksdb, ForgottenVersionsAreReadAgain) {
  const ScratchDirectory directory;
  const auto engine = open_rocksdb({.path = directory.path(), .memory_bytes = 1});
  ASSERT_TRUE(engine);
  std::atomic<int> done{0};
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 1; i <= 1500; ++i) {
      (*engine)->commit(PartitionId(i), static_cast<Version>(round), put("k", "v"),
                        [&](auto result) { done += result.outcome == Outcome::done; });
    }
  }
  // Commits are answered in their order: behind this one nothing waits.
  ASSERT_EQ(commit_wait(**engine, PartitionId(1501), 0, put("k", "v")).outcome, Outcome::done);
  EXPECT_EQ(done, 3000);
  for (uint64_t i = 1; i <= 1500; ++i) EXPECT_EQ(*head_wait(**engine, PartitionId(i)), 2u);
}

TEST(Rocksdb, ACheckpointWithTheSegmentsIsAStoreOfThatMoment) {
  const ScratchDirectory directory;
  const ScratchDirectory backups;
  const std::string backup = backups.path() + "/b";
  const auto engine = open_at(directory.path());
  std::vector<BlobId> ids;
  for (uint64_t i = 0; i < 20; ++i) {
    ids.push_back(*write_blob(**engine, one, content(i, i % 4 == 0 ? 400'000 : 9000)));
    Batch batch = put("k" + std::to_string(i), "v");
    batch.sync_blobs = {ids.back()};
    ASSERT_EQ(commit_wait(**engine, one, i, batch).outcome, Outcome::done);
  }
  {
    const auto pause = (*engine)->pause_removals();
    ASSERT_TRUE((*engine)->checkpoint(backup));
    EXPECT_EQ((*engine)->checkpoint(backup).error().code, Code::already_exists);
    // The store goes on meanwhile.
    (void)commit_wait(**engine, one, 20, put("later", "v"));
    for (const auto id : ids) ASSERT_TRUE((*engine)->remove_blob(id));
    for (const auto& file : (*engine)->segment_files()) {
      std::filesystem::copy((*engine)->segment_directory() + "/" + file.name,
                            backup + "/segments/" + file.name);
    }
  }
  EXPECT_FALSE((*engine)->read_blob(ids[0], 0, 1));
  const auto restored = open_at(backup);
  ASSERT_TRUE(restored) << restored.error().detail;
  EXPECT_EQ(*head_wait(**restored, one), 20u);
  EXPECT_EQ((*restored)->read(one, Range{})->rows.size(), 20u);
  for (uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(*(*restored)->read_blob(ids[i], 0, UINT64_MAX),
              content(i, i % 4 == 0 ? 400'000 : 9000));
  }
}

// ---- Crashes ----------------------------------------------------------------------------------

// What a child says of a commit that it saw acknowledged.
struct Acknowledged {
  uint64_t partition;
  uint64_t version;
  uint64_t seed;
};

size_t blob_size(uint64_t seed) {
  return seed % 11 == 0 ? 500'000 : seed % 40'000;
}

// Commits until it is killed, each with a blob whose content and size follow from its seed.
int commit_for_ever(const std::string& path, int pipe, uint64_t round) {
  const auto engine = open_at(path);
  if (!engine) return 2;
  std::vector<std::thread> workers;
  for (uint64_t t = 1; t <= 4; ++t) {
    workers.emplace_back([&engine, pipe, round, t] {
      const PartitionId partition(t);
      Version version = *head_wait(**engine, partition);
      for (uint64_t n = 0;; ++n) {
        const uint64_t seed = (round * 10 + t) * 1'000'000 + n * 7;
        const auto id = write_blob(**engine, partition, content(seed, blob_size(seed)));
        if (!id) ::_exit(3);
        std::string value;
        put_u64le(value, id->hi);
        put_u64le(value, id->lo);
        Batch batch = put("s" + std::to_string(seed), value);
        batch.sync_blobs = {*id};
        const auto result = commit_wait(**engine, partition, version, batch);
        if (result.outcome != Outcome::done) ::_exit(4);
        version = result.version;
        const Acknowledged said{t, version, seed};
        if (::write(pipe, &said, sizeof said) != sizeof said) ::_exit(5);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  return 0;
}

void expect_there(Engine& engine, const Acknowledged& said) {
  const PartitionId partition(said.partition);
  const auto read = engine.read(partition, std::vector{"s" + std::to_string(said.seed)});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->rows.size(), 1u) << "lost " << said.seed;
  ASSERT_GE(read->version, said.version);
  const std::string& value = read->rows[0].value;
  const BlobId id{load_u64le(value), load_u64le(std::string_view(value).substr(8))};
  const auto octets = engine.read_blob(id, 0, UINT64_MAX);
  ASSERT_TRUE(octets) << octets.error().detail;
  ASSERT_EQ(*octets, content(said.seed, blob_size(said.seed)));
}

TEST(Rocksdb, KillingItLosesNothingThatWasAcknowledged) {
  const ScratchDirectory directory;
  Random random(20'240);
  std::vector<Acknowledged> all;
  for (uint64_t round = 1; round <= 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start_child({"commit_for_ever", directory.path(), ends[1], round});
    ::close(ends[1]);
    // The moment is a number of acknowledgements and then some microseconds.
    const uint64_t enough = 5 + random.below(150);
    Acknowledged said{};
    for (uint64_t n = 0; ::read(ends[0], &said, sizeof said) == sizeof said; ++n) {
      all.push_back(said);
      if (n == enough) {
        ::usleep(static_cast<useconds_t>(random.below(3000)));
        ::kill(child, SIGKILL);
      }
    }
    ::close(ends[0]);
    ASSERT_EQ(exit_status(child), 1000 + SIGKILL);
    const auto engine = open_at(directory.path());
    ASSERT_TRUE(engine) << engine.error().detail;
    for (const auto& a : all) expect_there(**engine, a);
    std::map<uint64_t, Version> highest;
    for (const auto& a : all) highest[a.partition] = std::max(highest[a.partition], a.version);
    for (const auto& [partition, version] : highest) {
      // At most the one commit that was under way came on top.
      const Version present = *head_wait(**engine, PartitionId(partition));
      EXPECT_GE(present, version);
      EXPECT_LE(present, version + 1);
    }
  }
  EXPECT_GT(all.size(), 25u);
}

// ---- A full disk ------------------------------------------------------------------------------

#define CHILD_EXPECT(condition)                                         \
  if (!(condition)) {                                                   \
    std::fprintf(stderr, "child: line %d: %s\n", __LINE__, #condition); \
    return 1;                                                           \
  }

void limit_files(uint64_t bytes) {
  const struct rlimit limit { bytes, RLIM_INFINITY };
  (void)::setrlimit(RLIMIT_FSIZE, &limit);
}

// A file-size limit stands for the full disk. `before` commits make the log longer than that.
int fill_up_and_recover(const std::string& path, Version before) {
  (void)::signal(SIGXFSZ, SIG_IGN);
  auto opened = open_rocksdb({.path = path, .memory_bytes = 64 << 20, .reserve_bytes = 0});
  CHILD_EXPECT(opened);
  auto& engine = **opened;
  Version version = 0;
  const std::string value(1000, 'v');
  for (; version < before; ++version) {
    CHILD_EXPECT(
        commit_wait(engine, one, version, put("k" + std::to_string(version), value)).outcome ==
        Outcome::done);
  }
  limit_files(before * 1000 + 5000);
  int refusals = 0;
  for (int i = 0; i < 20 && refusals < 3; ++i) {
    const auto result =
        commit_wait(engine, one, version, put("k" + std::to_string(version), value));
    if (result.outcome == Outcome::done) {
      ++version;
    } else {
      CHILD_EXPECT(result.outcome == Outcome::unknown && result.error.code == Code::io);
      ++refusals;
    }
  }
  CHILD_EXPECT(refusals == 3);
  // Reads go on, and see exactly what was acknowledged.
  CHILD_EXPECT(*head_wait(engine, one) == version);
  CHILD_EXPECT(engine.read(one, Range{})->version == version);
  CHILD_EXPECT(engine.read(one, Range{})->rows.size() == version);
  limit_files(RLIM_INFINITY);
  for (int i = 0; i < 20;) {
    const auto result =
        commit_wait(engine, one, version, put("k" + std::to_string(version), value));
    if (result.outcome == Outcome::done) {
      ++version;
      ++i;
    } else {
      ::usleep(100'000);
    }
  }
  std::ofstream(path + "/acknowledged") << version;
  return 0;  // and dies without closing
}

class RocksdbFullDisk : public testing::TestWithParam<Version> {};

TEST_P(RocksdbFullDisk, RefusesServesReadsAndRecovers) {
  const ScratchDirectory directory;
  const pid_t child = start_child({"fill_up_and_recover", directory.path(), -1, GetParam()});
  ASSERT_EQ(exit_status(child), 0);
  Version version = 0;
  std::ifstream(directory.path() + "/acknowledged") >> version;
  const auto engine = open_at(directory.path());
  ASSERT_TRUE(engine) << engine.error().detail;
  EXPECT_EQ(*head_wait(**engine, one), version);
  const auto read = (*engine)->read(one, Range{});
  ASSERT_EQ(read->rows.size(), version);
}

// With 0 the first write of the log fails, when no memtable could be flushed.
INSTANTIATE_TEST_SUITE_P(Commits, RocksdbFullDisk, testing::Values(0, 1, 50));

int fill_up_with_blobs(const std::string& path) {
  (void)::signal(SIGXFSZ, SIG_IGN);
  auto opened = open_rocksdb({.path = path, .reserve_bytes = 0});
  CHILD_EXPECT(opened);
  auto& engine = **opened;
  const auto kept = write_blob(engine, one, content(1, 50'000));
  const auto stream = write_blob(engine, one, content(2, 500'000));
  CHILD_EXPECT(kept && stream);
  limit_files(80'000);
  const auto small = write_blob(engine, one, content(3, 100'000));
  CHILD_EXPECT(!small && small.error().code == Code::io);
  limit_files(600'000);
  const auto large = write_blob(engine, one, content(4, 2'000'000));
  CHILD_EXPECT(!large && large.error().code == Code::io);
  limit_files(RLIM_INFINITY);
  int found = 0;
  CHILD_EXPECT(engine.scan_blobs([&](const BlobRecord&) { return ++found > 0; }));
  CHILD_EXPECT(found == 2);
  CHILD_EXPECT(*engine.read_blob(*kept, 0, UINT64_MAX) == content(1, 50'000));
  CHILD_EXPECT(*engine.read_blob(*stream, 0, UINT64_MAX) == content(2, 500'000));
  CHILD_EXPECT(write_blob(engine, one, content(4, 2'000'000)));
  CHILD_EXPECT(write_blob(engine, one, content(3, 100'000)));
  return 0;
}

TEST(Rocksdb, AFullDiskRefusesBlobsAndKeepsTheOthers) {
  const ScratchDirectory directory;
  const pid_t child = start_child({"fill_up_with_blobs", directory.path()});
  EXPECT_EQ(exit_status(child), 0);
}

TEST(Rocksdb, AReserveThatIsNotThereRefusesBlobsAndCommits) {
  const ScratchDirectory directory;
  const auto engine = open_rocksdb({.path = directory.path(), .reserve_bytes = UINT64_MAX / 2});
  ASSERT_TRUE(engine);
  EXPECT_EQ(write_blob(**engine, one, "x").error().code, Code::io);
  const auto result = commit_wait(**engine, one, 0, put("k", "v"));
  EXPECT_EQ(result.outcome, Outcome::unknown);
  EXPECT_EQ(result.error.code, Code::io);
  EXPECT_TRUE((*engine)->read(one, Range{})->rows.empty());
}

TEST(RocksdbChild, DISABLED_DoesItsTask) {
  const char* variable = std::getenv(child_variable);
  if (variable == nullptr) GTEST_SKIP() << "only in a child of another test";
  std::istringstream words(variable);
  ChildTask task;
  words >> task.name >> task.path >> task.pipe >> task.number;
  int status = 126;
  if (task.name == "commit_for_ever") status = commit_for_ever(task.path, task.pipe, task.number);
  if (task.name == "fill_up_and_recover") status = fill_up_and_recover(task.path, task.number);
  if (task.name == "fill_up_with_blobs") status = fill_up_with_blobs(task.path);
  ::_exit(status);
}

}  // namespace
}  // namespace eilpost::engine
