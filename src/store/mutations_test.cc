// append, flags, copy and move through an Account.
#include "store/mutations.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "store/audit_testing.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

std::vector<Uid> range(uint32_t first, uint32_t last) {
  std::vector<Uid> out;
  for (uint32_t u = first; u <= last; ++u) out.push_back(Uid(u));
  return out;
}

std::string body(World& world, MailboxId mailbox, Uid uid) {
  const auto page = world.account().read_page(mailbox, keys::page_of(uid), read_all_columns);
  if (!page) return "page: " + page.error().detail;
  const PageData::Message* m = (*page)->find(keys::slot_of(uid));
  if (!m) return "absent";
  const auto octets = world.account().read_blob(m->cold, 0, UINT64_MAX);
  if (!octets) return "blob: " + octets.error().detail;
  const Digest digest = digest_of(*octets);
  for (size_t c = 0; c < column_count; ++c) {
    if (m->digest[c] != column_of(digest, static_cast<Column>(c))) return "digest of another";
  }
  return *octets;
}

std::vector<std::string> keywords_of(const MailboxSnapshot& box, Uid uid) {
  std::vector<std::string> out;
  const PagePtr page = box.tree.page(keys::page_of(uid));
  for (const uint16_t k : page->keywords(*page->find(keys::slot_of(uid)))) {
    out.push_back((*box.keywords)[k]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Append, OneMessage) {
  World world;
  const auto before = world.version();
  const auto r = append_to(world, inbox_id, {new_message(world, "hello", flag_seen, {"$Work"})});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->uids, range(1, 1));
  EXPECT_EQ(world.version(), before + 1);
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(box->counters.exists, 1U);
  EXPECT_EQ(box->counters.unseen, 0U);
  EXPECT_EQ(box->counters.size, 5U);
  EXPECT_EQ(box->counters.uid_next, Uid(2));
  EXPECT_EQ(box->counters.highest_modseq, r->modseq);
  EXPECT_EQ(box->counters.uid_validity, r->uid_validity);
  EXPECT_EQ(box->tree.find(Uid(1))->modseq, r->modseq);
  EXPECT_EQ(keywords_of(*box, Uid(1)), std::vector<std::string>{"$Work"});
  EXPECT_EQ(body(world, inbox_id, Uid(1)), "hello");
  expect_sound(world);
}

TEST(Append, ManyAtOnceAndOneByOneAcrossPages) {
  World world;
  ASSERT_TRUE(world.open(inbox_id));
  const auto many = append_to(world, inbox_id, new_messages(world, "m", 300, 0, {"a", "B"}));
  ASSERT_TRUE(many);
  EXPECT_EQ(many->uids, range(1, 300));
  for (uint32_t i = 301; i <= 400; ++i) {
    const auto one = append_to(world, inbox_id, {new_message(world, "m" + std::to_string(i - 1))});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->uids, range(i, i));
  }
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(box->tree.exists(), 400U);
  for (const uint32_t u : {1U, 127U, 128U, 255U, 256U, 300U, 383U, 384U, 400U}) {
    EXPECT_EQ(body(world, inbox_id, Uid(u)), "m" + std::to_string(u - 1));
  }
  EXPECT_EQ(box->keywords->size(), 2U);
  expect_sound(world);
}

// The tree in memory and the tree read afresh are the same.
TEST(Append, LeavesInMemoryWhatIsOnDisk) {
  World world;
  ASSERT_TRUE(world.open(inbox_id));
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200)));
  ASSERT_TRUE(flag(world, {inbox_id, uids(5, 150), FlagChange::add, flag_seen, {"kw"}, {}}));
  const SnapshotPtr kept = *world.open(inbox_id);
  world.crash();
  const SnapshotPtr read = *world.open(inbox_id);
  EXPECT_EQ(kept->counters, read->counters);
  EXPECT_EQ(*kept->keywords, *read->keywords);
  for (uint32_t u = 1; u <= 200; ++u) EXPECT_EQ(*kept->tree.find(Uid(u)), *read->tree.find(Uid(u)));
}

TEST(Append, AllOrNone) {
  World world;
  auto messages = new_messages(world, "m", 3);
  messages[2].keywords = {std::string(limits::keyword_bytes_max + 1, 'k')};
  const auto before = world.version();
  const auto r = append_to(world, inbox_id, messages);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::limit);
  EXPECT_EQ(world.version(), before);
  EXPECT_FALSE(append_to(world, MailboxId(99), new_messages(world, "m", 1)));
  expect_sound(world);
}

TEST(Append, IsRefusedByQuotaExactlyAboveIt) {
  World world;
  QuotaLimit limit{10, 3};
  EXPECT_TRUE(append_to(world, inbox_id, {new_message(world, "12345")}, limit));
  EXPECT_TRUE(append_to(world, inbox_id, {new_message(world, "67890")}, limit));
  const auto octets = append_to(world, inbox_id, {new_message(world, "x")}, limit);
  ASSERT_FALSE(octets);
  EXPECT_EQ(octets.error().code, Code::over_quota);
  EXPECT_TRUE(append_to(world, inbox_id, {new_message(world, "")}, limit));
  const auto count = append_to(world, inbox_id, {new_message(world, "")}, limit);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Code::over_quota);
  expect_sound(world);
}

// The last uid that is given is 2^32-2, and then no more.
TEST(Append, EndsWithTheUids) {
  World world;
  ASSERT_TRUE(world.run<bool>([](Tx& tx) -> Result<bool> {
    TRY(tx.counters(inbox_id))->uid_next = Uid(UINT32_MAX - 1);
    return true;
  }));
  const auto last = append_to(world, inbox_id, {new_message(world, "last")});
  ASSERT_TRUE(last);
  EXPECT_EQ(last->uids, range(UINT32_MAX - 1, UINT32_MAX - 1));
  const auto beyond = append_to(world, inbox_id, {new_message(world, "beyond")});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::limit);
  EXPECT_EQ((*world.open(inbox_id))->tree.last_uid(), Uid(UINT32_MAX - 1));
  EXPECT_EQ(body(world, inbox_id, Uid(UINT32_MAX - 1)), "last");
}

TEST(Append, KeywordsHaveALimitAndCompareWithoutCase) {
  World world;
  std::vector<std::string> words;
  for (size_t i = 0; i < limits::keywords_per_mailbox_max; ++i)
    words.push_back("k" + std::to_string(i));
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m", 0, words)}));
  const auto more = append_to(world, inbox_id, {new_message(world, "m", 0, {"another"})});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::limit);
  EXPECT_TRUE(append_to(world, inbox_id, {new_message(world, "m", 0, {"K17", "k17"})}));
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(keywords_of(*box, Uid(2)), std::vector<std::string>{"k17"});
  expect_sound(world);
}

TEST(Flags, ReplaceAddAndRemove) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3, flag_flagged, {"one"})));
  const auto check = [&](FlagChange change, uint8_t flags, std::vector<std::string> words,
                         uint8_t then, const std::vector<std::string>& then_words) {
    const auto r = flag(world, {inbox_id, uid(2), change, flags, std::move(words), {}});
    ASSERT_TRUE(r);
    EXPECT_EQ(r->changed, uid(2));
    const SnapshotPtr box = *world.open(inbox_id);
    EXPECT_EQ(box->tree.find(Uid(2))->flags, then);
    EXPECT_EQ(box->tree.find(Uid(2))->modseq, r->modseq);
    EXPECT_EQ(keywords_of(*box, Uid(2)), then_words);
    EXPECT_EQ(box->tree.find(Uid(1))->flags, flag_flagged);
    expect_sound(world);
  };
  check(FlagChange::add, flag_seen, {"two", "ONE"}, flag_flagged | flag_seen, {"one", "two"});
  check(FlagChange::remove, flag_flagged, {"Two", "unknown"}, flag_seen, {"one"});
  check(FlagChange::replace, flag_deleted, {"three"}, flag_deleted, {"three"});
  EXPECT_EQ((*world.open(inbox_id))->counters.deleted, 1U);
  EXPECT_EQ((*world.open(inbox_id))->counters.unseen, 3U);
  check(FlagChange::replace, 0, {}, 0, {});
}

TEST(Flags, ThatChangeNothingCommitNothing) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3, flag_seen, {"one"})));
  const auto before = world.version();
  for (const StoreRequest& request : {
           StoreRequest{inbox_id, uids(1, 3), FlagChange::add, flag_seen, {"ONE"}, {}},
           StoreRequest{inbox_id, uids(1, 3), FlagChange::replace, flag_seen, {"one"}, {}},
           StoreRequest{inbox_id, uids(1, 3), FlagChange::remove, flag_deleted, {"other"}, {}},
           StoreRequest{inbox_id, uids(50, 60), FlagChange::add, flag_deleted, {"fresh"}, {}},
           StoreRequest{inbox_id, {}, FlagChange::add, flag_deleted, {"fresh"}, {}},
           StoreRequest{inbox_id, uids(1, 3), FlagChange::add, 0, {"fresh"}, ModSeq(1)},
       }) {
    const auto r = flag(world, request);
    ASSERT_TRUE(r);
    EXPECT_TRUE(r->changed.empty());
    EXPECT_EQ(r->modseq, ModSeq(0));
  }
  EXPECT_EQ(world.version(), before);
  EXPECT_EQ((*world.open(inbox_id))->keywords->size(), 1U);
}

TEST(Flags, UnchangedSince) {
  World world;
  const auto first = append_to(world, inbox_id, new_messages(world, "m", 4));
  const auto second = flag(world, {inbox_id, uid(2), FlagChange::add, flag_seen, {}, {}});
  ASSERT_TRUE(second);
  EXPECT_GT(second->modseq, first->modseq);
  const auto r =
      flag(world, {inbox_id, uids(1, 3), FlagChange::add, flag_flagged, {}, first->modseq});
  ASSERT_TRUE(r);
  UidSet both = uid(1);
  both.add(Uid(3));
  EXPECT_EQ(r->changed, both);
  EXPECT_EQ(r->modified, uid(2));
  EXPECT_EQ((*world.open(inbox_id))->tree.find(Uid(2))->flags, flag_seen);
  expect_sound(world);
}

// RFC 7162 3.1.12: what was told of a message counts for the flags that are named.
TEST(Flags, UnchangedSinceLooksAtTheFlagsThatAreNamed) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m", flag_draft, {"kept"})}));
  const SnapshotPtr told = *world.open(inbox_id);
  const ModSeq since = told->counters.highest_modseq;
  ASSERT_TRUE(flag(world, {inbox_id, uid(1), FlagChange::add, flag_seen, {"other"}, {}}));
  const auto refused = [&](FlagChange change, uint8_t flags, std::vector<std::string> keywords,
                           ModSeq unchanged_since) {
    StoreRequest request{inbox_id, uid(1), change, flags, std::move(keywords), unchanged_since};
    request.told = told;
    const auto r = flag(world, request);
    return !r || !r->modified.empty();
  };
  EXPECT_TRUE(refused(FlagChange::add, flag_flagged | flag_seen, {}, since));
  EXPECT_TRUE(refused(FlagChange::remove, flag_seen, {}, since));
  EXPECT_TRUE(refused(FlagChange::remove, 0, {"other"}, since));
  EXPECT_TRUE(refused(FlagChange::add, 0, {"kept", "OTHER"}, since));
  EXPECT_TRUE(refused(FlagChange::replace, flag_draft, {}, since));
  // It was told a state that is later than what it names.
  EXPECT_TRUE(refused(FlagChange::add, flag_flagged, {}, ModSeq(since.value - 1)));
  EXPECT_FALSE(refused(FlagChange::add, flag_flagged, {"fresh"}, since));
  EXPECT_FALSE(refused(FlagChange::remove, flag_draft, {"kept"}, since));
  EXPECT_EQ((*world.open(inbox_id))->tree.find(Uid(1))->flags, flag_seen | flag_flagged);
  expect_sound(world);
}

TEST(Flags, OfTenThousandMessagesFitOneCommit) {
  World world;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 2000)));
  }
  const auto before = world.version();
  const auto r = flag(world, {inbox_id, uids(1, 20000), FlagChange::add, flag_seen, {}, {}});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->changed.count(), 10000U);
  EXPECT_EQ(world.version(), before + 1);
  EXPECT_EQ((*world.open(inbox_id))->tree.first_unseen(), Seq(0));
  expect_sound(world);
}

TEST(Recent, IsTakenOnce) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  const auto take = [](Tx& tx) { return take_recent(tx, inbox_id); };
  EXPECT_EQ(*world.run<Uid>(take), Uid(1));
  const auto version = world.version();
  EXPECT_EQ(*world.run<Uid>(take), Uid(4));
  EXPECT_EQ(world.version(), version);
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 2)));
  const ModSeq highest = (*world.open(inbox_id))->counters.highest_modseq;
  EXPECT_EQ(*world.run<Uid>(take), Uid(4));
  EXPECT_EQ(*world.run<Uid>(take), Uid(6));
  EXPECT_EQ((*world.open(inbox_id))->counters.highest_modseq, highest);
  world.crash();
  EXPECT_EQ(*world.run<Uid>(take), Uid(6));
}

TEST(Copy, SharesTheBlobAndMapsKeywords) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, other, {new_message(world, "x", 0, {"x1", "shared"})}));
  ASSERT_TRUE(
      append_to(world, inbox_id, {new_message(world, "hello", flag_seen, {"Shared", "mine"})}));
  const auto r = copy_in(world, {inbox_id, other, uids(1, 9), false, {}});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->uids, (std::vector<std::pair<Uid, Uid>>{{Uid(1), Uid(2)}}));
  const SnapshotPtr box = *world.open(other);
  EXPECT_EQ(box->tree.find(Uid(2))->flags, flag_seen);
  EXPECT_EQ(keywords_of(*box, Uid(2)), (std::vector<std::string>{"mine", "shared"}));
  EXPECT_EQ(body(world, other, Uid(2)), "hello");
  const auto a = *world.account().read_page(inbox_id, 0, 0);
  const auto b = *world.account().read_page(other, 0, 0);
  EXPECT_EQ(a->find(1)->cold.blob, b->find(2)->cold.blob);
  EXPECT_EQ(a->find(1)->cold.email_id, b->find(2)->cold.email_id);
  expect_sound(world);
}

TEST(Copy, OfSealedPagesKeepsEveryDigest) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, other, new_messages(world, "before", 100)));
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 300)));
  const auto r = copy_in(world, {inbox_id, other, uids(1, 300), false, {}});
  ASSERT_TRUE(r) << r.error().detail;
  ASSERT_EQ(r->uids.size(), 300U);
  for (uint32_t i = 0; i < 300; ++i) {
    EXPECT_EQ(r->uids[i].first, Uid(i + 1));
    EXPECT_EQ(r->uids[i].second, Uid(i + 101));
    ASSERT_EQ(body(world, other, Uid(i + 101)), "m" + std::to_string(i));
  }
  expect_sound(world);
}

// One read for the holders of a whole page's blobs: over a network each would cost a round trip.
TEST(Copy, ReadsNoMoreForAPageThanForAMessage) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 120)));
  world.counting[0]->take();
  ASSERT_TRUE(copy_in(world, {inbox_id, other, uids(1, 2), false, {}}));
  const uint64_t of_two = world.counting[0]->take().reads;
  ASSERT_TRUE(copy_in(world, {inbox_id, other, uids(3, 100), false, {}}));
  EXPECT_LE(world.counting[0]->take().reads, of_two);
  // The second holder of some, the third of others.
  ASSERT_TRUE(copy_in(world, {inbox_id, other, uids(50, 120), false, {}}));
  expect_sound(world);
}

// Every uid there is, those to come included: what the copy makes is not copied again.
TEST(Copy, IntoItselfDoublesOnce) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200)));
  const auto r = copy_in(world, {inbox_id, inbox_id, uids(1, UINT32_MAX), false, {}});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->uids.size(), 200U);
  EXPECT_EQ((*world.open(inbox_id))->counters.exists, 400U);
  EXPECT_EQ(body(world, inbox_id, Uid(399)), "m198");
  expect_sound(world);
}

TEST(Copy, OfNothingChangesNothing) {
  World world;
  const auto before = world.version();
  const auto r = copy_in(world, {inbox_id, inbox_id, uids(1, 9), false, {}});
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->uids.empty());
  EXPECT_EQ(world.version(), before);
}

TEST(Copy, CountsAgainstQuotaAndMoveDoesNot) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "12345")}));
  const QuotaLimit limit{9, 0};
  const auto before = world.version();
  const auto copied = copy_in(world, {inbox_id, other, uid(1), false, limit});
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, Code::over_quota);
  EXPECT_EQ(world.version(), before);
  EXPECT_TRUE(copy_in(world, {inbox_id, other, uid(1), true, limit}));
  EXPECT_TRUE(copy_in(world, {other, inbox_id, uid(1), false, {10, 0}}));
  expect_sound(world);
}

// Digests as large as can be: a commit cannot hold 40 of 200 KB.
TEST(Copy, LargerThanACommitIsRefusedBeforeWriting) {
  World world;
  const MailboxId other = *create(world, "other");
  for (int i = 0; i < 40; ++i) {
    NewMessage m = new_message(world, "m");
    m.digest.envelope.assign(200'000, 'e');
    ASSERT_TRUE(append_to(world, inbox_id, {m}));
  }
  const auto before = world.version();
  const auto r = copy_in(world, {inbox_id, other, uids(1, 40), false, {}});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::limit);
  EXPECT_EQ(world.version(), before);
  EXPECT_EQ((*world.open(other))->counters.exists, 0U);
  EXPECT_TRUE(copy_in(world, {inbox_id, other, uids(1, 10), false, {}}));
  expect_sound(world);
}

TEST(Move, IsOneCommitAndLeavesNothingBehind) {
  World world;
  const MailboxId other = *create(world, "other");
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200, flag_seen)));
  const auto before = world.version();
  const auto r = copy_in(world, {inbox_id, other, uids(100, 150), true, {}});
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(world.version(), before + 1);
  EXPECT_EQ(r->uids.size(), 51U);
  const SnapshotPtr from = *world.open(inbox_id);
  const SnapshotPtr to = *world.open(other);
  EXPECT_EQ(from->counters.exists, 149U);
  EXPECT_EQ(to->counters.exists, 51U);
  EXPECT_EQ(from->counters.highest_modseq, r->modseq);
  EXPECT_EQ(to->counters.highest_modseq, r->modseq);
  EXPECT_EQ(from->tree.find(Uid(128)), nullptr);
  EXPECT_EQ(body(world, other, Uid(51)), "m149");
  const auto since = world.account().changes_since(inbox_id, ModSeq(r->modseq.value - 1));
  ASSERT_TRUE(since);
  EXPECT_TRUE(since->complete);
  EXPECT_EQ(since->vanished, uids(100, 150));
  const auto row =
      world.memory->read(test_partition, std::vector<std::string>{keys::recoverable(inbox_id, 1)});
  const auto gone = decode_gone(row->rows.at(0).value);
  EXPECT_EQ(gone->size(), 23U);
  EXPECT_TRUE(gone->at(0).moved);
  expect_sound(world);
}

TEST(Move, IntoItselfGivesNewUids) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 5)));
  const auto r = copy_in(world, {inbox_id, inbox_id, uids(2, 3), true, {}});
  ASSERT_TRUE(r);
  const SnapshotPtr box = *world.open(inbox_id);
  EXPECT_EQ(box->counters.exists, 5U);
  EXPECT_EQ(box->tree.find(Uid(2)), nullptr);
  EXPECT_EQ(body(world, inbox_id, Uid(6)), "m1");
  expect_sound(world);
}

}  // namespace
}  // namespace eilpost::store
