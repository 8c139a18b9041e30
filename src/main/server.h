// The running server: listeners, jobs and control socket over a Node. `serve` and `demo` differ
// only in the Config they bring and in what is done before run(). Used by the main thread, whose
// signals (SIGTERM, SIGINT: stop; SIGHUP: reload) must be blocked in every thread: block_signals()
// first.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "main/certificates.h"
#include "main/config/config.h"
#include "main/node.h"
#include "net/connections.h"
#include "net/listener.h"
#include "net/tls.h"
#include "server/http/health.h"

namespace eilpost {

// Blocks the signals that Server::run waits for, in this thread and those it starts.
void block_signals();
// As many descriptors as the system allows this process.
void raise_descriptor_limit();

class Server {
 public:
  // Opens everything; nothing is accepted before run().
  static Result<std::unique_ptr<Server>> open(Config config);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Node& node() { return *node_; }
  // Starts to serve, calls `ready`, waits for a signal to stop, and drains. The exit code.
  int run(const std::function<void()>& ready);

 private:
  struct Parts;
  explicit Server(Config config);
  Result<> open_listeners();
  Result<> open_control();
  void start_jobs();
  Result<> open_listener(const ListenerConfig& listener);
  net::ConnectionHandler handler_of(const ListenerConfig& listener,
                                    const std::shared_ptr<net::TlsContext>& tls);
  void wait_for_stop();
  void reload();
  int drain();
  void beat();
  void end_what_is_dated();

  Config config_;
  std::unique_ptr<Node> node_;
  // Null without certificates; a listener that asks for other client certificates has one of its
  // own. Shared with listeners.
  Result<std::shared_ptr<net::TlsContext>> tls_for(const ListenerConfig& listener);
  std::vector<std::unique_ptr<Certificates>> certificates_;
  std::shared_ptr<net::TlsContext> tls_;
  Timestamp dates_seen_;  // up to when sessions were looked through; of the minute's job
  server::Readiness readiness_;
  net::Connections connections_;
  std::unique_ptr<Parts> parts_;
  struct Open {
    std::unique_ptr<net::Listener> listener;
    net::ConnectionHandler handler;
  };
  std::vector<Open> listeners_;
};

}  // namespace eilpost
