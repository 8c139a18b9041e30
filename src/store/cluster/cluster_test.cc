#include "store/cluster/cluster.h"

#include <gtest/gtest.h>

#include "engine/faulty.h"
#include "engine/memory.h"

namespace eilpost::store {
namespace {

constexpr int64_t second = 1'000'000;
constexpr int64_t hour = 3600 * second;

// Nodes over one engine, each with a clock of its own.
class Nodes {
 public:
  explicit Nodes(engine::Engine& engine) : engine_(engine) {}

  struct Node {
    ManualClock clock;
    std::vector<AccountId> ended;
    std::unique_ptr<Cluster> cluster;
  };
  // `skew`: how far its wall clock is off.
  Node& start(const std::string& name, int64_t skew = 0) {
    auto node =
        std::make_unique<Node>(Node{ManualClock{Timestamp{1'700'000'000 * second + skew}}, {}, {}});
    node->clock.advance_micros(elapsed_);
    ClusterOptions options;
    options.name = name;
    options.address = name + ".example";
    options.release = "1.2";
    node->cluster =
        std::make_unique<Cluster>(engine_, node->clock, random_, options,
                                  [raw = node.get()](AccountId id) { raw->ended.push_back(id); });
    nodes_.push_back(std::move(node));
    return *nodes_.back();
  }
  void advance(int64_t micros) {
    elapsed_ += micros;
    for (auto& node : nodes_) node->clock.advance_micros(micros);
  }
  // Time passes, and those that live beat every 5 s.
  void live(const std::vector<Node*>& nodes, int64_t micros) {
    for (int64_t at = 0; at < micros; at += 5 * second) {
      advance(5 * second);
      for (Node* node : nodes) EXPECT_TRUE(node->cluster->beat(0));
    }
  }

 private:
  engine::Engine& engine_;
  Random random_{1};
  int64_t elapsed_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
};

std::vector<std::string> alive(const Cluster& cluster) {
  std::vector<std::string> out;
  for (const NodeStatus& node : cluster.nodes()) {
    if (node.alive) out.push_back(node.row.name);
  }
  return out;
}

const JobRhythm hourly{"purge", hour, cluster_buckets};
using Names = std::vector<std::string>;

TEST(Cluster, RowsRoundTrip) {
  const NodeRow node{"a", "10.0.0.1", "0.1", 77, {5}, {6}, 7, 8, 9};
  const auto back = decode_node(encode(node));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->name + back->address + back->release, "a10.0.0.10.1");
  EXPECT_EQ(back->incarnation, 77U);
  EXPECT_EQ(back->started.micros + back->beat.micros, 11);
  EXPECT_EQ(back->beats + back->seen + back->sessions, 24U);
  const JobRow job{"purge", {{"a", 1, {2}, {3}}, {}}};
  const auto again = decode_job(encode(job));
  ASSERT_TRUE(again);
  ASSERT_EQ(again->buckets.size(), 2U);
  EXPECT_EQ(again->buckets[0].holder, "a");
  EXPECT_EQ(again->buckets[0].done.micros, 3);
  EXPECT_FALSE(decode_node(encode(node).substr(1)));
}

TEST(Cluster, NodesComeAndGo) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b", -3 * hour);
  ASSERT_TRUE(a.cluster->beat(3));
  ASSERT_TRUE(b.cluster->beat(4));
  world.live({&a, &b}, 10 * second);
  EXPECT_EQ(alive(*a.cluster), (Names{"a", "b"}));
  EXPECT_EQ(alive(*b.cluster), (Names{"a", "b"}));
  EXPECT_EQ(read_cluster(engine)->node("a")->address, "a.example");
  world.live({&a}, 25 * second);
  EXPECT_EQ(alive(*a.cluster), (Names{"a", "b"}));
  world.live({&a}, 10 * second);
  EXPECT_EQ(alive(*a.cluster), (Names{"a"}));
  EXPECT_EQ(a.cluster->nodes().size(), 2U);
  // Shown as gone for a day, then dropped.
  world.advance(30 * hour);
  ASSERT_TRUE(a.cluster->beat(0));
  EXPECT_EQ(read_cluster(engine)->nodes.size(), 1U);
  ASSERT_TRUE(a.cluster->leave());
  EXPECT_EQ(read_cluster(engine)->nodes.size(), 0U);
}

TEST(Cluster, TheLaterOfOneNameStays) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& first = world.start("a");
  ASSERT_TRUE(first.cluster->beat(0));
  auto& second_life = world.start("a");
  ASSERT_TRUE(second_life.cluster->beat(0));
  EXPECT_EQ(first.cluster->beat(0).error().code, Code::in_use);
  EXPECT_TRUE(second_life.cluster->beat(0));
  world.live({&second_life}, 20 * second);
  EXPECT_FALSE(first.cluster->trusted());
}

// Its own row of before is no other node, however often the first beat does not get through.
TEST(Cluster, ARestartedNodeJoinsAfterBeatsThatFailed) {
  engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), {.seed = 1});
  Nodes world(engine);
  ASSERT_TRUE(world.start("a").cluster->beat(0));
  auto& again = world.start("a");
  engine.set_options({.unknown_lost = 1000});
  EXPECT_EQ(again.cluster->beat(0).error().code, Code::unavailable);
  engine.set_options({.conflict = 1000});
  EXPECT_EQ(again.cluster->beat(0).error().code, Code::unavailable);
  engine.set_options({});
  EXPECT_TRUE(again.cluster->beat(0));
}

// One whose beat got through without its knowing has joined, too.
TEST(Cluster, AnAnswerThatWasLostIsFoundInTheRow) {
  engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), {.seed = 1});
  Nodes world(engine);
  auto& first = world.start("a");
  engine.set_options({.unknown_written = 1000});
  EXPECT_FALSE(first.cluster->beat(0));
  EXPECT_FALSE(first.cluster->beat(0));
  engine.set_options({});
  ASSERT_TRUE(world.start("a").cluster->beat(0));
  EXPECT_EQ(first.cluster->beat(0).error().code, Code::in_use);
}

TEST(Cluster, EachBucketIsDoneOnceAnHour) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b", 40 * second);
  auto& c = world.start("c", -40 * second);
  for (auto* node : {&a, &b, &c}) ASSERT_TRUE(node->cluster->beat(0));
  world.live({&a, &b, &c}, 10 * second);
  std::set<uint32_t> all;
  size_t sum = 0;
  for (auto* node : {&a, &b, &c}) {
    const auto taken = node->cluster->take(hourly);
    ASSERT_TRUE(taken);
    // Spread, not all to the first that asks.
    EXPECT_GT(taken->size(), cluster_buckets / 6);
    for (const uint32_t bucket : *taken) {
      all.insert(bucket);
    }
    sum += taken->size();
    EXPECT_TRUE(node->cluster->give_back("purge", *taken, true));
  }
  EXPECT_EQ(all.size(), cluster_buckets);
  EXPECT_EQ(sum, cluster_buckets);
  for (auto* node : {&a, &b, &c}) EXPECT_TRUE(node->cluster->take(hourly)->empty());
  world.live({&a, &b, &c}, hour);
  EXPECT_GT(a.cluster->take(hourly)->size(), cluster_buckets / 6);
}

TEST(Cluster, LeasesOfADeadNodePassOn) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b");
  for (auto* node : {&a, &b}) ASSERT_TRUE(node->cluster->beat(0));
  world.live({&a, &b}, 10 * second);
  const auto of_a = a.cluster->take(hourly);
  const auto of_b = b.cluster->take(hourly);
  ASSERT_TRUE(of_a && of_b);
  ASSERT_FALSE(of_a->empty());
  ASSERT_TRUE(b.cluster->give_back("purge", *of_b, true));
  // a stands still: it stops trusting its leases before b takes them.
  world.live({&b}, 20 * second);
  EXPECT_FALSE(a.cluster->trusted());
  EXPECT_TRUE(b.cluster->take(hourly)->empty());
  world.live({&b}, 15 * second);
  EXPECT_EQ(*b.cluster->take(hourly), *of_a);
  // What it gives back late takes nothing from the other.
  ASSERT_TRUE(a.cluster->give_back("purge", *of_a, true));
  EXPECT_EQ(read_cluster(engine)->job("purge").buckets[*of_a->begin()].holder, "b");
}

TEST(Cluster, WorkThatFailedIsDoneAgain) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  ASSERT_TRUE(a.cluster->beat(0));
  const auto taken = a.cluster->take(hourly);
  ASSERT_EQ(taken->size(), cluster_buckets);
  // Held: not taken twice by the same node either.
  EXPECT_TRUE(a.cluster->take(hourly)->empty());
  ASSERT_TRUE(a.cluster->give_back("purge", *taken, false));
  EXPECT_EQ(a.cluster->take(hourly)->size(), cluster_buckets);
}

TEST(Cluster, AffinityMovesOnlyWhatItMust) {
  const std::vector<std::string_view> three = {"a", "b", "c"};
  const std::vector<std::string_view> two = {"a", "c"};
  std::map<std::string_view, int> share;
  for (uint32_t bucket = 0; bucket < cluster_buckets; ++bucket) {
    const auto before = rendezvous(three, bucket);
    ++share[before];
    const auto after = rendezvous(two, bucket);
    EXPECT_TRUE(before == "b" || before == after);
    EXPECT_NE(after, "b");
  }
  for (const auto name : three) EXPECT_GT(share[name], 50);
  EXPECT_EQ(rendezvous({}, 1), "");
}

TEST(Cluster, SessionsEndOnEveryNode) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b");
  for (auto* node : {&a, &b}) ASSERT_TRUE(node->cluster->beat(0));
  const auto version = a.cluster->end_sessions(AccountId(100));
  ASSERT_TRUE(version);
  EXPECT_FALSE(*a.cluster->seen_by_all(*version));
  ASSERT_TRUE(b.cluster->beat(0));
  EXPECT_EQ(b.ended, std::vector<AccountId>{AccountId(100)});
  EXPECT_TRUE(*a.cluster->seen_by_all(*version));
  world.live({&a, &b}, 20 * second);
  EXPECT_EQ(b.ended.size(), 1U);
  // Again: the account was used again since.
  ASSERT_TRUE(a.cluster->end_sessions(AccountId(100)));
  ASSERT_TRUE(b.cluster->beat(0));
  EXPECT_EQ(b.ended.size(), 2U);
  world.live({&a, &b}, hour + 20 * second);
  EXPECT_TRUE(read_cluster(engine)->endings.empty());
}

// Whatever the nodes' clocks say, nobody comes back to find the row gone.
TEST(Cluster, EndingsWaitForSilentNodes) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b");
  auto& fast = world.start("fast", 12 * hour);
  for (auto* node : {&a, &b, &fast}) ASSERT_TRUE(node->cluster->beat(0));
  ASSERT_TRUE(a.cluster->end_sessions(AccountId(100)));
  world.live({&a, &fast}, 3 * hour);
  EXPECT_EQ(read_cluster(engine)->endings.size(), 1U);
  ASSERT_TRUE(b.cluster->beat(0));
  EXPECT_EQ(b.ended, std::vector<AccountId>{AccountId(100)});
  world.live({&a, &fast}, 5 * second);
  EXPECT_TRUE(read_cluster(engine)->endings.empty());
}

TEST(Cluster, ADeadNodeIsNotWaitedFor) {
  engine::MemoryEngine engine;
  Nodes world(engine);
  auto& a = world.start("a");
  auto& b = world.start("b");
  for (auto* node : {&a, &b}) ASSERT_TRUE(node->cluster->beat(0));
  world.live({&a, &b}, 5 * second);
  const auto version = a.cluster->end_sessions(AccountId(100));
  world.live({&a}, 40 * second);
  EXPECT_TRUE(*a.cluster->seen_by_all(*version));
}

// Whatever the engine does to them: no bucket is given to two that trust their leases, and in the
// end everything is done.
TEST(Cluster, OverAFaultyEngine) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto faults = engine::FaultyOptions::unkind(seed);
    faults.delay_commit = 0;
    faults.stall_commit = 30;
    faults.fail_read = 50;
    engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), faults);
    Nodes world(engine);
    std::vector<Nodes::Node*> nodes = {&world.start("a"), &world.start("b"), &world.start("c")};
    std::map<uint32_t, Nodes::Node*> holder;
    std::set<uint32_t> done;
    for (int round = 0; round < 60 && done.size() < cluster_buckets; ++round) {
      world.advance(5 * second);
      engine.step();
      for (auto* node : nodes) (void)node->cluster->beat(0);
      auto* node = nodes[static_cast<size_t>(round) % nodes.size()];
      const auto taken = node->cluster->take(hourly);
      if (!taken) continue;
      for (const uint32_t bucket : *taken) {
        const auto at = holder.find(bucket);
        EXPECT_TRUE(at == holder.end() || !at->second->cluster->trusted()) << "seed " << seed;
        holder[bucket] = node;
      }
      // When the answer is lost it may have happened: the row tells.
      (void)node->cluster->give_back("purge", *taken, true);
      for (const uint32_t bucket : *taken) holder.erase(bucket);
      auto state = read_cluster(engine);
      if (!state) continue;
      const JobRow& row = state->job("purge");
      for (uint32_t bucket = 0; bucket < row.buckets.size(); ++bucket) {
        if (row.buckets[bucket].done.micros != 0) done.insert(bucket);
      }
    }
    EXPECT_EQ(done.size(), cluster_buckets) << "seed " << seed;
  }
}

}  // namespace
}  // namespace eilpost::store
