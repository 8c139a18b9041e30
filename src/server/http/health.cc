#include "server/http/health.h"

namespace eilpost::server {

namespace {

void sample_pool(Metrics& metrics, const net::DiskPool& pool) {
  metrics.gauge("eilpost_pool_queued", "jobs that wait for a thread", {{"pool", pool.name()}})
      .set(static_cast<double>(pool.queued()));
  metrics.gauge("eilpost_pool_running", "threads at work", {{"pool", pool.name()}})
      .set(static_cast<double>(pool.running()));
}

net::HttpResponse health(const ServerWorld& world, const Readiness& readiness) {
  net::HttpResponse response;
  const bool reachable = world.engine.reachable();
  response.status = readiness.ready() && reachable ? 200 : 503;
  if (response.status == 200) {
    response.body = "ready\n";
  } else {
    response.body = reachable ? "not ready\n" : "not ready: the storage does not answer\n";
  }
  return response;
}

void sample_cluster(Metrics& metrics, const store::Cluster& cluster) {
  std::map<std::string, double> nodes{{"alive", 0}, {"silent", 0}};
  for (const store::NodeStatus& node : cluster.nodes()) nodes[node.alive ? "alive" : "silent"] += 1;
  for (const auto& [state, count] : nodes) {
    metrics.gauge("eilpost_cluster_nodes", "nodes, as this one sees them", {{"state", state}})
        .set(count);
  }
}

void sample_guessing(Metrics& metrics, const directory::FailureDelays::Counts& counts) {
  const auto set = [&](const char* what, size_t count) {
    metrics
        .gauge("eilpost_guessing", "accounts, sources and known devices with wrong passwords",
               {{"of", what}})
        .set(static_cast<double>(count));
  };
  set("account", counts.accounts);
  set("source", counts.sources);
  set("device", counts.devices);
  metrics.gauge("eilpost_known_device_accounts", "accounts of which devices are known")
      .set(static_cast<double>(counts.known));
  metrics.gauge("eilpost_wrong_passwords", "wrong passwords since the start")
      .set(static_cast<double>(counts.failures));
  metrics.gauge("eilpost_wrong_passwords_repeated", "of them such as were wrong before")
      .set(static_cast<double>(counts.repeats));
  metrics.gauge("eilpost_guesses_refused", "attempts refused since too many were waiting")
      .set(static_cast<double>(counts.refused));
}

}  // namespace

void sample_gauges(ServerWorld& world) {
  Metrics& metrics = world.metrics;
  std::map<std::string, double> sessions{{"imap", 0}, {"lmtp", 0}};
  for (const SessionInfo& session : world.sessions.list()) sessions[session.protocol] += 1;
  for (const auto& [protocol, count] : sessions) {
    metrics.gauge("eilpost_sessions", "sessions that are connected", {{"protocol", protocol}})
        .set(count);
  }
  for (const net::DiskPool* pool :
       {&world.disk, &world.directory_pool, &world.hashing, &world.batch}) {
    sample_pool(metrics, *pool);
  }
  metrics.gauge("eilpost_engine_reachable", "1 while the storage answers")
      .set(world.engine.reachable() ? 1 : 0);
  sample_guessing(metrics, world.authenticator.delays().counts());
  if (world.cluster != nullptr) sample_cluster(metrics, *world.cluster);
  metrics.gauge("eilpost_store_cache_bytes", "memory that accounts in use hold")
      .set(static_cast<double>(world.store.memory_bytes()));
}

net::HttpHandler http_handler(ServerWorld& world, const Readiness& readiness) {
  return [&world, &readiness](const net::HttpRequest& request) {
    if (request.path == "/health" || request.path == "/") return health(world, readiness);
    net::HttpResponse response;
    if (request.path == "/live") {
      response.body = "alive\n";
      return response;
    }
    if (request.path == "/metrics") {
      sample_gauges(world);
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      response.body = world.metrics.text();
      return response;
    }
    response.status = 404;
    response.body = "not found: this port answers /health, /live and /metrics\n";
    return response;
  };
}

}  // namespace eilpost::server
