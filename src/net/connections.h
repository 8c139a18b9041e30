// Who is connected: counts and limits over all listeners, and the graceful stop. A connection is
// counted from accept to the destruction of its Stream. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "base/limits.h"
#include "net/address.h"
#include "net/stream.h"

namespace eilpost::net {

struct ConnectionLimits {
  size_t total = limits::connections_max;
  size_t per_address = limits::connections_per_address_max;  // see Address::limit_key()
};

class Connections {
 public:
  struct State;
  // Counts one connection while it lives.
  class Ticket;

  explicit Connections(ConnectionLimits limits = {});
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  void set_limits(ConnectionLimits limits);
  size_t count() const;
  size_t count(const Address& peer) const;

  // Graceful stop, after the listeners have stopped: signals every session that called
  // Stream::on_stop, blocks up to `grace` for them to end, then breaks the other connections and
  // waits up to `force` for their coroutines. Returns how many are left. Not on an IoPool's thread.
  size_t drain(std::chrono::milliseconds grace, std::chrono::milliseconds force);

 private:
  friend class Listener;
  std::shared_ptr<State> state_;  // shared with the tickets inside the streams
};

}  // namespace eilpost::net
