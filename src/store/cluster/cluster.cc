#include "store/cluster/cluster.h"

#include <algorithm>
#include <condition_variable>
#include <memory>

#include "base/log.h"

namespace eilpost::store {

namespace {

const log::Source source{"cluster", ""};
constexpr int attempts_max = 64;

// As engine::commit_wait(), but a commit that stalls is waited for no longer: whatever becomes of
// it, the next look at the partition tells.
engine::CommitResult commit_or_stall(engine::Engine& engine, engine::Version expected,
                                     engine::Batch batch) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<engine::CommitResult> result;
  };
  auto shared = std::make_shared<Shared>();  // with a callback that may come much later
  engine.commit(cluster_partition, expected, std::move(batch), [shared](engine::CommitResult r) {
    const std::lock_guard lock(shared->mutex);
    if (!shared->result) shared->result = std::move(r);
    shared->ready.notify_all();
  });
  std::unique_lock lock(shared->mutex);
  shared->ready.wait(lock, [&] { return shared->result.has_value(); });
  return *shared->result;
}

}  // namespace

Cluster::Cluster(engine::Engine& engine, const Clock& clock, Random& random, ClusterOptions options,
                 EndSessions end_sessions)
    : engine_(engine),
      clock_(clock),
      options_(std::move(options)),
      end_sessions_(std::move(end_sessions)),
      incarnation_(random.next() | 1),
      started_(clock.now()) {
  if (options_.name.size() > node_name_octets_max) options_.name.resize(node_name_octets_max);
}

// Runs `change` on the present state until it is committed, or has nothing to write.
Result<engine::Version> Cluster::change(const Change& change) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    ClusterState state = TRY(read_cluster(engine_));
    observe(state);
    auto batch = TRY(change(state));
    if (!batch) return state.version;
    const auto result = commit_or_stall(engine_, state.version, std::move(*batch));
    if (result.outcome == engine::Outcome::done) return result.version;
    if (result.outcome == engine::Outcome::conflict) continue;
    return fail(Code::unavailable, "the cluster's partition: " + result.error.detail);
  }
  return fail(Code::unavailable, "the cluster's partition is written by too many");
}

void Cluster::watch_clock(const NodeRow& node, Observed& seen) {
  // A node that was restarted or that stood still has an old row: only fresh beats tell.
  const int64_t off = clock_.now().micros - node.beat.micros;
  if (std::abs(off) < options_.clock_tolerance_micros || seen.warned) return;
  source.warn("the clock of node {} and this one differ by {} s", node.name, off / 1'000'000);
  seen.warned = true;
}

void Cluster::observe(const ClusterState& state) {
  const std::lock_guard lock(mutex_);
  const int64_t now = clock_.steady_micros();
  for (const NodeRow& node : state.nodes) {
    const auto [at, first] = observed_.try_emplace(node.name);
    Observed& seen = at->second;
    const bool moved = seen.incarnation != node.incarnation || seen.beats != node.beats;
    if (!first && !moved) continue;
    if (!first) watch_clock(node, seen);
    seen.incarnation = node.incarnation;
    seen.beats = node.beats;
    seen.changed_at = now;
  }
  for (auto at = observed_.begin(); at != observed_.end();) {
    at = state.node(at->first) == nullptr ? observed_.erase(at) : std::next(at);
  }
  nodes_ = state.nodes;
}

// Under the mutex.
bool Cluster::alive(const NodeRow& node) const {
  if (node.name == options_.name) return node.incarnation == incarnation_;
  const auto at = observed_.find(node.name);
  return at != observed_.end() &&
         clock_.steady_micros() - at->second.changed_at < options_.silent_micros;
}

std::vector<std::string_view> Cluster::live_names(const ClusterState& state) const {
  std::vector<std::string_view> out;
  for (const NodeRow& node : state.nodes) {
    if (alive(node)) out.push_back(node.name);
  }
  return out;
}

std::vector<NodeStatus> Cluster::nodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeStatus> out;
  for (const NodeRow& node : nodes_) out.push_back({node, alive(node)});
  return out;
}

std::string Cluster::affinity(AccountId account) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string_view> names;
  for (const NodeRow& node : nodes_) {
    if (alive(node)) names.push_back(node.name);
  }
  return std::string(rendezvous(names, bucket_of(account)));
}

// Ends the sessions that somebody wants ended. Before the version is told to have been seen.
void Cluster::act_on(const ClusterState& state) {
  std::vector<AccountId> fresh;
  {
    const std::lock_guard lock(mutex_);
    std::map<AccountId, ActedOn> present;
    for (const EndingRow& row : state.endings) {
      const auto known = acted_on_.find(row.account);
      if (known != acted_on_.end() && known->second.at == row.at) {
        present[row.account] = known->second;
        continue;
      }
      fresh.push_back(row.account);
      present[row.account] = {row.at, state.version, clock_.steady_micros()};
    }
    acted_on_ = std::move(present);
  }
  for (const AccountId account : fresh) end_sessions_(account);
}

// Under the mutex. When this node has known it for long, and every node that has a row, silent ones
// included, has acted on it: whoever comes back after a while ends the sessions that it still has.
bool Cluster::may_drop(const ClusterState& state, const EndingRow& ending) const {
  const auto known = acted_on_.find(ending.account);
  if (known == acted_on_.end() || known->second.at != ending.at) return false;
  const ActedOn& acted = known->second;
  if (clock_.steady_micros() - acted.since <= options_.ending_kept_micros) return false;
  return std::all_of(state.nodes.begin(), state.nodes.end(), [&](const NodeRow& node) {
    return node.name == options_.name || node.seen >= acted.version;
  });
}

engine::Batch Cluster::beat_batch(const ClusterState& state, uint64_t sessions) {
  const std::lock_guard lock(mutex_);
  engine::Batch batch;
  NodeRow row;
  row.name = options_.name;
  row.address = options_.address;
  row.release = options_.release;
  row.incarnation = incarnation_;
  row.started = started_;
  row.beat = clock_.now();
  row.beats = ++beats_;
  row.seen = state.version;
  row.sessions = sessions;
  batch.puts.emplace_back(cluster_keys::node(row.name), encode(row));
  for (const NodeRow& node : state.nodes) {
    const bool old = row.beat.micros - node.beat.micros > options_.forget_micros;
    if (node.name != row.name && old && !alive(node)) {
      batch.deletes.push_back(cluster_keys::node(node.name));
    }
  }
  for (const EndingRow& ending : state.endings) {
    if (may_drop(state, ending)) batch.deletes.push_back(cluster_keys::ending(ending.account));
  }
  return batch;
}

Result<> Cluster::beat(uint64_t sessions) {
  const int64_t begin = clock_.steady_micros();
  TRY(change([&](ClusterState& state) -> Result<std::optional<engine::Batch>> {
    const NodeRow* own = state.node(options_.name);
    {
      // Until a beat of this process is known to be there, the row is its predecessor's.
      const std::lock_guard lock(mutex_);
      const bool mine = own != nullptr && own->incarnation == incarnation_;
      joined_ = joined_ || mine;
      if (own != nullptr && !mine && joined_) {
        return fail(Code::in_use, "another node is named " + options_.name + " too");
      }
    }
    act_on(state);
    return beat_batch(state, sessions);
  }));
  const std::lock_guard lock(mutex_);
  beat_at_ = begin;
  joined_ = true;
  return {};
}

bool Cluster::trusted() const {
  const std::lock_guard lock(mutex_);
  return clock_.steady_micros() - beat_at_ < options_.trust_micros;
}

Result<> Cluster::leave() {
  TRY(change([&](ClusterState& state) -> Result<std::optional<engine::Batch>> {
    const NodeRow* own = state.node(options_.name);
    if (own == nullptr || own->incarnation != incarnation_) return std::nullopt;
    engine::Batch batch;
    batch.deletes.push_back(cluster_keys::node(options_.name));
    for (JobRow& row : state.jobs) {
      bool changed = false;
      for (JobBucket& bucket : row.buckets) {
        if (bucket.holder != options_.name || bucket.incarnation != incarnation_) continue;
        bucket.holder.clear();
        changed = true;
      }
      if (changed) batch.puts.emplace_back(cluster_keys::job(row.job), encode(row));
    }
    return batch;
  }));
  return {};
}

// By a process that lives, other than for work that this one has let go of.
bool Cluster::is_held(const ClusterState& state, const JobBucket& bucket) const {
  if (bucket.holder.empty() || bucket.holder == options_.name) return false;
  const NodeRow* node = state.node(bucket.holder);
  return node != nullptr && node->incarnation == bucket.incarnation && alive(*node);
}

bool Cluster::may_take(const ClusterState& state, const JobRhythm& rhythm, uint32_t number,
                       const JobBucket& bucket, std::string_view owner) const {
  const auto held = held_.find(rhythm.job);
  if (held != held_.end() && held->second.count(number) != 0) return false;
  if (is_held(state, bucket)) return false;
  const int64_t now = clock_.now().micros;
  // A tenth of slack: nodes look once in that time, and not to the second.
  if (now - bucket.done.micros < rhythm.every_micros - rhythm.every_micros / 10) return false;
  // A lease that this node could not give back is nobody else's while it lives.
  if (owner == options_.name || bucket.holder == options_.name) return true;
  const NodeRow* node = state.node(owner);
  const int64_t begun = node == nullptr ? 0 : node->started.micros;
  const int64_t idle = now - std::max(bucket.done.micros, begun);
  return idle >= rhythm.every_micros + rhythm.every_micros / 4;
}

Result<std::set<uint32_t>> Cluster::take(const JobRhythm& rhythm) {
  if (!trusted()) return fail(Code::unavailable, "this node is not heard of by the others");
  std::set<uint32_t> taken;
  TRY(change([&](ClusterState& state) -> Result<std::optional<engine::Batch>> {
    const std::lock_guard lock(mutex_);
    taken.clear();
    const auto names = live_names(state);
    JobRow& row = state.job(rhythm.job);
    row.buckets.resize(std::max<size_t>(row.buckets.size(), rhythm.buckets));
    for (uint32_t number = 0; number < rhythm.buckets; ++number) {
      JobBucket& bucket = row.buckets[number];
      const auto owner = rendezvous(names, number);
      if (!may_take(state, rhythm, number, bucket, owner)) continue;
      bucket.holder = options_.name;
      bucket.incarnation = incarnation_;
      bucket.since = clock_.now();
      taken.insert(number);
    }
    if (taken.empty()) return std::nullopt;
    engine::Batch batch;
    batch.puts.emplace_back(cluster_keys::job(rhythm.job), encode(row));
    return batch;
  }));
  const std::lock_guard lock(mutex_);
  held_[rhythm.job].insert(taken.begin(), taken.end());
  return taken;
}

Result<> Cluster::give_back(const std::string& job, const std::set<uint32_t>& buckets, bool done) {
  {
    const std::lock_guard lock(mutex_);
    for (const uint32_t number : buckets) held_[job].erase(number);
  }
  if (buckets.empty()) return {};
  TRY(change([&](ClusterState& state) -> Result<std::optional<engine::Batch>> {
    JobRow& row = state.job(job);
    bool changed = false;
    for (const uint32_t number : buckets) {
      if (number >= row.buckets.size()) continue;
      JobBucket& bucket = row.buckets[number];
      if (bucket.holder != options_.name || bucket.incarnation != incarnation_) continue;
      bucket.holder.clear();
      if (done) bucket.done = clock_.now();
      changed = true;
    }
    if (!changed) return std::nullopt;
    engine::Batch batch;
    batch.puts.emplace_back(cluster_keys::job(job), encode(row));
    return batch;
  }));
  return {};
}

Result<engine::Version> Cluster::end_sessions(AccountId account) {
  const Timestamp at = clock_.now();
  return change([&](ClusterState&) -> Result<std::optional<engine::Batch>> {
    engine::Batch batch;
    batch.puts.emplace_back(cluster_keys::ending(account), encode(EndingRow{account, at}));
    return batch;
  });
}

Result<bool> Cluster::seen_by_all(engine::Version version) {
  const ClusterState state = TRY(read_cluster(engine_));
  observe(state);
  const std::lock_guard lock(mutex_);
  return std::all_of(state.nodes.begin(), state.nodes.end(), [&](const NodeRow& node) {
    return node.name == options_.name || !alive(node) || node.seen >= version;
  });
}

}  // namespace eilpost::store
