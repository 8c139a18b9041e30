#include "engine/gate.h"

#include <gtest/gtest.h>

#include "engine/engine_testing.h"
#include "engine/faulty.h"
#include "engine/memory.h"

namespace eilpost::engine {
namespace {

constexpr PartitionId here{7};

struct Gated {
  ManualClock clock{Timestamp{1'700'000'000'000'000}};
  Metrics metrics;
  Gate gate{std::make_unique<MemoryEngine>(), clock, metrics};

  double count(const char* operation, const char* outcome) {
    return metrics
        .counter("eilpost_engine_operations_total", "operations of the engine",
                 {{"operation", operation}, {"outcome", outcome}})
        .value();
  }
  double octets(const char* operation) {
    return metrics
        .counter("eilpost_engine_octets_total", "octets that operations wrote or read",
                 {{"operation", operation}})
        .value();
  }
};

TEST(Gate, CountsByOperationAndOutcome) {
  Gated t;
  EXPECT_EQ(commit_wait(t.gate, here, 0, put("k", "value")).outcome, Outcome::done);
  EXPECT_EQ(commit_wait(t.gate, here, 0, put("k", "value")).outcome, Outcome::conflict);
  EXPECT_EQ(commit_wait(t.gate, here, 1, put("", "value")).outcome, Outcome::unknown);
  EXPECT_EQ(t.count("commit", "done"), 1);
  EXPECT_EQ(t.count("commit", "conflict"), 1);
  EXPECT_EQ(t.octets("commit"), 6);
  ASSERT_TRUE(t.gate.read(here, Range{}));
  ASSERT_TRUE(t.gate.read(here, std::vector<std::string>{"k"}));
  EXPECT_EQ(t.count("read_rows", "done"), 2);
  EXPECT_EQ(t.octets("read_rows"), 12);
  const auto blob = write_blob(t.gate, here, std::string(1000, 'x'));
  ASSERT_TRUE(blob);
  EXPECT_EQ(t.octets("write_blob"), 1000);
  EXPECT_EQ(t.gate.read_blob(*blob, 0, 10)->size(), 10U);
  EXPECT_EQ(t.octets("read_blob"), 10);
  EXPECT_EQ(t.gate.read_blob({9, 9}, 0, 1).error().code, Code::not_found);
  EXPECT_EQ(t.count("read_blob", "refused"), 1);
  EXPECT_EQ(head_wait(t.gate, here).value(), 1U);
  EXPECT_EQ(t.count("head", "done"), 1);
  EXPECT_NE(t.metrics.text().find("eilpost_engine_operation_seconds"), std::string::npos);
}

TEST(Gate, AClosedPartitionIsReadAndNotWritten) {
  Gated t;
  ASSERT_EQ(commit_wait(t.gate, here, 0, put("k", "1")).outcome, Outcome::done);
  t.gate.close_partition(here);
  EXPECT_EQ(t.gate.closed_partitions(), 1U);
  const auto refused = commit_wait(t.gate, here, 1, put("k", "2"));
  EXPECT_EQ(refused.outcome, Outcome::unknown);
  EXPECT_EQ(refused.error.code, Code::unavailable);
  EXPECT_EQ(write_blob(t.gate, here, "x").error().code, Code::unavailable);
  EXPECT_EQ(t.gate.remove_partition(here).error().code, Code::unavailable);
  EXPECT_EQ(t.gate.read(here, Range{})->rows.at(0).value, "1");
  EXPECT_EQ(commit_wait(t.gate, PartitionId(8), 0, put("k", "2")).outcome, Outcome::done);
  t.gate.open_partition(here);
  EXPECT_EQ(commit_wait(t.gate, here, 1, put("k", "2")).outcome, Outcome::done);
}

TEST(Gate, WakesAndUnknownPassThrough) {
  ManualClock clock{Timestamp{0}};
  Metrics metrics;
  FaultyOptions faults;
  faults.unknown_written = 1000;
  auto faulty = std::make_unique<FaultyEngine>(std::make_unique<MemoryEngine>(), faults);
  Gate gate(std::move(faulty), clock, metrics);
  int wakes = 0;
  const auto watch = gate.watch(here, [&](Version) { ++wakes; });
  EXPECT_EQ(commit_wait(gate, here, 0, put("k", "1")).outcome, Outcome::unknown);
  EXPECT_EQ(wakes, 1);
  EXPECT_NE(metrics.text().find("operation=\"commit\",outcome=\"unknown\"} 1"), std::string::npos);
}

}  // namespace
}  // namespace eilpost::engine
