#include "server/imap/progress.h"

#include <gtest/gtest.h>

namespace eilpost::server {
namespace {

constexpr int64_t pause_micros = int64_t{limits::progress_seconds} * 1'000'000;

TEST(Progress, OneWordForEachPause) {
  ProgressMeter meter(5);
  EXPECT_FALSE(meter.due(5));
  EXPECT_FALSE(meter.due(4 + pause_micros));
  EXPECT_TRUE(meter.due(5 + pause_micros));
  EXPECT_FALSE(meter.due(6 + pause_micros));
  EXPECT_FALSE(meter.due(4 + 2 * pause_micros));
  EXPECT_TRUE(meter.due(5 + 2 * pause_micros));
}

TEST(Progress, ALongStepIsToldOnce) {
  ProgressMeter meter(0);
  EXPECT_TRUE(meter.due(10 * pause_micros));
  EXPECT_FALSE(meter.due(10 * pause_micros + 1));
}

}  // namespace
}  // namespace eilpost::server
