#include "server/imap/live_order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace eilpost::server {
namespace {

using Uids = std::vector<Uid>;

Uids uids(const std::vector<uint32_t>& numbers) {
  Uids out;
  for (const uint32_t n : numbers) out.emplace_back(n);
  return out;
}

// As a client does it.
void remove(Uids& list, const std::vector<OrderChange>& changes) {
  for (const OrderChange& change : changes) {
    const auto at = list.begin() + (change.position - 1);
    ASSERT_TRUE(std::equal(change.uids.begin(), change.uids.end(), at));
    list.erase(at, at + static_cast<long>(change.uids.size()));
  }
}
void insert(Uids& list, const std::vector<OrderChange>& changes) {
  for (const OrderChange& change : changes) {
    list.insert(list.begin() + (change.position - 1), change.uids.begin(), change.uids.end());
  }
}

TEST(LiveOrder, NeighboursAreToldTogether) {
  Uids order = uids({9, 3, 4, 7, 5});
  UidSet lost;
  for (const uint32_t n : {3, 4, 5}) lost.add(Uid(n));
  const auto gone = take_out(order, lost);
  ASSERT_EQ(gone.size(), 2U);
  EXPECT_EQ(gone[0].position, 2U);
  EXPECT_EQ(gone[0].uids, uids({3, 4}));
  EXPECT_EQ(gone[1].position, 3U);
  EXPECT_EQ(order, uids({9, 7}));
  const auto come = put_in(order, {{0, Uid(1)}, {0, Uid(2)}, {2, Uid(8)}});
  ASSERT_EQ(come.size(), 2U);
  EXPECT_EQ(come[0].position, 1U);
  EXPECT_EQ(come[1].position, 5U);
  EXPECT_EQ(order, uids({1, 2, 9, 7, 8}));
}

TEST(LiveOrder, AClientThatDoesAsItIsToldHasTheSame) {
  Random random(3);
  Uids order;
  Uids client;
  uint32_t next = 1;
  for (int step = 0; step < 500; ++step) {
    UidSet lost;
    for (const Uid uid : order) {
      if (random.below(4) == 0) lost.add(uid);
    }
    remove(client, take_out(order, lost));
    std::vector<Insertion> insertions;
    for (size_t i = 0; i <= order.size(); ++i) {
      while (random.below(5) == 0) insertions.push_back({i, Uid(next++)});
    }
    if (order.size() < 20) insertions.push_back({order.size(), Uid(next++)});
    insert(client, put_in(order, insertions));
    ASSERT_EQ(client, order);
    ASSERT_LT(order.size(), 1000U);
  }
}

}  // namespace
}  // namespace eilpost::server
