// The HTTP listener's handler: /health for load balancers, /live for supervisors, /metrics for
// Prometheus.
// For addresses that only operators reach. Answers at once, from memory; any thread.
#pragma once

#include <atomic>

#include "net/http.h"
#include "server/world.h"

namespace eilpost::server {

// Whether the server takes connections: set by main when all listeners are open, cleared when it
// drains. Thread safe.
class Readiness {
 public:
  void set(bool ready) { ready_.store(ready); }
  bool ready() const { return ready_.load(); }

 private:
  std::atomic<bool> ready_{false};
};

// /health: 200 "ready", or 503 "not ready" also while the storage does not answer; /live: 200 as
// long as the process serves this port; /metrics: text format 0.0.4. Both arguments outlive the
// handler.
net::HttpHandler http_handler(ServerWorld& world, const Readiness& readiness);

// Brings the gauges that nobody updates by himself up to date: sessions, queues, memory.
void sample_gauges(ServerWorld& world);

}  // namespace eilpost::server
