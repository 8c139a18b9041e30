#include "store/records.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"

namespace eilpost::store {
namespace {

// Encoding what was decoded gives the same octets, any damage is found, and nonsense under a right
// checksum is refused or survived.
template <class Decode>
void expect_robust(const std::string& value, Decode decode, uint64_t seed) {
  const auto back = decode(value);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(encode(*back), value);
  Random random(seed);
  for (size_t at = 0; at < value.size(); ++at) {
    std::string damaged = value;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + random.below(255)));
    const auto refused = decode(damaged);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::corrupt);
  }
  const std::string payload(unseal_value(value)->payload);
  for (size_t length = 0; length < payload.size(); ++length) {
    const auto cut = decode(seal_value(1, std::string_view(payload).substr(0, length)));
    ASSERT_FALSE(cut) << length;
    EXPECT_EQ(cut.error().code, Code::corrupt);
  }
  for (int i = 0; i < 3000; ++i) {
    std::string odd = payload;
    odd[random.below(odd.size())] = static_cast<char>(random.next());
    odd[random.below(odd.size())] = static_cast<char>(0xff);
    const auto any = decode(seal_value(1, odd));
    if (!any) {
      ASSERT_EQ(any.error().code, Code::corrupt);
    }
  }
  EXPECT_FALSE(decode(seal_value(9, payload)));
}

Cold some_cold(uint64_t n) {
  return {{-5'000'000'000, -720}, 1'700'000'000, n << 40, {n, ~n}, {n * 3, n * 5}};
}

TEST(Records, Head) {
  Head head;
  head.next_mailbox = MailboxId(900);
  head.last_modseq = ModSeq(1ULL << 62);
  head.last_uid_validity = UINT32_MAX;
  head.used = {1ULL << 50, 12};
  head.log_floor = ModSeq(77);
  head.last_seen_micros = -1;
  head.epoch = 3;
  // As a release wrote it that did not count the log; what follows is an addition to that.
  head.log_counted = false;
  expect_robust(encode(head), decode_head, 1);
  EXPECT_FALSE(decode_head(encode(head))->log_counted);
  head.log_counted = true;
  head.log_rows = 1ULL << 40;
  head.log_bytes = 3;
  const Head back = *decode_head(encode(head));
  EXPECT_TRUE(back.log_counted);
  EXPECT_EQ(back.log_rows, head.log_rows);
  EXPECT_EQ(back.log_bytes, 3U);
  EXPECT_EQ(back.last_modseq, head.last_modseq);
  EXPECT_EQ(back.last_seen_micros, -1);
  EXPECT_EQ(back.used.bytes, head.used.bytes);
  EXPECT_EQ(back.log_floor, head.log_floor);
  EXPECT_EQ(back.epoch, 3U);
}

TEST(Records, Definition) {
  const MailboxDef def{MailboxId(4), MailboxId(2),  "Entwürfe",    use_drafts | use_sent,
                       false,        1'700'000'000, 1'700'000'001, "Alt/Entwürfe"};
  expect_robust(
      encode(def), [](std::string_view v) { return decode_def(MailboxId(4), v); }, 2);
  const MailboxDef back = *decode_def(MailboxId(4), encode(def));
  EXPECT_EQ(back.id, def.id);
  EXPECT_EQ(back.leaf, def.leaf);
  EXPECT_EQ(back.special_use, def.special_use);
  EXPECT_FALSE(back.selectable);
  EXPECT_EQ(back.deleted_name, def.deleted_name);
}

TEST(Records, Counters) {
  const MailboxCounters counters{7, Uid(UINT32_MAX), Uid(5), 4, 3, 2, 1ULL << 50, ModSeq(88)};
  expect_robust(encode(counters), decode_counters, 3);
  EXPECT_EQ(*decode_counters(encode(counters)), counters);
}

TEST(Records, Keywords) {
  const KeywordTable table{"$Forwarded", "", std::string(255, 'k'), "naïve"};
  expect_robust(encode(table), decode_keywords, 4);
  EXPECT_EQ(*decode_keywords(encode(table)), table);
}

TEST(Records, Message) {
  MessageRow row;
  row.cold = some_cold(9);
  row.digest = {"(envelope)", "(body)", std::string("\0\1", 2), "", "keys"};
  expect_robust(encode(row), decode_message, 5);
  const MessageRow back = *decode_message(encode(row));
  EXPECT_EQ(back.cold.internal_date, row.cold.internal_date);
  EXPECT_EQ(back.cold.saved_seconds, row.cold.saved_seconds);
  EXPECT_EQ(back.cold.size, row.cold.size);
  EXPECT_EQ(back.cold.blob, row.cold.blob);
  EXPECT_EQ(back.cold.email_id, row.cold.email_id);
  for (size_t c = 0; c < column_count; ++c) {
    const auto column = static_cast<Column>(c);
    EXPECT_EQ(column_of(back.digest, column), column_of(row.digest, column));
  }
}

TEST(Records, SealedPageAndItsDigests) {
  SealedPage page;
  page.digests = {1, 2};
  std::vector<Digest> digests;
  for (const uint8_t slot : {0, 3, 64, 127}) {
    page.slots.push_back({slot, some_cold(slot)});
    const std::string n = std::to_string(slot);
    digests.push_back(
        {"e" + n, "b" + n, slot == 3 ? "" : "p" + n, "v" + n, std::string(slot, 'k')});
  }
  std::vector<const Digest*> pointers;
  for (const Digest& d : digests) pointers.push_back(&d);
  const std::string blob = encode_digests(page, pointers);
  EXPECT_EQ(page.column_offsets[column_count], blob.size());
  expect_robust(encode(page), decode_sealed, 6);
  const SealedPage back = *decode_sealed(encode(page));
  ASSERT_EQ(back.slots.size(), digests.size());
  for (size_t c = 0; c < column_count; ++c) {
    const auto column = std::string_view(blob).substr(
        back.column_offsets[c], back.column_offsets[c + 1] - back.column_offsets[c]);
    for (size_t i = 0; i < digests.size(); ++i) {
      EXPECT_EQ(*column_slot(column, back.slots[i].slot),
                column_of(digests[i], static_cast<Column>(c)));
    }
    EXPECT_EQ(*column_slot(column, 5), "");
    EXPECT_FALSE(column_slot(column, 128));
    EXPECT_FALSE(column_slot(column.substr(0, 500), 0));
    EXPECT_FALSE(column_slot(column.substr(0, column.size() - 1), 127));
  }
}

TEST(Records, Gone) {
  std::vector<Gone> gone;
  for (uint8_t slot = 0; slot < 100; ++slot) {
    Gone g{slot, slot % 7 == 0, 9, {}, ModSeq(5), 1'700'000'000};
    if (slot > 50) g.keywords = {1, 300};
    if (slot > 80) g.modseq = ModSeq(6);
    gone.push_back(g);
  }
  expect_robust(encode(gone), decode_gone, 7);
  const auto back = *decode_gone(encode(gone));
  ASSERT_EQ(back.size(), gone.size());
  for (size_t i = 0; i < gone.size(); ++i) {
    EXPECT_EQ(back[i].slot, gone[i].slot);
    EXPECT_EQ(back[i].moved, gone[i].moved);
    EXPECT_EQ(back[i].keywords, gone[i].keywords);
    EXPECT_EQ(back[i].modseq, gone[i].modseq);
    EXPECT_EQ(back[i].seconds, gone[i].seconds);
  }
}

TEST(Records, Log) {
  LogRow row;
  row.commit_id = std::string("0123456789abcde\0", 16);
  row.micros = 1'700'000'000'000'000;
  UidSet uids;
  uids.add(Uid(1), Uid(3));
  uids.add(Uid(9));
  uids.add(Uid(UINT32_MAX));
  row.changes.push_back({ModSeq(5), ChangeKind::expunged, MailboxId(3), uids, {"session", "me"}});
  row.changes.push_back({ModSeq(6), ChangeKind::mailbox, MailboxId(4), {}, {"", ""}});
  expect_robust(encode(row), decode_log, 8);
  const LogRow back = *decode_log(encode(row));
  EXPECT_EQ(back.commit_id, row.commit_id);
  ASSERT_EQ(back.changes.size(), 2U);
  EXPECT_EQ(back.changes[0].uids, uids);
  EXPECT_EQ(back.changes[0].author.credential, "me");
  EXPECT_EQ(back.changes[1].modseq, ModSeq(6));
}

TEST(Records, NamesAndHolders) {
  const NameRow row{"Größe/ü", 4'000'000'000};
  expect_robust(encode(row), decode_name, 9);
  EXPECT_EQ(decode_name(encode(row))->uid_validity, 4'000'000'000);
  EXPECT_EQ(*decode_holders(encode_holders(70000)), 70000U);
  EXPECT_FALSE(decode_holders(encode_holders(70000).substr(1)));
}

TEST(EmailId, IsFixedWidthAndOrdered) {
  EXPECT_EQ((EmailId{0, 0}).to_string(), "M00000000000000000000000000");
  EXPECT_EQ((EmailId{UINT64_MAX, UINT64_MAX}).to_string(), "M7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_LT((EmailId{1, UINT64_MAX}).to_string(), (EmailId{2, 0}).to_string());
}

}  // namespace
}  // namespace eilpost::store
