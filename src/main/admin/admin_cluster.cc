// eilpost cluster status: who serves the engine, who works on what, and where an account lies.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "main/admin/admin.h"
#include "store/load.h"

namespace eilpost {

namespace {

// A process that has watched nobody tells by the clock; nodes beat every 5 s.
constexpr int64_t silent_micros = 30'000'000;

struct SeenNode {
  store::NodeRow row;
  bool alive = false;
  engine::Version lag = 0;
};

struct HeldJob {
  std::string job;
  std::string node;
  Timestamp since;
  uint32_t buckets = 0;
};

struct DoneJob {
  std::string job;
  uint32_t buckets = 0;  // that were ever done
  Timestamp oldest;      // of their latest times
  Timestamp latest;
};

std::vector<SeenNode> seen_nodes(Node& node, const store::ClusterState& state) {
  std::map<std::string, bool> watched;
  const int64_t now = node.world().clock.now().micros;
  // A node that serves has seen them beat; a command has not.
  if (node.cluster()->trusted()) {
    for (const store::NodeStatus& s : node.cluster()->nodes()) watched[s.row.name] = s.alive;
  }
  std::vector<SeenNode> out;
  for (const store::NodeRow& row : state.nodes) {
    const auto known = watched.find(row.name);
    const bool by_clock = std::abs(now - row.beat.micros) < silent_micros;
    // Its own beat moved the version on: that is no lag.
    const engine::Version own = row.seen + 1;
    out.push_back({row, known == watched.end() ? by_clock : known->second,
                   state.version > own ? state.version - own : 0});
  }
  return out;
}

std::vector<HeldJob> held_jobs(const store::ClusterState& state) {
  std::map<std::pair<std::string, std::string>, HeldJob> found;
  for (const store::JobRow& row : state.jobs) {
    for (const store::JobBucket& bucket : row.buckets) {
      if (bucket.holder.empty()) continue;
      HeldJob& held = found[{row.job, bucket.holder}];
      if (held.buckets == 0 || bucket.since < held.since) held.since = bucket.since;
      held.job = row.job;
      held.node = bucket.holder;
      ++held.buckets;
    }
  }
  std::vector<HeldJob> out;
  for (auto& [key, held] : found) out.push_back(std::move(held));
  return out;
}

std::vector<DoneJob> done_jobs(const store::ClusterState& state) {
  std::vector<DoneJob> out;
  for (const store::JobRow& row : state.jobs) {
    DoneJob done;
    done.job = row.job;
    for (const store::JobBucket& bucket : row.buckets) {
      if (bucket.done.micros == 0) continue;
      if (done.buckets == 0 || bucket.done < done.oldest) done.oldest = bucket.done;
      done.latest = std::max(done.latest, bucket.done);
      ++done.buckets;
    }
    if (done.buckets > 0) out.push_back(std::move(done));
  }
  return out;
}

std::string utc_time(Timestamp at) {
  const time_t seconds = at.seconds();
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
  return text;
}

struct Status {
  const Config& config;
  bool reachable = false;
  engine::Version version = 0;
  std::vector<SeenNode> nodes;
  std::vector<HeldJob> jobs;
  std::vector<DoneJob> done;
  int64_t now = 0;
};

int64_t seconds_ago(const Status& status, Timestamp at) {
  return std::max<int64_t>((status.now - at.micros) / 1'000'000, 0);
}

void print_status(Output& output, const Status& status) {
  output.print("{}: {}; version {} of the nodes' partition\n", describe_store(status.config),
               status.reachable ? "reachable" : "NOT REACHABLE", status.version);
  output.print("{:<20} {:<22} {:<9} {:<20} {:>9} {:>4} {:>8}  {}\n", "NODE", "ADDRESS", "RELEASE",
               "SINCE", "LAST BEAT", "LAG", "SESSIONS", "STATE");
  for (const SeenNode& node : status.nodes) {
    const std::string beat = fmt::format("{} s", seconds_ago(status, node.row.beat));
    output.print("{:<20} {:<22} {:<9} {:<20} {:>9} {:>4} {:>8}  {}\n", node.row.name,
                 node.row.address, node.row.release, utc_time(node.row.started), beat, node.lag,
                 node.row.sessions, node.alive ? "alive" : "gone");
  }
  if (!status.jobs.empty()) {
    output.print("{:<20} {:<22} {:>9} {:<20}\n", "JOB", "HELD BY", "BUCKETS", "SINCE");
  }
  for (const HeldJob& job : status.jobs) {
    output.print("{:<20} {:<22} {:>9} {:<20}\n", job.job, job.node, job.buckets,
                 utc_time(job.since));
  }
  if (!status.done.empty()) {
    output.print("{:<20} {:<22} {:>9} {:<20}\n", "JOB", "LAST DONE", "BUCKETS", "THE OLDEST");
  }
  for (const DoneJob& job : status.done) {
    output.print("{:<20} {:<22} {:>9} {:<20}\n", job.job, utc_time(job.latest), job.buckets,
                 utc_time(job.oldest));
  }
}

void print_status_json(Output& output, const Status& status) {
  std::string nodes;
  for (const SeenNode& node : status.nodes) {
    nodes += fmt::format(
        "{}{{\"name\":{},\"address\":{},\"release\":{},\"since\":{},\"beat_seconds_ago\":{},"
        "\"lag\":{},\"sessions\":{},\"alive\":{}}}",
        nodes.empty() ? "" : ",", json_string(node.row.name), json_string(node.row.address),
        json_string(node.row.release), json_string(utc_time(node.row.started)),
        seconds_ago(status, node.row.beat), node.lag, node.row.sessions, node.alive);
  }
  std::string jobs;
  for (const HeldJob& job : status.jobs) {
    jobs += fmt::format("{}{{\"job\":{},\"node\":{},\"buckets\":{},\"since\":{}}}",
                        jobs.empty() ? "" : ",", json_string(job.job), json_string(job.node),
                        job.buckets, json_string(utc_time(job.since)));
  }
  std::string done;
  for (const DoneJob& job : status.done) {
    done += fmt::format("{}{{\"job\":{},\"buckets\":{},\"latest\":{},\"oldest\":{}}}",
                        done.empty() ? "" : ",", json_string(job.job), job.buckets,
                        json_string(utc_time(job.latest)), json_string(utc_time(job.oldest)));
  }
  output.print(
      "{{\"engine\":{},\"index_pool\":{},\"blob_pool\":{},\"namespace\":{},\"reachable\":{},"
      "\"version\":{},\"nodes\":[{}],\"leases\":[{}],\"done\":[{}]}}\n",
      json_string(engine_name(status.config.engine)), json_string(status.config.rados.index_pool),
      json_string(status.config.rados.blob_pool), json_string(status.config.rados.name_space),
      status.reachable, status.version, nodes, jobs, done);
}

struct PartitionSize {
  engine::Version version = 0;
  uint64_t rows = 0;
  uint64_t octets = 0;
};

// One walk, not one version: a count for people.
Result<PartitionSize> size_of(engine::Engine& engine, PartitionId partition) {
  PartitionSize out;
  engine::Range range;
  for (bool more = true; more;) {
    const auto read = TRY(engine.read(partition, range));
    out.version = read.version;
    out.rows += read.rows.size();
    for (const engine::Row& row : read.rows) out.octets += row.key.size() + row.value.size();
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
  }
  return out;
}

std::string affinity_of(Node& node, AccountId account) {
  if (node.cluster() == nullptr) return "";
  const auto state = store::read_cluster(node.gate());
  if (!state) return "";
  std::vector<std::string_view> names;
  const auto nodes = seen_nodes(node, *state);
  for (const SeenNode& seen : nodes) {
    if (seen.alive) names.push_back(seen.row.name);
  }
  return std::string(store::rendezvous(names, store::bucket_of(account)));
}

int account_status(AdminContext& context, const ClusterStatus& command) {
  const auto who = context.resolve(command.account);
  if (!who) return context.failed(command.account, who.error());
  const auto size = size_of(context.node.gate(), who->partition());
  if (!size) return context.failed(command.account, size.error());
  const std::string affinity = affinity_of(context.node, who->id);
  if (command.json) {
    context.output.print(
        "{{\"name\":{},\"partition\":{},\"bucket\":{},\"affinity\":{},\"version\":{},\"rows\":{},"
        "\"bytes\":{}}}\n",
        json_string(who->login_name), who->partition().value, store::bucket_of(who->id),
        json_string(affinity), size->version, size->rows, size->octets);
    return 0;
  }
  context.output.print("{}: partition {}, version {}, {} rows, {} octets", who->login_name,
                       who->partition().value, size->version, size->rows, size->octets);
  if (!affinity.empty()) {
    context.output.print(", bucket {} at node {}", store::bucket_of(who->id), affinity);
  }
  context.output.print("\n");
  return 0;
}

}  // namespace

int run_cluster_status(AdminContext& context, const ClusterStatus& command) {
  if (!command.account.empty()) return account_status(context, command);
  Node& node = context.node;
  Status status{
      node.config(), node.gate().reachable(), 0, {}, {}, {}, node.world().clock.now().micros};
  Result<store::ClusterState> state = store::ClusterState();
  if (node.cluster() != nullptr) state = store::read_cluster(node.gate());
  if (state && node.cluster() != nullptr) {
    status.version = state->version;
    status.nodes = seen_nodes(node, *state);
    status.jobs = held_jobs(*state);
    status.done = done_jobs(*state);
  } else if (node.cluster() != nullptr) {
    // As they were when the storage was heard last.
    for (const store::NodeStatus& s : node.cluster()->nodes()) {
      status.nodes.push_back({s.row, s.alive, 0});
    }
  }
  status.reachable = status.reachable && state;
  if (command.json) {
    print_status_json(context.output, status);
  } else if (node.cluster() == nullptr) {
    context.output.print("{}: one process, no cluster\n", describe_store(node.config()));
  } else {
    print_status(context.output, status);
  }
  if (state) return 0;
  return context.failed("cluster status", state.error());
}

}  // namespace eilpost
