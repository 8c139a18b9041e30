// expunge, purge and the cutting of the log.
#include <gtest/gtest.h>

#include "store/audit_testing.h"
#include "store/mutations.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

void mark_deleted(World& world, MailboxId mailbox, const UidSet& which) {
  const auto r = flag(world, {mailbox, which, FlagChange::add, flag_deleted, {}, {}});
  ASSERT_TRUE(r) << r.error().detail;
}

size_t blobs(World& world) {
  size_t count = 0;
  CHECK(world.memory->scan_blobs([&](const engine::BlobRecord&) {
    ++count;
    return true;
  }));
  return count;
}

// Purges everything that is gone by now; the clock moves on.
uint64_t purge_all(World& world) {
  world.clock.advance_micros(10'000'000);
  uint64_t messages = 0;
  for (bool more = true; more;) {
    const auto r = purge_in(world, world.clock.now().seconds());
    CHECK(r);
    messages += r->messages;
    more = r->more;
  }
  return messages;
}

TEST(Expunge, TakesOnlyWhatIsDeletedAndAskedFor) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
  mark_deleted(world, inbox_id, uids(100, 200));
  const auto some = expunge_in(world, {inbox_id, uids(150, 250)});
  ASSERT_TRUE(some) << some.error().detail;
  EXPECT_EQ(some->uids, uids(150, 200));
  EXPECT_FALSE(some->more);
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 249U);
  EXPECT_EQ((*world.open(inbox_id))->counters.deleted, 50U);
  const auto rest = expunge_in(world, {inbox_id, std::nullopt});
  EXPECT_EQ(rest->uids, uids(100, 149));
  EXPECT_GT(rest->modseq, some->modseq);
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(box->counters.deleted, 0U);
  EXPECT_EQ(box->counters.highest_modseq, rest->modseq);
  EXPECT_EQ(box->counters.uid_next, Uid(301));
  expect_sound(world);
  const auto version = world.version();
  EXPECT_TRUE(expunge_in(world, {inbox_id, std::nullopt})->uids.empty());
  EXPECT_EQ(world.version(), version);
}

TEST(Expunge, LeavesARecoverableRow) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3, flag_seen, {"word"})));
  mark_deleted(world, inbox_id, uid(2));
  const auto r = expunge_in(world, {inbox_id, std::nullopt});
  const auto row =
      world.memory->read(test_partition, std::vector<std::string>{keys::recoverable(inbox_id, 0)});
  ASSERT_EQ(row->rows.size(), 1U);
  const auto gone = *decode_gone(row->rows[0].value);
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].slot, 2);
  EXPECT_EQ(gone[0].flags, flag_seen | flag_deleted);
  EXPECT_EQ(gone[0].keywords, KeywordSet{0});
  EXPECT_EQ(gone[0].modseq, r->modseq);
  EXPECT_EQ(gone[0].seconds, world.clock.now().seconds());
  EXPECT_FALSE(gone[0].moved);
  // Its octets can still be read.
  const auto page = *world.account().read_page(inbox_id, 0, read_envelope);
  ASSERT_NE(page->find(2), nullptr);
  EXPECT_EQ(*world.account().read_blob(page->find(2)->cold, 0, 100), "m1");
}

// Append and expunge that wait together: the later one sees the page that the earlier one made.
TEST(Expunge, SeesWhatWasAppendedInTheSameCommit) {
  World world;
  const auto before = world.version();
  int done = 0;
  const AppendRequest request{inbox_id, new_messages(world, "m", 3, flag_deleted), {}};
  world.account().mutate<AppendResult>(
      {}, [=](Tx& tx) { return append(tx, request); },
      [&](Result<AppendResult> r) { done += r ? 1 : 0; });
  UidSet gone;
  world.account().mutate<ExpungeResult>(
      {},
      [&](Tx& tx) {
        return expunge(tx, *world.engine, {inbox_id, std::nullopt});
      },
      [&](Result<ExpungeResult> r) { gone = r->uids; });
  world.drain();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(gone, uids(1, 3));
  EXPECT_EQ(world.version(), before + 1);
  expect_sound(world);
}

// 1,100 pages with one deleted message each: more than a step takes.
TEST(Expunge, OfManyPagesGoesInSteps) {
  World world;
  for (uint32_t page = 1; page <= 1100; ++page) {
    ASSERT_TRUE(world.run<bool>([page](Tx& tx) -> Result<bool> {
      TRY(tx.counters(inbox_id))->uid_next = keys::uid_at(page, 5);
      return true;
    }));
    ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m", flag_deleted)}));
  }
  const auto first = expunge_in(world, {inbox_id, std::nullopt});
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_TRUE(first->more);
  EXPECT_LT(first->uids.count(), 1100U);
  const auto second = expunge_in(world, {inbox_id, std::nullopt});
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->more);
  EXPECT_EQ(first->uids.count() + second->uids.count(), 1100U);
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 0U);
  EXPECT_EQ(purge_all(world), 1100U);
  EXPECT_EQ(blobs(world), 0U);
}

TEST(Purge, RemovesABlobWithItsLastHolder) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "shared")}));
  ASSERT_TRUE(copy_in(world, {inbox_id, other, uid(1), false, {}}));
  ASSERT_TRUE(copy_in(world, {inbox_id, other, uid(1), false, {}}));
  EXPECT_EQ(blobs(world), 1U);
  mark_deleted(world, inbox_id, uid(1));
  ASSERT_TRUE(expunge_in(world, {inbox_id, std::nullopt}));
  EXPECT_EQ(purge_all(world), 1U);
  EXPECT_EQ(blobs(world), 1U);
  expect_sound(world);
  mark_deleted(world, other, uids(1, 2));
  ASSERT_TRUE(expunge_in(world, {other, std::nullopt}));
  expect_sound(world);
  EXPECT_EQ(purge_all(world), 2U);
  EXPECT_EQ(blobs(world), 0U);
  expect_sound(world);
}

TEST(Purge, KeepsWhatIsYoungerThanTheHorizon) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 4, flag_deleted)));
  ASSERT_TRUE(expunge_in(world, {inbox_id, uids(1, 2)}));
  world.clock.advance_micros(100'000'000);
  const int64_t horizon = world.clock.now().seconds();
  ASSERT_TRUE(expunge_in(world, {inbox_id, uid(3)}));
  EXPECT_EQ(purge_in(world, horizon)->messages, 2U);
  expect_sound(world);
  EXPECT_EQ(blobs(world), 2U);
  EXPECT_EQ(purge_in(world, horizon)->messages, 0U);
  EXPECT_EQ(purge_in(world, horizon + 1)->messages, 1U);
  expect_sound(world);
}

TEST(Purge, OfSealedPagesInPartsAndWhole) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
  EXPECT_EQ(blobs(world), 302U);  // two pages are sealed, each with a blob of digests
  mark_deleted(world, inbox_id, uids(1, 100));
  ASSERT_TRUE(expunge_in(world, {inbox_id, std::nullopt}));
  EXPECT_EQ(purge_all(world), 100U);
  EXPECT_EQ(blobs(world), 202U);
  expect_sound(world);
  const auto page = world.account().read_page(inbox_id, 0, read_all_columns);
  ASSERT_TRUE(page) << page.error().detail;
  EXPECT_EQ((*page)->find(100), nullptr);
  EXPECT_EQ((*page)->find(101)->digest[0], "envelope m100");
  mark_deleted(world, inbox_id, uids(101, 299));
  ASSERT_TRUE(expunge_in(world, {inbox_id, std::nullopt}));
  EXPECT_EQ(purge_all(world), 199U);
  EXPECT_EQ(blobs(world), 1U);
  expect_sound(world);
}

// A page whose messages were purged while it filled is sealed with what is left.
TEST(Purge, BeforeThePageIsFull) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 100, flag_deleted)));
  ASSERT_TRUE(expunge_in(world, {inbox_id, uids(1, 99)}));
  EXPECT_EQ(purge_all(world), 99U);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "n", 100)));
  expect_sound(world);
  EXPECT_EQ((*world.account().read_page(inbox_id, 0, read_preview))->find(100)->digest[3],
            "preview m99");
}

TEST(Purge, OfADeletedMailboxLeavesNothingOfIt) {
  World world;
  const MailboxId doomed = *create(world, "doomed");
  ASSERT_TRUE(append_to(world, doomed, new_messages(world, "m", 200, 0, {"word"})));
  ASSERT_TRUE(copy_in(world, {doomed, inbox_id, uid(7), false, {}}));
  mark_deleted(world, doomed, uids(1, 5));
  ASSERT_TRUE(expunge_in(world, {doomed, std::nullopt}));
  ASSERT_TRUE(remove(world, "doomed"));
  expect_sound(world);
  EXPECT_EQ(purge_in(world, world.clock.now().seconds())->messages, 0U);
  EXPECT_EQ(purge_all(world), 200U);
  EXPECT_EQ(blobs(world), 1U);
  expect_sound(world);
  for (const char kind : {'D', 'K', 'W', 'P', 'M', 'R'}) {
    EXPECT_TRUE(world.memory->read(test_partition, keys::all(kind, doomed))->rows.empty()) << kind;
  }
  EXPECT_TRUE(world.account().folders()->deleted().empty());
  world.crash();
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 1U);
}

TEST(Log, TellsWhatVanishedDownToItsFloor) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 10, flag_deleted)));
  const ModSeq start = (*world.open(inbox_id))->counters.highest_modseq;
  ASSERT_TRUE(expunge_in(world, {inbox_id, uids(1, 2)}));
  const ModSeq middle = (*world.open(inbox_id))->counters.highest_modseq;
  world.clock.advance_micros(1'000'000);
  ASSERT_TRUE(expunge_in(world, {inbox_id, uids(5, 6)}));
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, other, {new_message(world, "x", flag_deleted)}));
  ASSERT_TRUE(expunge_in(world, {other, std::nullopt}));
  const auto vanished = [&](ModSeq since) {
    return *world.account().changes_since(inbox_id, since);
  };
  UidSet all = uids(1, 2);
  all.add(uids(5, 6));
  EXPECT_TRUE(vanished(ModSeq(1)).complete);
  EXPECT_EQ(vanished(start).vanished, all);
  EXPECT_EQ(vanished(middle).vanished, uids(5, 6));
  const auto trim = [&](int64_t before) {
    return *world.run<bool>([=](Tx& tx) { return trim_log(tx, before); });
  };
  EXPECT_FALSE(trim(world.clock.now().micros));
  EXPECT_FALSE(vanished(start).complete);
  EXPECT_TRUE(vanished(middle).complete);
  EXPECT_EQ(vanished(middle).vanished, uids(5, 6));
  EXPECT_EQ(world.account().head()->log_floor, middle);
  expect_sound(world);
  const auto version = world.version();
  EXPECT_FALSE(trim(world.clock.now().micros));
  EXPECT_EQ(world.version(), version) << "nothing to cut, nothing to commit";
}

TEST(Log, IsCutInSteps) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  for (int i = 0; i < 4200; ++i) {
    const auto change = i % 2 == 0 ? FlagChange::add : FlagChange::remove;
    ASSERT_TRUE(flag(world, {inbox_id, uid(1), change, flag_seen, {}, {}}));
  }
  world.clock.advance_micros(1);
  const auto trim = [&](Tx& tx) { return trim_log(tx, 1'700'000'000'000'001); };
  EXPECT_TRUE(*world.run<bool>(trim));
  EXPECT_FALSE(*world.run<bool>(trim));
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
  EXPECT_EQ(audit.log().size(), 2U);  // of the two cuts themselves
}

// What the log says happened is what happened, with who did it.
TEST(Log, NamesTheAuthor) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  const auto rows = world.account().read_log(ModSeq(1), 10);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  const LogChange& change = rows->at(0).changes.at(0);
  EXPECT_EQ(change.kind, ChangeKind::added);
  EXPECT_EQ(change.uids, uid(1));
  EXPECT_EQ(change.author.session, "test");
  EXPECT_EQ(change.author.credential, "user");
  EXPECT_EQ(rows->at(0).micros, world.clock.now().micros);
}

}  // namespace
}  // namespace eilpost::store
