// A node among the nodes that share an engine: it says that it lives, hears who else does, leases
// jobs so that each is done once, and is told whose sessions are to end. Whether another node lives
// is judged by how long its row has stood still on this node's own steady clock, so clocks may
// differ by any amount; a node stops trusting its own leases well before others take them. Leases
// save work and are no lock: what the jobs do is guarded by the engine's versions. Blocks on the
// engine; thread safe.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/engine.h"
#include "store/cluster/cluster_records.h"

namespace eilpost::store {

struct ClusterOptions {
  std::string name;     // unique among the nodes
  std::string address;  // where others, and operators, find it
  std::string release;
  int64_t silent_micros = 30'000'000;            // then a node counts as gone
  int64_t trust_micros = 20'000'000;             // own leases hold so long after the last beat
  int64_t forget_micros = 86'400'000'000;        // then its row is dropped
  int64_t ending_kept_micros = 3'600'000'000;    // rows that end sessions, at least
  int64_t clock_tolerance_micros = 600'000'000;  // beyond: warned of
};

struct NodeStatus {
  NodeRow row;
  bool alive = false;
};

// How often a job is due in each bucket, and how many buckets it has.
struct JobRhythm {
  std::string job;
  int64_t every_micros = 0;
  uint32_t buckets = cluster_buckets;
};

class Cluster {
 public:
  using EndSessions = std::function<void(AccountId)>;

  // `end_sessions` is called by beat(), for every account whose sessions somebody ended elsewhere.
  Cluster(engine::Engine& engine, const Clock& clock, Random& random, ClusterOptions options,
          EndSessions end_sessions);

  // Says that this node lives, and looks at the others; every 5 s. Code::in_use: a node of this
  // name began later and has taken its place.
  Result<> beat(uint64_t sessions);
  // The node goes in good order: its row and leases are dropped.
  Result<> leave();

  const std::string& name() const { return options_.name; }
  // The others as last seen, and itself.
  std::vector<NodeStatus> nodes() const;
  // The live node that an account belongs to by hashing; "" before the first beat. A hint.
  std::string affinity(AccountId account) const;

  // Leases the buckets of the job that are due and free: those with affinity to this node, and
  // others that their own node has left overdue by a quarter. Empty: nothing to do.
  Result<std::set<uint32_t>> take(const JobRhythm& rhythm);
  // False when this node has not been heard of for so long that others may take its leases.
  bool trusted() const;
  // Gives leases back. `done`: the work is done and due again after its time.
  Result<> give_back(const std::string& job, const std::set<uint32_t>& buckets, bool done);

  // Has the sessions of an account ended on every node. The version tells when all have seen it.
  Result<engine::Version> end_sessions(AccountId account);
  // Whether every other live node has acted on that version of the cluster's partition.
  Result<bool> seen_by_all(engine::Version version);

 private:
  struct Observed {
    uint64_t incarnation = 0;
    uint64_t beats = 0;
    int64_t changed_at = 0;  // steady micros
    bool warned = false;     // of its clock
  };
  struct ActedOn {
    Timestamp at;                 // as its row says
    engine::Version version = 0;  // of the partition, when this node saw it first
    int64_t since = 0;            // steady micros, likewise
  };
  // Puts and deletes for the state; nothing: there is nothing to write.
  using Change = std::function<Result<std::optional<engine::Batch>>(ClusterState&)>;

  Result<engine::Version> change(const Change& change);
  void observe(const ClusterState& state);
  void watch_clock(const NodeRow& node, Observed& seen);
  void act_on(const ClusterState& state);
  bool alive(const NodeRow& node) const;
  std::vector<std::string_view> live_names(const ClusterState& state) const;
  bool may_drop(const ClusterState& state, const EndingRow& ending) const;
  bool is_held(const ClusterState& state, const JobBucket& bucket) const;
  bool may_take(const ClusterState& state, const JobRhythm& rhythm, uint32_t number,
                const JobBucket& bucket, std::string_view owner) const;
  engine::Batch beat_batch(const ClusterState& state, uint64_t sessions);

  engine::Engine& engine_;
  const Clock& clock_;
  ClusterOptions options_;
  EndSessions end_sessions_;
  uint64_t incarnation_;
  Timestamp started_;
  mutable std::mutex mutex_;
  uint64_t beats_ = 0;
  bool joined_ = false;              // a beat of this process has got through
  int64_t beat_at_ = INT64_MIN / 2;  // steady micros when the last good beat began
  std::map<std::string, Observed, std::less<>> observed_;
  std::vector<NodeRow> nodes_;
  std::map<AccountId, ActedOn> acted_on_;
  std::map<std::string, std::set<uint32_t>> held_;  // by job: what this process works on
};

}  // namespace eilpost::store
