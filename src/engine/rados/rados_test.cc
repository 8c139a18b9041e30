// What the RADOS engine promises beyond the contract, on a real cluster where EILPOST_TEST_CEPH
// names one. Tests that disturb the cluster (a pause, a full pool) put it back.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <set>
#include <thread>

#include "engine/engine_testing.h"
#include "engine/rados/blob_format.h"
#include "engine/rados/client.h"
#include "engine/rados/look.h"
#include "engine/rados/rows.h"
#include "engine/rados/testing.h"

namespace eilpost::engine {
namespace {

constexpr PartitionId one(1);
constexpr uint64_t stripe = rados_stripe_bytes;

// Waits for what only takes time; false when it takes too much.
bool eventually(const std::function<bool()>& test) {
  for (int i = 0; i < 6000; ++i) {
    if (test()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

struct Pending {
  Version expected = 0;
  std::atomic<int> stalled{0};
  std::atomic<int> decided{0};
  CommitResult result;  // once decided
};

// Commits to a cluster that is being paused until one is not answered: then the pause has reached
// this instance, which takes a moment. Shared with the commit's callback.
std::shared_ptr<Pending> commit_that_hangs(Engine& engine, PartitionId partition, Version version) {
  while (true) {
    auto pending = std::make_shared<Pending>();
    pending->expected = version;
    engine.commit(partition, version, put("k", "hung"), [pending](CommitResult result) {
      if (result.outcome == Outcome::stalled) {
        ++pending->stalled;
        return;
      }
      pending->result = std::move(result);
      ++pending->decided;
    });
    if (!eventually([&] { return pending->stalled + pending->decided > 0; })) return pending;
    if (pending->decided == 0 || pending->result.outcome != Outcome::done) return pending;
    version = pending->result.version;
  }
}

class RadosTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!rados_available()) GTEST_SKIP() << "EILPOST_TEST_CEPH names no cluster";
    options_ = rados_test_options(rados_test_namespace());
    auto admin = rados_connect(options_, 0);
    ASSERT_TRUE(admin) << admin.error().detail;
    admin_ = *admin;
  }
  void TearDown() override {
    if (!admin_) return;
    for (const auto& object : objects(admin_->index)) admin_->index.remove(object);
    for (const auto& object : objects(admin_->blobs)) admin_->blobs.remove(object);
  }

  static std::unique_ptr<Engine> open(const RadosOptions& options) {
    auto engine = open_rados(options);
    EXPECT_TRUE(engine) << engine.error().detail;
    return engine ? std::move(*engine) : nullptr;
  }
  static std::set<std::string> objects(librados::IoCtx& pool) {
    std::set<std::string> names;
    for (auto at = pool.nobjects_begin(); at != pool.nobjects_end(); ++at) {
      names.insert(at->get_oid());
    }
    return names;
  }
  void ask_monitor(const std::string& json) {
    librados::bufferlist none;
    librados::bufferlist out;
    std::string text;
    ASSERT_GE(admin_->rados.mon_command(json, none, &out, &text), 0) << text;
  }
  void set_quota(const std::string& pool, int objects_max) {
    ask_monitor(fmt::format(R"({{"prefix": "osd pool set-quota", "pool": "{}",)"
                            R"( "field": "max_objects", "val": "{}"}})",
                            pool, objects_max));
  }
  // The address of the instance that watches the partition.
  std::string address_of_watcher(PartitionId partition) {
    std::list<obj_watch_t> watchers;
    EXPECT_TRUE(eventually([&] {
      watchers.clear();
      admin_->index.list_watchers(rados_partition_object(partition), &watchers);
      return !watchers.empty();
    }));
    return watchers.empty() ? "" : watchers.front().addr;
  }

  RadosOptions options_;
  std::shared_ptr<RadosConnection> admin_;
};

TEST(RadosFormat, TheCommonPrefixHoldsEveryKeyOfTheRange) {
  const auto prefix = [](std::string_view first, std::string_view last) {
    return rados_common_prefix(first, last);
  };
  EXPECT_EQ(prefix("", ""), "");
  EXPECT_EQ(prefix("a", ""), "");
  EXPECT_EQ(prefix("a", "b"), "a");
  EXPECT_EQ(prefix("a", "c"), "");
  EXPECT_EQ(prefix("abc1", "abc3"), "abc");
  EXPECT_EQ(prefix("abc1", "abc2"), "abc1");
  EXPECT_EQ(prefix("a\xff", "b"), "a\xff");
  EXPECT_EQ(prefix("ab", "b"), "a");
  EXPECT_EQ(prefix("ab", std::string_view("ab\0", 3)), "ab");
  EXPECT_EQ(prefix("ab", "abc"), "ab");
  EXPECT_EQ(prefix("b", "a"), "");
}

TEST(RadosFormat, AHeadReadsBackAndNothingElseDoes) {
  const RadosHead head{.version = 0x1234567890abcdef, .rows = 99'999, .octets = 1ULL << 40};
  const auto back = RadosHead::parse(head.text());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->version, head.version);
  EXPECT_EQ(back->rows, head.rows);
  EXPECT_EQ(back->octets, head.octets);
  for (const char* bad : {"", "1", "2 0 0 0", "1 0 0", "1 x 0 0", "1 0 0 x", "10 0 0 0"}) {
    EXPECT_FALSE(RadosHead::parse(bad)) << bad;
  }
}

TEST(RadosFormat, ABlobsNamesRecordAndSums) {
  const BlobId id{0x0123456789abcdef, 1};
  EXPECT_EQ(rados_blob_of(rados_blob_object(id, 0)), id);
  EXPECT_EQ(rados_blob_of(rados_blob_object(id, 1)), std::nullopt);
  EXPECT_EQ(rados_blob_of("b.0123"), std::nullopt);
  const BlobRecord record{
      .id = id, .partition = PartitionId(7), .staged = Timestamp{-5}, .place = "INBOX", .size = 3};
  auto text = rados_blob_record(record);
  const auto back = rados_parse_blob_record(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->partition, record.partition);
  EXPECT_EQ(back->staged, record.staged);
  EXPECT_EQ(back->place, record.place);
  EXPECT_EQ(back->size, record.size);
  text[3] ^= 1;
  EXPECT_FALSE(rados_parse_blob_record(text));

  constexpr uint64_t chunk = rados_sum_bytes;
  const std::string octets = content(1, 2 * chunk + 10);
  const auto sums = rados_blob_sums(octets);
  EXPECT_TRUE(rados_check_sums(sums, octets, 0, 3 * chunk));
  EXPECT_TRUE(rados_check_sums(sums, octets.substr(chunk), chunk, 3 * chunk));
  EXPECT_TRUE(rados_check_sums(sums, octets.substr(0, chunk), 0, chunk));
  EXPECT_TRUE(rados_check_sums(sums, "", 3 * chunk, 4 * chunk));
  EXPECT_FALSE(rados_check_sums(sums, octets.substr(0, chunk), 0, 2 * chunk));
  EXPECT_FALSE(rados_check_sums(sums, octets.substr(0, 2 * chunk + 9), 0, 3 * chunk));
  EXPECT_FALSE(rados_check_sums(sums, octets + "x", 0, 3 * chunk));
  EXPECT_FALSE(rados_check_sums("", octets, 0, 3 * chunk));
}

TEST_F(RadosTest, OpeningSaysWhatIsMissing) {
  auto options = options_;
  options.blob_pool = "no-such-pool";
  auto opened = open_rados(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_found);
  EXPECT_NE(opened.error().detail.find("no-such-pool"), std::string::npos);
  options = options_;
  options.ceph_conf = "/nonexistent/ceph.conf";
  opened = open_rados(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
}

TEST_F(RadosTest, AReadGoesOnPastAThousandRows) {
  const auto engine = open(options_);
  Batch batch;
  for (int i = 0; i < 2500; ++i) batch.puts.emplace_back(fmt::format("k{:04}", i), "v");
  ASSERT_EQ(commit_wait(*engine, one, 0, batch).outcome, Outcome::done);
  for (const auto& range : {Range{}, Range{"k", "l"}, Range{"a", "z"}, Range{"k0000", ""}}) {
    const auto read = engine->read(one, range);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->rows.size(), 2500u);
    EXPECT_FALSE(read->more);
    EXPECT_EQ(read->rows.back().key, "k2499");
  }
  const auto some = engine->read(one, Range{"k0001", "k2000", 1500});
  ASSERT_TRUE(some);
  EXPECT_EQ(some->rows.size(), 1500u);
  EXPECT_TRUE(some->more);
  EXPECT_EQ(some->rows.front().key, "k0001");
  EXPECT_EQ(some->rows.back().key, "k1500");
}

TEST_F(RadosTest, APartitionHoldsSoManyRowsAndNoMore) {
  options_.partition_rows_max = 50;
  const auto engine = open(options_);
  Version version = 0;
  const auto commit = [&](const Batch& batch) {
    auto result = commit_wait(*engine, one, version, batch);
    if (result.outcome == Outcome::done) version = result.version;
    return result;
  };
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(commit(put(fmt::format("k{}", i), "v")).outcome, Outcome::done) << i;
  }
  // Replacing rows adds none, however often.
  for (int i = 0; i < 60; ++i) ASSERT_EQ(commit(put("k7", "other")).outcome, Outcome::done) << i;
  const auto refused = commit(put("new", "v"));
  EXPECT_EQ(refused.outcome, Outcome::unknown);
  EXPECT_EQ(refused.error.code, Code::limit);
  EXPECT_NE(refused.error.detail.find("51 rows"), std::string::npos) << refused.error.detail;
  Batch exchange = put("new", "v");
  exchange.deletes = {"k3"};
  EXPECT_EQ(commit(exchange).outcome, Outcome::done);
  EXPECT_EQ(commit(put("newer", "v")).error.code, Code::limit);
  Batch deletes;
  deletes.deletes = {"k1", "k2", "absent"};
  EXPECT_EQ(commit(deletes).outcome, Outcome::done);
  // Another instance knows the estimate only, and finds out.
  const auto other = open(options_);
  EXPECT_EQ(commit_wait(*other, one, version, put("x", "v")).outcome, Outcome::done);
  EXPECT_EQ(other->read(one, Range{})->rows.size(), 49u);
}

TEST_F(RadosTest, APartitionHoldsSoManyOctetsAndNoMore) {
  options_.partition_bytes_max = 100'000;
  const auto engine = open(options_);
  const std::string value(30'000, 'v');
  for (Version v = 0; v < 30; ++v) {
    const auto key = fmt::format("k{}", v % 3);
    ASSERT_EQ(commit_wait(*engine, one, v, put(key, value)).outcome, Outcome::done) << v;
  }
  const auto refused = commit_wait(*engine, one, 30, put("k4", value));
  EXPECT_EQ(refused.error.code, Code::limit);
  EXPECT_NE(refused.error.detail.find("octets"), std::string::npos);
  Batch deletes;
  deletes.deletes = {"k1"};
  EXPECT_EQ(commit_wait(*engine, one, 30, deletes).outcome, Outcome::done);
  EXPECT_EQ(commit_wait(*engine, one, 31, put("k4", value)).outcome, Outcome::done);
  // What the pool's quota counts is what the rows take.
  uint64_t size = 0;
  time_t changed = 0;
  ASSERT_EQ(admin_->index.stat(rados_partition_object(one), &size, &changed), 0);
  EXPECT_EQ(size, 3 * 30'002u);
}

TEST_F(RadosTest, LargeBlobsLieInStripesAndLeaveNothing) {
  const auto engine = open(options_);
  Random random(3);
  for (const size_t size : {stripe - 1, stripe, stripe + 1, 2 * stripe, 2 * stripe + 700'000}) {
    const auto octets = content(size, size);
    const auto id = write_blob(*engine, one, octets);
    ASSERT_TRUE(id) << id.error().detail;
    Batch batch;
    batch.sync_blobs = {*id};
    commit_surely(*engine, one, batch);
    EXPECT_EQ(objects(admin_->blobs).size(), (size + stripe - 1) / stripe);
    EXPECT_TRUE(*engine->read_blob(*id, 0, UINT64_MAX) == octets);
    EXPECT_EQ(*engine->read_blob(*id, size, 10), "");
    EXPECT_EQ(*engine->read_blob(*id, size + 3 * stripe, 10), "");
    EXPECT_EQ(*engine->read_blob(*id, size - 1, 10), octets.substr(size - 1));
    EXPECT_EQ(*engine->read_blob(*id, stripe - 10, 20), octets.substr(stripe - 10, 20));
    for (int i = 0; i < 10; ++i) {
      const uint64_t offset = random.below(size);
      const uint64_t length = random.below(2 * stripe);
      EXPECT_TRUE(*engine->read_blob(*id, offset, length) == octets.substr(offset, length));
    }
    ASSERT_TRUE(engine->remove_blob(*id));
    EXPECT_TRUE(engine->remove_blob(*id));
    EXPECT_TRUE(objects(admin_->blobs).empty());
  }
}

TEST_F(RadosTest, AnAbandonedBlobGoesAndADeadWritersBlobCanBeFound) {
  auto engine = open(options_);
  {
    auto writer = engine->stage_blob(one, Timestamp{1}, "abandoned");
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->append(content(1, 3 * stripe)));
  }
  EXPECT_TRUE(eventually([&] { return objects(admin_->blobs).empty(); }));
  auto writer = engine->stage_blob(one, Timestamp{1}, "dead");
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->append(content(1, 3 * stripe)));
  engine->close();
  writer->reset();  // as if its process had died: a closed engine removes nothing
  EXPECT_EQ(objects(admin_->blobs).size(), 2u);
  engine = open(options_);
  std::vector<BlobRecord> found;
  ASSERT_TRUE(engine->scan_blobs([&](const BlobRecord& record) {
    found.push_back(record);
    return true;
  }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].place, "dead");
  EXPECT_EQ(found[0].size, 0u);
  ASSERT_TRUE(engine->remove_blob(found[0].id));
  EXPECT_TRUE(objects(admin_->blobs).empty());
}

TEST_F(RadosTest, ADamagedBlobIsNoticed) {
  const auto engine = open(options_);
  const auto id = write_blob(*engine, one, content(1, 200'000));
  ASSERT_TRUE(id && engine->read_blob(*id, 0, 10));
  librados::bufferlist wrong;
  wrong.append("wrong");
  ASSERT_EQ(admin_->blobs.write(rados_blob_object(*id, 0), wrong, 5, 70'000), 0);
  EXPECT_TRUE(engine->read_blob(*id, 0, 65'536));
  const auto read = engine->read_blob(*id, 65'536, 1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::corrupt);
}

TEST_F(RadosTest, AWatchHearsOtherInstancesAndArmsWhenThePartitionAppears) {
  const auto engine = open(options_);
  const auto other = open(options_);
  std::atomic<int> wakes{0};
  auto watch = engine->watch(one, [&](Version) { ++wakes; });
  // The first commit of this instance arms; it also wakes, directly.
  commit_surely(*engine, one, put("k", "v"));
  EXPECT_NE(address_of_watcher(one), "");
  // The two wakes that follow arming.
  EXPECT_TRUE(eventually([&] { return wakes >= 3; }));
  const int before = wakes;
  commit_surely(*other, one, put("k", "w"));
  EXPECT_TRUE(eventually([&] { return wakes > before; }));
  watch.reset();
  EXPECT_TRUE(eventually([&] {
    std::list<obj_watch_t> watchers;
    admin_->index.list_watchers(rados_partition_object(one), &watchers);
    return watchers.empty();
  }));
}

// librados crashes when it is shut down before a notify is answered; one in thirty engines did.
TEST_F(RadosTest, AnEngineEndsRightBehindItsCommit) {
  for (uint64_t i = 0; i < 60; ++i) {
    const auto engine = open(options_);
    const PartitionId partition{200 + i};
    EXPECT_EQ(commit_wait(*engine, partition, 0, put("k", "v")).outcome, Outcome::done);
  }
}

TEST_F(RadosTest, ATurnHoldsOthersBackUntilTheHolderHasCommitted) {
  const auto engine = open(options_);
  options_.turn_ms = 60'000;
  const auto other = open(options_);
  const Version version = commit_surely(*engine, one, put("k", "v"));
  ASSERT_TRUE(head_wait(*other, one));
  std::atomic<bool> mine{false};
  engine->take_turn(one, [&] { mine = true; });
  ASSERT_TRUE(eventually([&] { return mine.load(); }));
  EXPECT_EQ(*head_wait(*engine, one), version);
  std::atomic<bool> answered{false};
  std::atomic<Outcome> outcome{Outcome::done};
  other->commit(one, version, put("k", "theirs"), [&](CommitResult result) {
    outcome = result.outcome;
    answered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(answered);
  EXPECT_EQ(commit_wait(*engine, one, version, put("k", "mine")).outcome, Outcome::done);
  ASSERT_TRUE(eventually([&] { return answered.load(); }));
  EXPECT_EQ(outcome, Outcome::conflict);
  EXPECT_EQ(commit_wait(*other, one, version + 1, put("k", "theirs")).outcome, Outcome::done);
}

TEST_F(RadosTest, ATurnThatIsNotUsedEnds) {
  options_.turn_ms = 60'000;
  const auto engine = open(options_);
  options_.turn_ms = 200;
  const auto other = open(options_);
  const Version version = commit_surely(*engine, one, put("k", "v"));
  std::atomic<bool> mine{false};
  engine->take_turn(one, [&] { mine = true; });
  ASSERT_TRUE(eventually([&] { return mine.load(); }));
  EXPECT_EQ(commit_wait(*other, one, version, put("k", "theirs")).outcome, Outcome::done);
  EXPECT_EQ(commit_wait(*engine, one, version, put("k", "late")).outcome, Outcome::conflict);
  EXPECT_EQ(commit_wait(*engine, one, version + 1, put("k", "late")).outcome, Outcome::done);
  // Where there is nothing to hold, asking does no harm.
  mine = false;
  engine->take_turn(PartitionId(99), [&] { mine = true; });
  EXPECT_TRUE(eventually([&] { return mine.load(); }));
  EXPECT_EQ(*head_wait(*engine, PartitionId(99)), 0u);
}

TEST_F(RadosTest, EverythingCostsTheOperationsItShould) {
  Metrics metrics;
  options_.metrics = &metrics;
  const auto engine = open(options_);
  const auto sent = [&](const char* op) {
    return metrics.counter("eilpost_rados_operations_total", "", {{"op", op}}).value();
  };
  ASSERT_EQ(commit_wait(*engine, one, 0, put("k", "v")).outcome, Outcome::done);
  EXPECT_EQ(sent("registry"), 2);
  EXPECT_EQ(sent("commit"), 1);
  ASSERT_TRUE(head_wait(*engine, one));
  const double notices = sent("notify");
  const auto id = write_blob(*engine, one, "small");
  ASSERT_TRUE(id);
  Batch batch = put("k", "w");
  batch.sync_blobs = {*id};
  ASSERT_EQ(commit_wait(*engine, one, 1, batch).outcome, Outcome::done);
  EXPECT_EQ(sent("commit"), 2);
  EXPECT_EQ(sent("head"), 1);
  EXPECT_EQ(sent("blob_write"), 1);
  // Nobody watched a moment ago.
  EXPECT_EQ(sent("notify"), notices);
  ASSERT_TRUE(engine->read_blob(*id, 1, 2));
  EXPECT_EQ(sent("blob_read"), 1);
  ASSERT_TRUE(engine->remove_blob(*id));
  EXPECT_EQ(sent("blob_remove"), 1);
  ASSERT_TRUE(engine->read(one, Range{}));
  EXPECT_EQ(sent("read"), 1);
}

TEST_F(RadosTest, WhileTheClusterIsSilentCallsAreRefusedAndCommitsStall) {
  options_.stall_ms = 300;
  options_.read_ms = 300;
  options_.probe_ms = 50;
  const auto engine = open(options_);
  const Version version = commit_surely(*engine, one, put("k", "v"));
  ask_monitor(R"({"prefix": "osd pause"})");
  const auto pending = commit_that_hangs(*engine, one, version);
  const bool silent = eventually([&] { return !engine->reachable(); });
  const auto refused = commit_wait(*engine, PartitionId(2), 0, put("k", "v"));
  const auto read = engine->read(one, Range{});
  const auto head = head_wait(*engine, one);
  const auto blob = engine->stage_blob(one, Timestamp{1}, "");
  const int stalled_then = pending->stalled;
  const int decided_then = pending->decided;
  ask_monitor(R"({"prefix": "osd unpause"})");
  EXPECT_TRUE(silent);
  EXPECT_EQ(refused.outcome, Outcome::unknown);
  EXPECT_EQ(refused.error.code, Code::unavailable);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::unavailable);
  EXPECT_FALSE(head);
  EXPECT_FALSE(blob);
  EXPECT_EQ(stalled_then, 1);
  EXPECT_EQ(decided_then, 0);
  EXPECT_TRUE(eventually([&] { return engine->reachable() && pending->decided == 1; }));
  EXPECT_EQ(pending->stalled, 1);
  EXPECT_EQ(pending->result.outcome, Outcome::done);
  EXPECT_EQ(pending->result.version, pending->expected + 1);
  EXPECT_EQ(engine->read(one, Range{"k", "l"})->rows.at(0).value, "hung");
  EXPECT_EQ(*head_wait(*engine, PartitionId(2)), 0u);
}

TEST_F(RadosTest, ClosingGivesUpOnASilentCluster) {
  options_.stall_ms = 200;
  options_.close_ms = 200;
  auto engine = open(options_);
  const Version version = commit_surely(*engine, one, put("k", "v"));
  const auto watch = engine->watch(one, [](Version) {});
  ASSERT_NE(address_of_watcher(one), "");
  ask_monitor(R"({"prefix": "osd pause"})");
  const auto pending = commit_that_hangs(*engine, one, version);
  engine->close();
  engine.reset();
  const int decided = pending->decided;
  ask_monitor(R"({"prefix": "osd unpause"})");
  EXPECT_EQ(decided, 1);
  EXPECT_EQ(pending->result.outcome, Outcome::unknown);
  // It was sent.
  EXPECT_EQ(pending->result.error.code, Code::unknown);
}

TEST_F(RadosTest, ACommitThatClosingGivesUpOnBeforeItIsSentNeverHappens) {
  options_.close_ms = 200;
  auto engine = open(options_);
  commit_surely(*engine, one, put("k", "v"));
  RadosOptions impatient = options_;
  impatient.stall_ms = 200;
  const auto other = open(impatient);
  const Version version = *head_wait(*engine, one);
  ask_monitor(R"({"prefix": "osd pause"})");
  const auto pending = commit_that_hangs(*other, one, version);
  // Nothing is known of its partition: a look comes first, and is not answered.
  std::atomic<int> decided{0};
  CommitResult result;
  engine->commit(PartitionId(2), 7, put("k", "v"), [&](CommitResult answer) {
    result = std::move(answer);
    ++decided;
  });
  engine->close();
  engine.reset();
  ask_monitor(R"({"prefix": "osd unpause"})");
  EXPECT_EQ(decided, 1);
  EXPECT_EQ(pending->stalled, 1);
  EXPECT_TRUE(result.outcome == Outcome::conflict || result.error.code == Code::closed)
      << result.error.detail;
}

TEST_F(RadosTest, ATurnIsNotWaitedForWhileTheClusterIsSilent) {
  options_.turn_ms = 50;
  const auto engine = open(options_);
  Version version = commit_surely(*engine, one, put("k", "v"));
  ask_monitor(R"({"prefix": "osd pause"})");
  // Asked again and again until the pause has reached this instance and a commit stays open.
  std::atomic<int> called{0};
  std::atomic<int> open_commits{0};
  int asked = 0;
  bool each = true;
  for (; each && asked < 20 && open_commits == 0; ++asked) {
    ++open_commits;
    engine->commit(one, version, put("k", "w"), [&](CommitResult result) {
      if (result.outcome == Outcome::done) version = result.version;
      --open_commits;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    engine->take_turn(one, [&] { ++called; });
    each = eventually([&] { return called == asked + 1; });
  }
  const bool silent = open_commits > 0;
  ask_monitor(R"({"prefix": "osd unpause"})");
  EXPECT_TRUE(each);
  EXPECT_TRUE(silent);
  EXPECT_TRUE(eventually([&] { return open_commits == 0; }));
  // A turn that came too late holds nobody back.
  const auto other = open(options_);
  commit_surely(*other, one, put("k", "theirs"));
}

TEST_F(RadosTest, ABlocklistedInstanceIsReplacedAndItsLostCommitIsFenced) {
  options_.stall_ms = 300;
  options_.probe_ms = 50;
  const auto engine = open(options_);
  const auto other = open(options_);
  std::atomic<int> wakes{0};
  const Version version = commit_surely(*engine, one, put("k", "v"));
  const auto watch = engine->watch(one, [&](Version) { ++wakes; });
  const std::string address = address_of_watcher(one);
  ASSERT_NE(address, "");
  ask_monitor(R"({"prefix": "osd pause"})");
  const auto pending = commit_that_hangs(*engine, one, version);
  const int decided_then = pending->decided;
  const int listed = admin_->rados.blocklist_add(address, 600);
  ask_monitor(R"({"prefix": "osd unpause"})");
  ASSERT_EQ(listed, 0);
  ASSERT_EQ(decided_then, 0);
  ASSERT_TRUE(eventually([&] { return pending->decided > 0 && engine->reachable(); }));
  EXPECT_EQ(pending->result.outcome, Outcome::unknown);
  EXPECT_EQ(pending->result.error.code, Code::unknown) << pending->result.error.detail;
  // Nothing of it is there, and it cannot happen any more.
  const auto row = engine->read(one, std::vector<std::string>{"k"});
  ASSERT_TRUE(row) << row.error().detail;
  EXPECT_EQ(row->version, pending->expected + 1);
  const auto again = commit_wait(*engine, one, pending->expected, put("k", "again"));
  EXPECT_EQ(again.outcome, Outcome::conflict);
  // The watch is armed again, by an instance with another address.
  EXPECT_TRUE(eventually([&] { return address_of_watcher(one) != address; }));
  const int before = wakes;
  commit_surely(*other, one, put("k", "theirs"));
  EXPECT_TRUE(eventually([&] { return wakes > before; }));
}

TEST_F(RadosTest, AnInstanceIsReplacedAsOftenAsItIsBlocklisted) {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  options_.probe_ms = 50;
  const auto engine = open(options_);
  commit_surely(*engine, one, put("k", "v"));
  const auto watch = engine->watch(one, [](Version) {});
  std::set<std::string> addresses;
  const auto fresh_address = [&] {
    std::string fresh;
    EXPECT_TRUE(eventually([&] {
      std::list<obj_watch_t> watchers;
      admin_->index.list_watchers(rados_partition_object(one), &watchers);
      for (const auto& watcher : watchers) {
        if (addresses.insert(watcher.addr).second) fresh = watcher.addr;
      }
      return !fresh.empty();
    }));
    return fresh;
  };
  std::string address = fresh_address();
  const auto threads_of_one = threads();
  for (int round = 0; round < 3; ++round) {
    ASSERT_NE(address, "");
    ASSERT_EQ(admin_->rados.blocklist_add(address, 600), 0);
    address = fresh_address();
    ASSERT_TRUE(eventually([&] { return engine->reachable(); }));
    commit_surely(*engine, one, put("k", std::to_string(round)));
  }
  // Those that were replaced are ended; each of them has more threads than this.
  EXPECT_TRUE(eventually([&] { return threads() < threads_of_one + 5; })) << threads();
}

TEST_F(RadosTest, AFullPoolRefusesWritesAndTakesDeletes) {
  const auto engine = open(options_);
  commit_surely(*engine, one, put("k", "v"));
  const auto kept = write_blob(*engine, one, "kept");
  ASSERT_TRUE(kept);
  Batch names;
  names.sync_blobs = {*kept};
  commit_surely(*engine, one, names);
  set_quota(options_.index_pool, 1);
  set_quota(options_.blob_pool, 1);
  CommitResult refused;
  const bool full = eventually([&] {
    const auto id = write_blob(*engine, one, "does not fit");
    Batch batch = put("more", std::string(1000, 'm'));
    if (id) batch.sync_blobs = {*id};
    refused = commit_wait(*engine, one, *head_wait(*engine, one), batch);
    return refused.outcome != Outcome::done;
  });
  const auto rows_refused =
      commit_wait(*engine, one, *head_wait(*engine, one), put("rows", std::string(1000, 'm')));
  const auto read = engine->read(one, std::vector<std::string>{"k"});
  const auto blob = engine->read_blob(*kept, 0, 10);
  Batch deletes;
  deletes.deletes = {"more"};
  const auto deleted = commit_wait(*engine, one, *head_wait(*engine, one), deletes);
  const auto removed = engine->remove_blob(*kept);
  const auto gone = engine->read_blob(*kept, 0, 10);
  set_quota(options_.index_pool, 0);
  set_quota(options_.blob_pool, 0);
  EXPECT_TRUE(full);
  for (const auto& result : {refused, rows_refused}) {
    EXPECT_EQ(result.outcome, Outcome::unknown);
    EXPECT_EQ(result.error.code, Code::io);
    EXPECT_NE(result.error.detail.find("full"), std::string::npos) << result.error.detail;
  }
  EXPECT_TRUE(read && read->rows.size() == 1);
  EXPECT_TRUE(blob);
  EXPECT_EQ(deleted.outcome, Outcome::done) << deleted.error.detail;
  EXPECT_TRUE(removed);
  EXPECT_FALSE(gone);
  EXPECT_TRUE(eventually([&] {
    const Version version = *head_wait(*engine, one);
    return commit_wait(*engine, one, version, put("again", "v")).outcome == Outcome::done;
  }));
}

}  // namespace
}  // namespace eilpost::engine
