#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace eilpost {
namespace {

TEST(Random, ASeedIsOneSequenceForEver) {
  // The published first outputs of SplitMix64 for the seed 1234567.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
  EXPECT_NE(Random(1).next(), Random(2).next());
}

TEST(Random, BelowStaysBelowAndReachesEverything) {
  Random random(7);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = random.below(10);
    EXPECT_LT(value, 10U);
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, OctetsOfEveryLength) {
  for (const size_t count : {0U, 1U, 7U, 8U, 9U, 100U}) {
    EXPECT_EQ(Random(3).octets(count).size(), count);
    EXPECT_EQ(Random(3).octets(count), Random(3).octets(count));
  }
  EXPECT_EQ(Random(3).octets(9).substr(0, 8), Random(3).octets(8));
}

TEST(Random, FromTheSystemTwoAreNotOne) {
  Random a = Random::from_os();
  Random b = Random::from_os();
  EXPECT_NE(a.octets(16), b.octets(16));
  Random moved = std::move(a);
  EXPECT_NE(moved.octets(16), moved.octets(16));
}

TEST(Random, AMovedOneGoesOn) {
  Random whole(5);
  Random first(5);
  EXPECT_EQ(first.next(), whole.next());
  Random second = std::move(first);
  EXPECT_EQ(second.next(), whole.next());
}

}  // namespace
}  // namespace eilpost
