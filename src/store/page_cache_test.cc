#include "store/page_cache.h"

#include <gtest/gtest.h>

#include "store/store_testing.h"

namespace eilpost::store {
namespace {

constexpr PartitionId one(1);

PageCache::Key key(uint32_t page) {
  return {one, inbox_id, page};
}

PageDataPtr page_of_octets(uint32_t page, size_t octets) {
  auto data = std::make_shared<PageData>();
  data->page = page;
  data->octets.push_back(std::make_shared<const PageData::Octets>(1, std::string(octets, 'x')));
  return data;
}

TEST(PageCache, KeepsAndForgets) {
  PageCache cache(1 << 20);
  EXPECT_EQ(cache.data(key(1)), nullptr);
  const PageDataPtr page = page_of_octets(1, 100);
  cache.keep(key(1), page, cache.moment());
  cache.keep(PageCache::Key{PartitionId(2), inbox_id, 1}, page, cache.moment());
  EXPECT_EQ(cache.data(key(1)), page);
  cache.forget(key(1));
  EXPECT_EQ(cache.data(key(1)), nullptr);
  cache.keep(key(1), page, cache.moment());
  cache.forget(one);
  EXPECT_EQ(cache.data(key(1)), nullptr);
  EXPECT_NE(cache.data(PageCache::Key{PartitionId(2), inbox_id, 1}), nullptr);
  cache.forget(PartitionId(2));
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(PageCache, WhatWasForgottenWhileItWasReadIsNotKept) {
  PageCache cache(1 << 20);
  const uint64_t before = cache.moment();
  cache.forget(key(1));
  cache.keep(key(1), page_of_octets(1, 100), before);
  cache.keep(key(1), HeaderTexts{{{3, "text"}}}, before);
  EXPECT_EQ(cache.data(key(1)), nullptr);
  EXPECT_EQ(cache.texts(key(1)), nullptr);
}

TEST(PageCache, DropsWhatWasNotUsedForLongest) {
  PageCache cache(10'000);
  for (uint32_t page = 0; page < 4; ++page) {
    cache.keep(key(page), page_of_octets(page, 3000), cache.moment());
    EXPECT_NE(cache.data(key(0)), nullptr);
    EXPECT_LE(cache.bytes(), 10'000U);
  }
  EXPECT_EQ(cache.data(key(1)), nullptr);
  EXPECT_NE(cache.data(key(3)), nullptr);
  // What is larger than the whole bound is not kept, and nothing of it remains.
  cache.keep(key(9), page_of_octets(9, 20'000), cache.moment());
  EXPECT_EQ(cache.data(key(9)), nullptr);
  EXPECT_LE(cache.bytes(), 10'000U);
}

TEST(PageCache, TextsComeTogether) {
  PageCache cache(1 << 20);
  cache.keep(key(0), HeaderTexts{{{1, "one"}}}, cache.moment());
  cache.keep(key(0), HeaderTexts{{{2, "two"}}}, cache.moment());
  const auto texts = cache.texts(key(0));
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->by_slot.at(1), "one");
  EXPECT_EQ(texts->by_slot.at(2), "two");
}

// What read_slots() answers of a slot is what read_page() says.
void expect_as_stored(World& world, const std::vector<uint8_t>& slots) {
  const auto stored = world.account().read_page(inbox_id, 0, read_all_columns);
  const auto read = world.account().read_slots(inbox_id, 0, read_all_columns, slots);
  ASSERT_TRUE(stored && read);
  for (const uint8_t slot : slots) {
    const PageData::Message* a = (*stored)->find(slot);
    const PageData::Message* b = (*read)->find(slot);
    ASSERT_EQ(a == nullptr, b == nullptr) << int{slot};
    if (!a) continue;
    EXPECT_EQ(a->digest, b->digest);
    EXPECT_EQ(a->cold.blob, b->cold.blob);
  }
}

TEST(ReadSlots, ReadsWhatIsNotInMemory) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 3)));
  EXPECT_EQ(world.account().cached_slots(inbox_id, 0, read_envelope, {1}), nullptr);
  expect_as_stored(world, {1, 2});
  EXPECT_NE(world.account().cached_slots(inbox_id, 0, read_all_columns, {1, 2}), nullptr);
  EXPECT_EQ(world.account().cached_slots(inbox_id, 0, read_envelope, {1, 3}), nullptr);
  expect_as_stored(world, {1, 2, 3});
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "n", 30)));
  expect_as_stored(world, {2, 20, 33});
  const auto kept = world.account().cached_slots(inbox_id, 0, read_all_columns, {1, 2, 3, 20, 33});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->find(33)->digest[0], "envelope n29");
}

TEST(ReadSlots, ForgetsAPageThatIsSealedOrPurged) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 100)));
  expect_as_stored(world, {1, 50});
  // Uid 127 is the page's last.
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "n", 50)));
  EXPECT_EQ(world.account().cached_slots(inbox_id, 0, 0, {1}), nullptr);
  const auto columns = world.account().read_slots(inbox_id, 0, read_preview, {1});
  ASSERT_TRUE(columns);
  EXPECT_EQ((*columns)->find(1)->digest[3], "preview m0");
  // Of a sealed page only what was asked for is there; the next who asks has both.
  EXPECT_EQ(world.account().cached_slots(inbox_id, 0, read_envelope, {1}), nullptr);
  ASSERT_TRUE(world.account().read_slots(inbox_id, 0, read_envelope, {1}));
  EXPECT_NE(world.account().cached_slots(inbox_id, 0, read_envelope | read_preview, {1}), nullptr);
  expect_as_stored(world, {1, 50, 127});
  StoreRequest marks;
  marks.mailbox = inbox_id;
  marks.uids.add(Uid(1), Uid(40));
  marks.change = FlagChange::add;
  marks.flags = flag_deleted;
  ASSERT_TRUE(flag(world, marks));
  ASSERT_TRUE(expunge_in(world, {inbox_id, std::nullopt}));
  EXPECT_NE(world.account().cached_slots(inbox_id, 0, 0, {1}), nullptr);
  ASSERT_TRUE(purge_in(world, world.clock.now().seconds() + 1));
  EXPECT_EQ(world.account().cached_slots(inbox_id, 0, 0, {1}), nullptr);
  expect_as_stored(world, {1, 40, 41, 127});
}

}  // namespace
}  // namespace eilpost::store
