// The server's recurring work, as two coroutines: the store's tick each second; purging and log
// trimming of all accounts, the sweep of orphaned blobs, dropping what caches hold too much of, and
// what main asks for (certificates, removed accounts). Where several nodes share the engine, each
// account's work is done by one of them. Started and stopped by main's thread.
#pragma once

#include <array>
#include <functional>
#include <future>

#include "net/signal.h"
#include "server/world.h"

namespace eilpost::server {

struct JobOptions {
  std::chrono::seconds maintain_every{3600};
  std::chrono::seconds sweep_every{24 * 3600};
  std::chrono::seconds minute{60};  // shedding and `every_minute`
  // Run on the batch pool; may block for a moment. Empty: nothing.
  std::function<void()> every_minute;
  // Removes the mail of removed accounts; as often as maintenance, on one node.
  std::function<void()> purge_removed;
};

class Jobs {
 public:
  Jobs(ServerWorld& world, JobOptions options);
  // stop().
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;
  // Waits for the step that runs. Not on an IoPool's thread.
  void stop();

 private:
  struct State;
  static net::Task<> run(std::shared_ptr<State> state);
  static net::Task<> tick(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the coroutines
  std::array<net::Signal::Handle, 2> handles_;
  std::future<void> ended_;
  std::future<void> ticks_ended_;
};

}  // namespace eilpost::server
