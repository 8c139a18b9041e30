#include "base/clock.h"

#include <gtest/gtest.h>

namespace eilpost {
namespace {

TEST(Clock, AManualOneMovesWhenTold) {
  ManualClock clock(Timestamp{1'700'000'000'000'000});
  const int64_t steady = clock.steady_micros();
  EXPECT_EQ(clock.now().seconds(), 1'700'000'000);
  EXPECT_EQ(clock.now(), clock.now());
  clock.advance_micros(2'500'000);
  EXPECT_EQ(clock.now().micros, 1'700'000'002'500'000);
  EXPECT_EQ(clock.steady_micros() - steady, 2'500'000);
}

TEST(Clock, TheSystemsOneNeverGoesBack) {
  const SystemClock clock;
  int64_t last = clock.steady_micros();
  for (int i = 0; i < 1000; ++i) {
    const int64_t next = clock.steady_micros();
    EXPECT_GE(next, last);
    last = next;
  }
  // Microseconds, not another unit: 2020 is over, 2200 is not reached.
  EXPECT_GT(clock.now().seconds(), 1'577'836'800);
  EXPECT_LT(clock.now().seconds(), 7'258'118'400);
}

TEST(Clock, TimestampsCompare) {
  EXPECT_LT(Timestamp{1}, Timestamp{2});
  EXPECT_EQ(Timestamp{999'999}.seconds(), 0);
}

}  // namespace
}  // namespace eilpost
