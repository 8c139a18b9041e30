#include "base/interval_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace eilpost {
namespace {

using Model = std::set<uint32_t>;

Model members(const IntervalSet& set) {
  Model out;
  set.for_each([&](uint32_t value) { out.insert(value); });
  return out;
}

// What the header promises of the representation: ascending, disjoint, not even touching.
void expect_normal(const IntervalSet& set) {
  const auto& all = set.intervals();
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_LE(all[i].first, all[i].last);
    EXPECT_TRUE(i == 0 || all[i].first > uint64_t{all[i - 1].last} + 1);
  }
}

void expect_same(const IntervalSet& set, const Model& model) {
  expect_normal(set);
  EXPECT_EQ(members(set), model);
  EXPECT_EQ(set.count(), model.size());
  EXPECT_EQ(set.empty(), model.empty());
  if (model.empty()) return;
  EXPECT_EQ(set.min(), *model.begin());
  EXPECT_EQ(set.max(), *model.rbegin());
}

struct Pair {
  IntervalSet set;
  Model model;
};

void change(Pair& pair, Random& random) {
  const auto first = static_cast<uint32_t>(1 + random.below(60));
  const auto last = static_cast<uint32_t>(first + random.below(8));
  const bool adds = random.below(3) != 0;
  if (adds) {
    pair.set.add(first, last);
  } else {
    pair.set.remove(first, last);
  }
  for (uint32_t v = first; v <= last; ++v) {
    if (adds) {
      pair.model.insert(v);
    } else {
      pair.model.erase(v);
    }
  }
}

TEST(IntervalSet, FollowsTheModel) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Pair a, b;
    for (int step = 0; step < 60; ++step) {
      change(a, random);
      change(b, random);
      expect_same(a.set, a.model);
      Model both, only_a, either = a.model;
      for (const uint32_t v : a.model) (b.model.count(v) != 0 ? both : only_a).insert(v);
      either.insert(b.model.begin(), b.model.end());
      expect_same(a.set.intersect(b.set), both);
      expect_same(a.set.subtract(b.set), only_a);
      IntervalSet sum = a.set;
      sum.add(b.set);
      expect_same(sum, either);
      for (uint32_t v = 0; v < 72; ++v) EXPECT_EQ(a.set.contains(v), a.model.count(v) != 0);
    }
  }
}

TEST(IntervalSet, PrintsAsASequenceSet) {
  IntervalSet set;
  EXPECT_EQ(set.to_string(), "");
  set.add(7);
  set.add(1, 3);
  set.add(9, 12);
  EXPECT_EQ(set.to_string(), "1:3,7,9:12");
  set.add(8);
  EXPECT_EQ(set.to_string(), "1:3,7:12");
  set.add(4, 6);
  EXPECT_EQ(set.to_string(), "1:12");
}

TEST(IntervalSet, TheLastNumbersDoNotWrap) {
  IntervalSet set;
  set.add(UINT32_MAX);
  set.add(UINT32_MAX - 1);
  EXPECT_EQ(set.to_string(), "4294967294:4294967295");
  set.add(0, UINT32_MAX);
  EXPECT_EQ(set.count(), 4294967296ULL);
  set.remove(0, 0);
  set.remove(UINT32_MAX, UINT32_MAX);
  EXPECT_EQ(set.to_string(), "1:4294967294");
  IntervalSet top;
  top.add(UINT32_MAX);
  EXPECT_TRUE(top.subtract(top).empty());
  EXPECT_EQ(top.intersect(top), top);
  int seen = 0;
  top.for_each([&](uint32_t) { ++seen; });
  EXPECT_EQ(seen, 1);
}

TEST(IntervalSet, TypedSets) {
  UidSet uids;
  uids.add(Uid(3), Uid(5));
  uids.add(Uid(9));
  EXPECT_TRUE(uids.contains(Uid(4)));
  uids.remove(Uid(4));
  EXPECT_EQ(uids.to_string(), "3,5,9");
  EXPECT_EQ(uids.min(), Uid(3));
  EXPECT_EQ(uids.max(), Uid(9));
  EXPECT_EQ(uids.count(), 3U);
}

TEST(IntervalSetDeathTest, MinOfNothingIsABug) {
  EXPECT_DEATH({ (void)IntervalSet().min(); }, "CHECK failed");
}

}  // namespace
}  // namespace eilpost
