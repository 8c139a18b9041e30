// The laws of the store under an engine that does everything the contract allows: two nodes over
// one engine, operations in flight on both, held against a reference (model_testing.h).
#include <gtest/gtest.h>

#include "base/log.h"
#include "store/model_testing.h"

namespace eilpost::store {
namespace {

struct Plan {
  size_t nodes = 2;
  engine::FaultyOptions faults;
  int rounds = 120;
  bool errors_allowed = false;
  uint32_t crash = 0;  // a chance in 1,000, each round
};

void run(uint64_t seed, Plan options) {
  // Injected failures are no news here.
  log::configure({.level = log::Level::error});
  options.faults.seed = seed;
  World world(options.nodes, options.faults, seed);
  Random random(seed * 7919);
  world.queue.scramble(random);
  Driver driver(world, random, options.errors_allowed);
  for (int round = 0; round < options.rounds && driver.problems().empty(); ++round) {
    for (uint64_t n = 1 + random.below(6); n > 0; --n) {
      driver.submit(driver.draw());
      for (uint64_t steps = random.below(6); steps > 0; --steps) world.queue.step();
    }
    const bool crash = random.below(1000) < options.crash;
    if (crash) {
      world.crash();
    } else {
      world.drain();
    }
    driver.settle(crash);
    if (random.below(3) == 0)
      world.clock.advance_micros(static_cast<int64_t>(random.below(3'000'000)));
    if (round % 20 == 19) driver.compare_all(options.faults);
  }
  driver.compare_all(options.faults);
  std::string trace;
  for (const std::string& line : driver.trace()) trace += line + "\n";
  ASSERT_TRUE(driver.problems().empty()) << "seed " << seed << ": " << driver.problems()[0] << "\n"
                                         << trace;
  ASSERT_GT(driver.acknowledged(), 50U) << "seed " << seed;
}

TEST(Laws, OneNodeOnAKindEngine) {
  for (uint64_t seed = 1; seed <= 6; ++seed) run(seed, Plan{.nodes = 1, .faults = {}});
}

TEST(Laws, TwoNodesThatConflict) {
  for (uint64_t seed = 1; seed <= 6; ++seed) run(seed, {});
}

TEST(Laws, LostAnswersOfBothKinds) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    run(seed, {.faults = {.unknown_written = 150, .unknown_lost = 150}});
  }
}

TEST(Laws, EverythingUnkind) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    run(seed, {.faults = engine::FaultyOptions::unkind(seed)});
  }
}

TEST(Laws, CrashesAmongIt) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Plan options{.faults = engine::FaultyOptions::unkind(seed), .crash = 250};
    options.faults.delay_commit = 400;
    run(seed, options);
  }
}

TEST(Laws, ReadsThatFailAndDisksThatRefuse) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Plan options{.faults = engine::FaultyOptions::unkind(seed), .errors_allowed = true};
    options.faults.fail_read = 20;
    options.faults.fail_head = 20;
    options.faults.refuse_commit = 30;
    run(seed, options);
  }
}

}  // namespace
}  // namespace eilpost::store
