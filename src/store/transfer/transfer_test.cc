#include "store/transfer/transfer.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/engine_testing.h"
#include "engine/faulty.h"
#include "engine/rocksdb/rocksdb.h"
#include "store/audit_testing.h"
#include "store/load.h"
#include "store/store_testing.h"
#include "store/transfer/transfer_rows.h"

namespace eilpost::store {
namespace {

// An account that is changed at random: every kind of row that names blobs comes into being.
class Life {
 public:
  Life(World& world, uint64_t seed) : world_(world), random_(seed) {
    boxes_.push_back(inbox_id);
    boxes_.push_back(*create(world_, "Work"));
    boxes_.push_back(*create(world_, "Work/Old"));
  }

  void step() {
    const MailboxId box = boxes_[random_.below(boxes_.size())];
    const MailboxId other = boxes_[random_.below(boxes_.size())];
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: append_some(box); break;
      case 3: change_flags(box, flag_flagged, {"$Work"}); break;
      case 4: change_flags(box, flag_deleted, {}); break;
      case 5: (void)expunge_in(world_, {box, std::nullopt}); break;
      case 6: (void)copy_in(world_, {box, other, some_uids(), random_.below(2) == 0, {}}); break;
      case 7: purge_or_delete(); break;
    }
    world_.clock.advance_micros(60'000'000);
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) step();
  }

 private:
  UidSet some_uids() {
    const auto first = static_cast<uint32_t>(1 + random_.below(300));
    return uids(first, first + static_cast<uint32_t>(random_.below(60)));
  }
  void append_some(MailboxId box) {
    std::vector<NewMessage> messages;
    for (uint64_t n = 1 + random_.below(40); n > 0; --n) {
      messages.push_back(new_message(
          world_, random_.octets(random_.below(3000)), flag_seen,
          random_.below(3) == 0 ? std::vector<std::string>{"$Work"} : std::vector<std::string>{}));
    }
    EXPECT_TRUE(append_to(world_, box, std::move(messages)));
  }
  void change_flags(MailboxId box, uint8_t flags, std::vector<std::string> keywords) {
    StoreRequest request;
    request.mailbox = box;
    request.uids = some_uids();
    request.change = FlagChange::add;
    request.flags = flags;
    request.keywords = std::move(keywords);
    (void)flag(world_, request);
  }
  void purge_or_delete() {
    if (random_.below(4) != 0) {
      (void)purge_in(world_, world_.clock.now().seconds() - 600);
      return;
    }
    const std::string name = "Gone" + std::to_string(random_.below(3));
    const auto made = create(world_, name);
    if (!made) return (void)remove(world_, name);
    append_some(*made);
  }

  World& world_;
  Random random_;
  std::vector<MailboxId> boxes_;
};

std::vector<engine::Row> all_rows(engine::Engine& engine) {
  auto rows = read_all(engine, test_partition, {}, 0);
  EXPECT_TRUE(rows);
  return rows ? std::move(rows->rows) : std::vector<engine::Row>();
}

std::string octets_of(engine::Engine& engine, engine::BlobId blob) {
  auto octets = engine.read_blob(blob, 0, 10'000'000);
  return octets ? *octets : "unreadable: " + octets.error().detail;
}

// What an account says, with the octets of each blob in place of its id.
std::multimap<std::string, std::string> meaning(engine::Engine& engine) {
  std::multimap<std::string, std::string> out;
  for (const engine::Row& row : all_rows(engine)) {
    const auto kind = row_kind(row.key);
    EXPECT_TRUE(kind);
    if (*kind == RowKind::plain) out.emplace(row.key, row.value);
    if (*kind == RowKind::holders) {
      out.emplace("B" + octets_of(engine, blob_of_holders(row.key)), row.value);
    }
    if (*kind != RowKind::message) continue;
    std::string octets;
    const auto value = rename_blobs(row, [&](engine::BlobId blob, uint64_t) {
      octets += octets_of(engine, blob) + "\n";
      return Result<engine::BlobId>(engine::BlobId{1, 1});
    });
    EXPECT_TRUE(value);
    out.emplace(row.key, *value + octets);
  }
  return out;
}

// The ids of `engine` begin elsewhere, so that an id that was not renamed finds the wrong octets.
void burn_ids(engine::Engine& engine, int count) {
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(engine::write_blob(engine, PartitionId(999), "burnt " + std::to_string(i)));
  }
}

void expect_same(World& world, engine::Engine& target) {
  EXPECT_EQ(meaning(*world.memory), meaning(target));
  const Audit audit(target, test_partition);
  EXPECT_EQ(audit.text(), "");
}

TEST(Transfer, CopiesARandomAccount) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    World world(1, {}, seed);
    Life life(world, seed);
    life.steps(60);
    engine::MemoryEngine target;
    burn_ids(target, 37);
    TransferOptions options;
    options.holders_bytes = seed % 2 == 0 ? 1 : 200;
    Transfer transfer({*world.memory, target}, test_partition, world.clock, options);
    const auto done = transfer.run();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_EQ(done->source, world.version());
    EXPECT_GT(done->counts.blobs, 0U);
    ASSERT_TRUE(transfer.finish());
    expect_same(world, target);
  }
}

TEST(Transfer, GoesOnAfterItWasBrokenOff) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    World world(1, {}, seed);
    Life life(world, seed);
    life.steps(40);
    engine::MemoryEngine target;
    burn_ids(target, 11);
    Random random(seed);
    uint64_t broken = 0;
    for (bool finished = false; !finished;) {
      uint64_t left = 1 + random.below(80) + 40 * broken;
      TransferOptions options;
      options.progress = [&](const TransferCounts&) { return --left > 0; };
      Transfer transfer({*world.memory, target}, test_partition, world.clock, options);
      const auto done = transfer.run();
      // As if the process had died: blobs that no row names are gone, the source lives on.
      if (!done) {
        ASSERT_EQ(done.error().code, Code::cancelled);
        target.crash();
        if (++broken < 20) life.step();
        continue;
      }
      finished = done->source == world.version();
      if (!finished) continue;
      ASSERT_TRUE(transfer.finish());
    }
    EXPECT_GT(broken, 0U);
    expect_same(world, target);
  }
}

// The source is changed between any two steps; then it stands still.
TEST(Transfer, FollowsAnAccountThatChanges) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    World world(1, {}, seed);
    Life life(world, seed);
    life.steps(30);
    engine::MemoryEngine target;
    burn_ids(target, 5);
    int changes = 40;
    TransferOptions options;
    options.progress = [&](const TransferCounts&) {
      if (changes > 0 && --changes % 4 == 0) life.step();
      return true;
    };
    Transfer transfer({*world.memory, target}, test_partition, world.clock, options);
    const auto first = transfer.run();
    ASSERT_TRUE(first) << first.error().detail;
    changes = 0;
    const auto last = transfer.run();
    ASSERT_TRUE(last);
    EXPECT_EQ(last->source, world.version());
    ASSERT_TRUE(transfer.finish());
    expect_same(world, target);
  }
}

TEST(Transfer, OverAFaultyTarget) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    World world(1, {}, seed);
    Life life(world, seed);
    life.steps(30);
    auto faults = engine::FaultyOptions::unkind(seed);
    faults.fail_read = 5;
    faults.fail_blob_write = 5;
    faults.steps_by_itself = true;
    engine::FaultyEngine target(std::make_unique<engine::MemoryEngine>(), faults);
    Result<TransferResult> done = fail(Code::internal, "not run");
    for (int i = 0; i < 500 && !done; ++i) {
      Transfer transfer({*world.memory, target}, test_partition, world.clock, {});
      done = transfer.run();
      if (done) {
        EXPECT_EQ(done->source, world.version());
        while (!transfer.finish()) {
        }
      }
    }
    ASSERT_TRUE(done) << done.error().detail;
    target.set_options({.steps_by_itself = true});
    expect_same(world, target);
  }
}

TEST(Transfer, ASecondRunCopiesWhatChanged) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200)));
  engine::MemoryEngine target;
  Transfer transfer({*world.memory, target}, test_partition, world.clock, {});
  const auto first = transfer.run();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->counts.blobs, 201U);  // and the digests of a sealed page
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "n", 3)));
  Transfer again({*world.memory, target}, test_partition, world.clock, {});
  const auto second = again.run();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->counts.blobs, 3U);
  EXPECT_LT(second->counts.rows_written, 20U);
}

// A kind of row that is added to keys.h has to be told to row_kind(), with whether it names blobs.
TEST(Transfer, KnowsEveryKindOfRow) {
  const MailboxId box(1);
  for (const std::string& key :
       {keys::head(), keys::definition(box), keys::counters(box), keys::keywords(box),
        keys::hot_page(box, 1), keys::recoverable(box, 1), keys::log(ModSeq(1)),
        keys::subscription("x"), keys::tombstone("x"), keys::annotation(box, 1, "/private/comment"),
        keys::annotation_use()}) {
    const auto kind = row_kind(key);
    ASSERT_TRUE(kind) << key[1];
    EXPECT_EQ(*kind, RowKind::plain) << key[1];
  }
  EXPECT_EQ(*row_kind(keys::message(box, 1, 1)), RowKind::message);
  EXPECT_EQ(*row_kind(keys::blob_holders({1, 2})), RowKind::holders);
  EXPECT_EQ(blob_of_holders(keys::blob_holders({1, 2})), (engine::BlobId{1, 2}));
  EXPECT_EQ(*row_kind(map_key(7)), RowKind::map);
}

TEST(Transfer, RefusesWhatItDoesNotKnow) {
  World world;
  engine::MemoryEngine target;
  const auto add = [&](const std::string& key, const std::string& value) {
    EXPECT_EQ(
        engine::commit_wait(*world.memory, test_partition, world.version(), engine::put(key, value))
            .outcome,
        engine::Outcome::done);
  };
  const auto run = [&] {
    return Transfer({*world.memory, target}, test_partition, world.clock, {}).run();
  };
  EXPECT_TRUE(run());
  add(std::string("\1V", 2), "of a later release");
  EXPECT_EQ(run().error().code, Code::corrupt);
  EXPECT_EQ(
      Transfer({target, *world.memory}, PartitionId(4711), world.clock, {}).run().error().code,
      Code::not_found);
}

TEST(Transfer, ABlobThatIsShorterThanItsRowSaysIsNotCopied) {
  World world;
  auto message = new_message(world, "octets");
  message.cold.size += 1;
  ASSERT_TRUE(append_to(world, inbox_id, {message}));
  engine::MemoryEngine target;
  const auto done = Transfer({*world.memory, target}, test_partition, world.clock, {}).run();
  EXPECT_EQ(done.error().code, Code::corrupt);
}

TEST(Transfer, FromRocksdbToRocksdb) {
  World world(1, {}, 3);
  Life life(world, 3);
  life.steps(50);
  const engine::ScratchDirectory one;
  const engine::ScratchDirectory two;
  const auto open = [](const engine::ScratchDirectory& directory) {
    engine::RocksdbOptions options;
    options.path = directory.path() + "/engine";
    options.memory_bytes = 16 * 1024 * 1024;
    options.reserve_bytes = 0;
    return engine::open_rocksdb(std::move(options));
  };
  auto first = open(one);
  auto second = open(two);
  ASSERT_TRUE(first && second);
  burn_ids(**second, 3);
  const Transfer::Between legs[] = {{*world.memory, **first}, {**first, **second}};
  for (const Transfer::Between& leg : legs) {
    Transfer transfer(leg, test_partition, world.clock, {});
    const auto done = transfer.run();
    ASSERT_TRUE(done) << done.error().detail;
    EXPECT_NE(done->source, 0U);
    ASSERT_TRUE(transfer.finish());
  }
  expect_same(world, **second);
  (*first)->close();
  (*second)->close();
}

}  // namespace
}  // namespace eilpost::store
