// The inside of Connections: the tickets that connections hold. Thread safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "net/connections.h"

namespace eilpost::net {

struct Connections::State {
  std::mutex mutex;
  std::condition_variable ended;
  ConnectionLimits limits;
  bool draining = false;
  std::unordered_map<std::string, size_t> by_address;  // by limit_key(), counts > 0
  std::unordered_set<Ticket*> tickets;

  // Counts one more from `peer`; false at its limit. Needs the mutex.
  bool count_address(const std::string& key);
  void uncount_address(const std::string& key);
};

class Connections::Ticket {
 public:
  // Null when a limit is reached or the server drains. `counts_address` false: the peer is a
  // trusted balancer, and count_for() comes later with the real client.
  static std::shared_ptr<Ticket> admit(const std::shared_ptr<State>& state, const Address& peer,
                                       bool counts_address);
  Ticket(std::shared_ptr<State> state, std::string key);
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  // False when the limit of `peer` is reached.
  bool count_for(const Address& peer);
  void set_core(const std::shared_ptr<Stream::Core>& core, Executor executor);
  void set_stop(Signal::Handle handle, uint32_t reasons);

 private:
  friend class Connections;
  std::shared_ptr<State> state_;  // shared with the Connections, which may go first
  std::string key_;
  // Under the mutex of state_:
  std::weak_ptr<Stream::Core> core_;
  Executor executor_;
  Signal::Handle stop_;
  uint32_t stop_reasons_ = 0;
};

}  // namespace eilpost::net
