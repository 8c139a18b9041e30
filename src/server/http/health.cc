#include "server/http/health.h"

namespace eilpost::server {

namespace {

void sample_pool(Metrics& metrics, const net::DiskPool& pool) {
  metrics.gauge("eilpost_pool_queued", "jobs that wait for a thread", {{"pool", pool.name()}})
      .set(static_cast<double>(pool.queued()));
  metrics.gauge("eilpost_pool_running", "threads at work", {{"pool", pool.name()}})
      .set(static_cast<double>(pool.running()));
}

net::HttpResponse health(const Readiness& readiness) {
  net::HttpResponse response;
  response.status = readiness.ready() ? 200 : 503;
  response.body = readiness.ready() ? "ready\n" : "not ready\n";
  return response;
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
  metrics.gauge("eilpost_store_cache_bytes", "memory that accounts in use hold")
      .set(static_cast<double>(world.store.memory_bytes()));
}

net::HttpHandler http_handler(ServerWorld& world, const Readiness& readiness) {
  return [&world, &readiness](const net::HttpRequest& request) {
    if (request.path == "/health" || request.path == "/") return health(readiness);
    net::HttpResponse response;
    if (request.path == "/metrics") {
      sample_gauges(world);
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      response.body = world.metrics.text();
      return response;
    }
    response.status = 404;
    response.body = "not found: this port answers /health and /metrics\n";
    return response;
  };
}

}  // namespace eilpost::server
