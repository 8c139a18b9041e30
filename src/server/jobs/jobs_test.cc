#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

#include "directory/builtin.h"
#include "engine/engine_testing.h"
#include "engine/memory.h"
#include "server/jobs/indexer.h"
#include "server/jobs/jobs.h"
#include "server/jobs/maintain.h"
#include "server/jobs/orphans.h"
#include "store/digest.h"
#include "store/keys.h"
#include "store/mutations.h"
#include "store/transfer/transfer_rows.h"

namespace eilpost::server {
namespace {

constexpr int64_t day = 86'400'000'000;
const store::Author author{"test", "test"};

// A whole world over the memory engine, with a clock that stands still.
struct TestWorld {
  TestWorld() {
    directory::BuiltinOptions options;
    options.passwords.cost = {.memory_kib = 64, .iterations = 1, .parallelism = 1};
    options.scram_iterations = 4096;
    accounts = std::move(*directory::BuiltinDirectory::open(engine, clock, random, options));
    delays.emplace(directory::FailureDelays::Options{}, clock, random);
    authenticator.emplace(*accounts, *delays, directory::NameRules{});
    store::Services services{engine, clock, random, [this](std::function<void()> job) {
                               (void)disk.post_reserved(std::move(job));
                             }};
    store.emplace(services, store::StoreOptions());
    Settings s;
    s.recoverable_days = 30;
    s.log_days = 10;
    settings.set(s);
    world.emplace(ServerWorld{engine,
                              *store,
                              *accounts,
                              *authenticator,
                              {},
                              io,
                              disk,
                              directory_pool,
                              hashing,
                              batch,
                              clock,
                              random,
                              metrics,
                              sessions,
                              settings,
                              account_rows});
  }
  ~TestWorld() {
    for (net::DiskPool* pool : {&batch, &hashing, &directory_pool, &disk}) pool->stop();
  }

  store::AccountPtr add(const std::string& name) {
    directory::NewAccount account;
    account.name = name;
    auto added = accounts->add(account);
    EXPECT_TRUE(added);
    return *open_account_wait(*store, added->partition(), *settings.get());
  }
  Uid append(store::Account& account, const std::string& octets) {
    auto writer = account.stage("test");
    EXPECT_TRUE(writer && (*writer)->append(octets));
    store::NewMessage message;
    message.cold.blob = *(*writer)->finish();
    message.cold.size = octets.size();
    message.digest = store::make_digest(mime::scan(octets));
    store::AppendRequest request;
    request.mailbox = store::inbox_id;
    request.messages.push_back(std::move(message));
    auto appended = store::mutate_wait<store::AppendResult>(
        account, author, [&](store::Tx& tx) { return store::append(tx, request); });
    EXPECT_TRUE(appended);
    return appended->uids[0];
  }
  void expunge(store::Account& account, Uid uid) {
    auto done = store::mutate_wait<bool>(account, author, [&](store::Tx& tx) -> Result<bool> {
      store::StoreRequest request;
      request.mailbox = store::inbox_id;
      request.uids.add(uid);
      request.change = store::FlagChange::add;
      request.flags = store::flag_deleted;
      TRY(store::store_flags(tx, request));
      TRY(store::expunge(tx, engine, {store::inbox_id, std::nullopt}));
      return true;
    });
    EXPECT_TRUE(done) << (done ? "" : done.error().detail);
  }
  // A blob that no message names.
  engine::BlobId stray(PartitionId partition) {
    auto writer = engine.stage_blob(partition, clock.now(), "stray");
    EXPECT_TRUE(writer && (*writer)->append("stray"));
    return *(*writer)->finish();
  }
  std::set<engine::BlobId> blobs() {
    std::set<engine::BlobId> out;
    EXPECT_TRUE(engine.scan_blobs([&](const engine::BlobRecord& record) {
      out.insert(record.id);
      return true;
    }));
    return out;
  }
  Maintained maintain() {
    net::Signal never(io.executor(0));
    auto done = net::block_on(io.executor(0), maintain_all(*world, never));
    EXPECT_TRUE(done);
    return done.value_or(Maintained{});
  }
  SweepResult sweep(SweepOptions options) {
    options.now = clock.now();
    auto swept = sweep_orphans(engine, options);
    EXPECT_TRUE(swept) << (swept ? "" : swept.error().detail);
    return swept.value_or(SweepResult{});
  }

  ManualClock clock{Timestamp{1'700'000'000'000'000}};
  Random random{1};
  Metrics metrics;
  SettingsCell settings{Settings{}};
  SessionTable sessions{random};
  net::IoPool io{1};
  engine::MemoryEngine engine;
  directory::AccountRows account_rows{engine, random};
  net::DiskPool disk{{.name = "disk", .threads = 2}};
  net::DiskPool directory_pool{{.name = "directory", .threads = 1}};
  net::DiskPool hashing{{.name = "hashing", .threads = 1}};
  net::DiskPool batch{{.name = "batch", .threads = 1}};
  std::unique_ptr<directory::BuiltinDirectory> accounts;
  std::optional<directory::FailureDelays> delays;
  std::optional<directory::Authenticator> authenticator;
  std::optional<store::Store> store;
  std::optional<ServerWorld> world;
};

TEST(Maintain, PurgesWhenItIsNoLongerRecoverable) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: kept\r\n\r\n");
  const Uid gone = t.append(*account, "Subject: gone\r\n\r\n");
  t.expunge(*account, gone);
  t.clock.advance_micros(29 * day);
  EXPECT_EQ(t.maintain().purged, 0U);
  EXPECT_EQ(t.blobs().size(), 2U);
  t.clock.advance_micros(2 * day);
  EXPECT_EQ(t.maintain().purged, 1U);
  // Blobs go after the answer; the account's next job waits for that.
  EXPECT_EQ(t.maintain().purged, 0U);
  EXPECT_EQ(t.blobs().size(), 1U);
  EXPECT_EQ(account->counters(store::inbox_id)->exists, 1U);
}

TEST(Maintain, CutsTheLog) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: old\r\n\r\n");
  t.clock.advance_micros(11 * day + day / 2);
  t.append(*account, "Subject: young\r\n\r\n");
  EXPECT_EQ(account->read_log(ModSeq(0), 100)->size(), 2U);
  t.maintain();
  const auto log = account->read_log(ModSeq(0), 100);
  ASSERT_TRUE(log);
  // The young one, and the trim itself.
  ASSERT_EQ(log->size(), 2U);
  ASSERT_EQ(log->front().changes.size(), 1U);
  EXPECT_TRUE(log->front().changes[0].uids.contains(Uid(2)));
  EXPECT_LT(account->head()->log_floor, log->front().changes[0].modseq);
}

TEST(Maintain, IdleAccountsAreNotWrittenTo) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: x\r\n\r\n");
  t.clock.advance_micros(12 * day);
  t.maintain();
  const auto version = engine::head_wait(t.engine, account->partition());
  for (int hour = 0; hour < 48; ++hour) {
    t.clock.advance_micros(day / 24);
    t.maintain();
  }
  EXPECT_EQ(*engine::head_wait(t.engine, account->partition()), *version);
}

TEST(Maintain, AccountsWithoutMailAreNotMade) {
  TestWorld t;
  directory::NewAccount account;
  account.name = "new@example.org";
  ASSERT_TRUE(t.accounts->add(account));
  t.maintain();
  EXPECT_EQ(t.engine.partitions(directory::directory_partition)->size(), 0U);
}

TEST(Orphans, OldOnesGoNamedAndYoungOnesStay) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: named\r\n\r\n");
  const Uid expunged = t.append(*account, "Subject: recoverable\r\n\r\n");
  t.expunge(*account, expunged);
  const auto old = t.stray(account->partition());
  // Of an account that is gone.
  const auto lost = t.stray(PartitionId(987'654));
  t.clock.advance_micros(2 * day);
  const auto young = t.stray(account->partition());
  const SweepResult swept = t.sweep({});
  EXPECT_EQ(swept.removed, 2U);
  EXPECT_EQ(swept.doubtful, 0U);
  const auto left = t.blobs();
  EXPECT_EQ(left.size(), 3U);
  EXPECT_EQ(left.count(old) + left.count(lost), 0U);
  EXPECT_EQ(left.count(young), 1U);
}

// A copy that is not finished has put blobs there whose messages come later.
TEST(Orphans, WhatACopyHasMappedStays) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: named\r\n\r\n");
  const auto mapped = t.stray(account->partition());
  const auto lost = t.stray(account->partition());
  const auto version = *engine::head_wait(t.engine, account->partition());
  const auto row = store::encode_map({{{7, 8}, mapped, 5, 0}});
  ASSERT_EQ(engine::commit_wait(t.engine, account->partition(), version,
                                engine::put(store::map_key(3), row))
                .outcome,
            engine::Outcome::done);
  t.clock.advance_micros(2 * day);
  EXPECT_EQ(t.sweep({}).removed, 1U);
  // With a filter that tells nothing apart, likewise.
  SweepOptions blind;
  blind.filter_bytes = 8;
  EXPECT_EQ(t.sweep(blind).removed, 0U);
  EXPECT_EQ(t.blobs().count(mapped), 1U);
  EXPECT_EQ(t.blobs().count(lost), 0U);
}

// Whatever the filter forgets to tell apart, no named blob goes: with one word of memory every blob
// is a candidate or none is.
TEST(Orphans, ManyMessagesAndSealedPages) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  for (int i = 0; i < 300; ++i) {
    t.append(*account, "Subject: " + std::to_string(i) + "\r\n\r\n");
    if (i % 3 == 0) t.stray(account->partition());
  }
  t.clock.advance_micros(2 * day);
  const size_t before = t.blobs().size();
  uint64_t removed = 0;
  for (uint64_t seed = 1; seed < 6; ++seed) {
    SweepOptions options;
    options.filter_bytes = 256;
    options.seed = seed;
    removed += t.sweep(options).removed;
  }
  SweepOptions options;
  removed += t.sweep(options).removed;
  EXPECT_EQ(removed, 100U);
  EXPECT_EQ(t.blobs().size(), before - 100);
  const auto snapshot = store::open_wait(*account, store::inbox_id);
  ASSERT_TRUE(snapshot);
  for (uint32_t page = 0; page <= 2; ++page) {
    const auto data = account->read_page(store::inbox_id, page, store::read_all_columns);
    ASSERT_TRUE(data) << data.error().detail;
    for (const auto& message : (*data)->messages) {
      EXPECT_TRUE(account->read_blob(message.cold, 0, 100));
    }
  }
}

TEST(Orphans, ADamagedAccountLosesNothing) {
  TestWorld t;
  const auto account = t.add("a@example.org");
  t.append(*account, "Subject: named\r\n\r\n");
  const auto head = engine::head_wait(t.engine, account->partition());
  engine::Batch batch;
  batch.puts.emplace_back(store::keys::message(store::inbox_id, 0, 1), "rubbish");
  ASSERT_EQ(engine::commit_wait(t.engine, account->partition(), *head, batch).outcome,
            engine::Outcome::done);
  t.clock.advance_micros(2 * day);
  EXPECT_EQ(t.sweep({}).removed, 0U);
  EXPECT_EQ(t.blobs().size(), 1U);
}

// Two nodes over one engine: together they look after each account once.
TEST(Maintain, NodesShareTheAccounts) {
  TestWorld t;
  std::vector<AccountId> ids;
  for (int i = 0; i < 30; ++i) {
    const auto account = t.add("a" + std::to_string(i) + "@example.org");
    ids.emplace_back(account->partition().value);
    t.expunge(*account, t.append(*account, "Subject: gone\r\n\r\n"));
  }
  const auto none = [](AccountId) {};
  store::ClusterOptions options;
  options.name = "a";
  store::Cluster a(t.engine, t.clock, t.random, options, none);
  options.name = "b";
  store::Cluster b(t.engine, t.clock, t.random, options, none);
  for (auto* node : {&a, &b, &a}) ASSERT_TRUE(node->beat(0));
  t.clock.advance_micros(40 * day);
  for (auto* node : {&a, &b, &a}) ASSERT_TRUE(node->beat(0));
  net::Signal never(t.io.executor(0));
  store::JobRhythm rhythm;
  rhythm.job = "maintain";
  // After so long a time everything is overdue: the first to ask would take it all.
  rhythm.every_micros = 35 * day;
  uint64_t purged = 0;
  std::set<uint32_t> buckets;
  for (auto* node : {&a, &b}) {
    t.world->cluster = node;
    auto share = net::block_on(t.io.executor(0), take_share(*t.world, rhythm));
    ASSERT_TRUE(share && share->buckets);
    EXPECT_LT(share->buckets->size(), store::cluster_buckets * 2 / 3);
    buckets.insert(share->buckets->begin(), share->buckets->end());
    auto done = net::block_on(t.io.executor(0), maintain_all(*t.world, never, *share));
    ASSERT_TRUE(done);
    EXPECT_TRUE(done->complete);
    EXPECT_LT(done->purged, ids.size());
    purged += done->purged;
    net::block_on(t.io.executor(0), give_back(*t.world, *share, ShareEnd{"maintain", true}));
    EXPECT_FALSE(net::block_on(t.io.executor(0), take_share(*t.world, rhythm)));
  }
  EXPECT_EQ(purged, ids.size());
  EXPECT_EQ(buckets.size(), store::cluster_buckets);
  // Not heard of for long: it stops.
  t.clock.advance_micros(60'000'000);
  auto stopped = net::block_on(t.io.executor(0), maintain_all(*t.world, never, Share{}));
  ASSERT_TRUE(stopped);
  EXPECT_FALSE(stopped->complete);
}

TEST(Jobs, RunAndStop) {
  TestWorld t;
  JobOptions options;
  options.minute = std::chrono::seconds(0);
  std::atomic<int> calls{0};
  options.every_minute = [&] { ++calls; };
  Jobs jobs(*t.world, options);
  while (calls < 3) std::this_thread::yield();
  // Returns, and twice is fine.
  jobs.stop();
  jobs.stop();
}

TEST(SessionTable, LimitsCountsAndEnds) {
  TestWorld t;
  t.sessions.set_per_account_max(2);
  net::Signal signal(t.io.executor(0));
  SessionStart start;
  start.protocol = "imap";
  start.signal = signal.handle();
  start.end_reasons = 4;
  auto one = t.sessions.add(start);
  auto two = t.sessions.add(start);
  auto three = t.sessions.add(start);
  EXPECT_NE(one.id(), two.id());
  EXPECT_TRUE(one.login(AccountId(5), "a@b"));
  EXPECT_TRUE(two.login(AccountId(5), "a@b"));
  EXPECT_EQ(three.login(AccountId(5), "a@b").error().code, Code::limit);
  { const auto gone = std::move(two); }
  EXPECT_EQ(t.sessions.count(AccountId(5)), 1U);
  EXPECT_TRUE(three.login(AccountId(5), "a@b"));
  three.set_bytes(1, 2);
  three.set_mailbox("INBOX");
  const auto list = t.sessions.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].bytes_out, 2U);
  EXPECT_EQ(list[1].mailbox, "INBOX");
  EXPECT_FALSE(t.sessions.end("nobody"));
  EXPECT_TRUE(t.sessions.end(three.id()));
  EXPECT_EQ(signal.pending(), 4U);
  EXPECT_EQ(t.sessions.end_account(AccountId(5)), 2U);
}

// The job makes and follows the index of every account, and takes away those of accounts that are
// gone.
TEST(Indexer, KeepsIndexesOfAllAccounts) {
  if (!search::xapian_available()) GTEST_SKIP();
  TestWorld w;
  search::IndexOptions options;
  options.directory = testing::TempDir() + "eilpost_indexer_" + std::to_string(::getpid());
  options.wait_messages_min = 64;
  std::filesystem::create_directories(options.directory + "/4711");
  search::TextIndexes indexes(options, w.metrics);
  w.world->indexes = &indexes;
  const store::AccountPtr account = w.add("anna@example.org");
  for (int i = 0; i < 130; ++i) {
    w.append(*account, "Subject: s\r\n\r\nnumber " + std::to_string(i) + " of many\r\n");
  }
  IndexerOptions quick;
  quick.look_every = std::chrono::milliseconds(5);
  quick.few_after = std::chrono::seconds(0);
  Indexer indexer(*w.world, quick);
  const auto status = [&] { return indexes.find(account->partition())->status(); };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (status().indexed < 128 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(status().indexed, 128U);
  EXPECT_EQ(status().waiting, 2U);
  const std::vector<PartitionId> only{account->partition()};
  while (indexes.on_disk() != only && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(indexes.on_disk(), only);
  indexer.stop();
  std::filesystem::remove_all(options.directory);
}

}  // namespace
}  // namespace eilpost::server
