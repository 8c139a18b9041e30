// Listens on one TCP address or Unix socket and hands every connection to a handler, as a coroutine
// on one of the IoPool's executors, after limits, PROXY header and (implicit TLS) handshake. When
// descriptors run out it pauses and goes on. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "net/address.h"
#include "net/connections.h"
#include "net/io_pool.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/tls.h"

namespace eilpost::net {

struct ListenerSettings {
  std::string name;  // for the log: "imaps"
  // "127.0.0.1", "::" (both families), or, when it begins with "/", the path of a Unix socket,
  // which replaces a stale one.
  std::string address;
  uint16_t port = 0;  // 0: the kernel chooses, see Listener::local()
  int backlog = 1024;
  int socket_mode = 0660;  // of a Unix socket

  // Implicit TLS: the handshake is done before the handler runs.
  std::shared_ptr<TlsContext> tls;
  int handshake_seconds = limits::tls_handshake_seconds;

  // Connections from these networks must begin with a PROXY v2 header; others must not (and what
  // they send is passed on as it is). Empty: no PROXY protocol.
  std::vector<Network> proxy_networks;
  int proxy_seconds = 5;

  // Written before the close when a limit refuses a connection (not under implicit TLS).
  std::string refusal;
};

using ConnectionHandler = std::function<Task<>(Stream)>;

class Listener {
 public:
  // Binds and listens; nothing is accepted before start(). `pool` and `connections` must outlive
  // it.
  static Result<std::unique_ptr<Listener>> open(ListenerSettings settings, IoPool& pool,
                                                Connections& connections);
  // stop().
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Calls handler(stream) for each connection, on the connection's executor. What it captures must
  // outlive the connections; a handler that is itself a lambda coroutine must not capture.
  void start(ConnectionHandler handler);
  // Closes the listening socket; connections that exist go on. Idempotent; not on an IoPool's
  // thread.
  void stop();
  // Where it listens, with the port the kernel chose.
  const Address& local() const;
  const std::string& name() const;

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the accept coroutine and the connections' start
};

}  // namespace eilpost::net
