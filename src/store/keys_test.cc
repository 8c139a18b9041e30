#include "store/keys.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace eilpost::store::keys {
namespace {

TEST(Keys, SortAsTheirNumbersDo) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const MailboxId a(random.below(3) == 0 ? 7 : random.next() >> random.below(60));
    const MailboxId b(random.below(3) == 0 ? 7 : random.next() >> random.below(60));
    const auto p = static_cast<uint32_t>(random.below(1U << 25));
    const auto q = random.below(2) == 0 ? p : static_cast<uint32_t>(random.below(1U << 25));
    const auto s = static_cast<uint8_t>(random.below(128));
    const auto t = static_cast<uint8_t>(random.below(128));
    EXPECT_EQ(std::tuple(a, p) < std::tuple(b, q), hot_page(a, p) < hot_page(b, q));
    EXPECT_EQ(std::tuple(a, p, s) < std::tuple(b, q, t), message(a, p, s) < message(b, q, t));
    EXPECT_EQ(a < b, log(ModSeq(a.value)) < log(ModSeq(b.value)));
  }
}

TEST(Keys, CarryWhatTheyWereMadeOf) {
  const std::string key = message(MailboxId(0x1122334455667788), 0x01fffffe, 127);
  EXPECT_EQ(mailbox_of(key), MailboxId(0x1122334455667788));
  EXPECT_EQ(page_in(key), 0x01fffffeU);
  EXPECT_EQ(slot_in(key), 127);
  EXPECT_EQ(modseq_of(log(ModSeq(99))), ModSeq(99));
  EXPECT_EQ(name_of(subscription("Grüße/x")), "Grüße/x");
}

TEST(Keys, RangesHoldTheirRowsAndNoOthers) {
  const auto in = [](const engine::Range& r, const std::string& key) {
    return key >= r.first && key < r.last;
  };
  const MailboxId box(5);
  EXPECT_TRUE(in(all('P'), hot_page(box, 0)));
  EXPECT_TRUE(in(all('P', box), hot_page(box, UINT32_MAX)));
  EXPECT_FALSE(in(all('P', box), hot_page(MailboxId(6), 0)));
  EXPECT_FALSE(in(all('P', box), hot_page(MailboxId(4), UINT32_MAX)));
  EXPECT_FALSE(in(all('P', box), recoverable(box, 0)));
  EXPECT_TRUE(in(message_page(box, 3), message(box, 3, 0)));
  EXPECT_TRUE(in(message_page(box, 3), message(box, 3, sealed_slot)));
  EXPECT_FALSE(in(message_page(box, 3), message(box, 4, 0)));
  EXPECT_FALSE(in(message_page(box, 3), message(box, 2, sealed_slot)));
  EXPECT_FALSE(in(log_after(ModSeq(9)), log(ModSeq(9))));
  EXPECT_TRUE(in(log_after(ModSeq(9)), log(ModSeq(10))));
  EXPECT_FALSE(in(log_after(ModSeq(9)), hot_page(box, 0)));
}

TEST(Keys, LongNamesStayApartAndFit) {
  const std::string stem(990, 'n');
  const std::string a = tombstone(stem + "a");
  const std::string b = tombstone(stem + "b");
  EXPECT_NE(a, b);
  EXPECT_NE(a, tombstone(stem));
  EXPECT_LE(a.size(), 250U);
  EXPECT_EQ(tombstone(std::string(200, 'x')).size(), 202U);
}

TEST(Keys, APageIs128Uids) {
  EXPECT_EQ(page_of(Uid(127)), 0U);
  EXPECT_EQ(page_of(Uid(128)), 1U);
  for (const uint32_t u : {1U, 127U, 128U, 8191U, 8192U, UINT32_MAX}) {
    EXPECT_EQ(uid_at(page_of(Uid(u)), slot_of(Uid(u))), Uid(u));
  }
}

}  // namespace
}  // namespace eilpost::store::keys
