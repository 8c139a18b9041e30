#include "main/server.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "main/admin/admin.h"
#include "main/admin/client.h"
#include "server/access/audit_log.h"
#include "server/imap/session.h"
#include "server/jobs/indexer.h"
#include "server/jobs/jobs.h"
#include "server/lmtp/session.h"

namespace eilpost {

namespace {

const log::Source source{"main", ""};

constexpr std::chrono::seconds beat_every{5};
constexpr std::chrono::milliseconds drain_grace{10'000};
constexpr std::chrono::milliseconds drain_force{3'000};

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

std::string refusal_of(const ListenerConfig& listener) {
  switch (listener.protocol) {
    case Protocol::imap: return "* BYE [LIMIT] too many connections\r\n";
    case Protocol::lmtp: return "421 4.7.0 too many connections\r\n";
    case Protocol::imaps:
    case Protocol::http: break;
  }
  return "";
}

}  // namespace

// What runs beside the listeners.
struct Server::Parts {
  std::unique_ptr<Repeat> beats;  // null unless there are other nodes
  bool beat_failed = false;       // the last one
  std::unique_ptr<server::Jobs> jobs;
  std::unique_ptr<server::Indexer> indexer;  // null unless there are indexes
  std::unique_ptr<ControlServer> control;
};

void block_signals() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    source.warn("the limit of open files stays at {}", before);
  }
}

Server::Server(Config config)
    : config_(std::move(config)),
      connections_(
          {.total = config_.connections_max, .per_address = config_.connections_per_address_max}) {}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::open(Config config) {
  std::unique_ptr<Server> server(new Server(std::move(config)));
  if (!server->config_.tls.certificates.empty()) {
    server->tls_ = TRY(net::TlsContext::server(server->config_.tls));
    server->certificates_.push_back(
        std::make_unique<Certificates>(server->tls_, server->config_.tls));
  }
  server->node_ = TRY(Node::open(server->config_, NodeRole::server));
  server->parts_ = std::make_unique<Parts>();
  TRY(server->open_listeners());
  TRY(server->open_control());
  return server;
}

Result<> Server::open_listeners() {
  for (const ListenerConfig& listener : config_.listeners) {
    auto opened = open_listener(listener);
    if (!opened) return wrap(std::move(opened).error(), "listener " + listener.called());
  }
  return {};
}

Result<> Server::open_control() {
  ControlHandler handler = [node = node_.get()](const ControlRequest& request, Output& output) {
    return run_control_request(*node, request, output);
  };
  auto control = ControlServer::open(config_.data_dir, std::move(handler));
  if (!control) return wrap(std::move(control).error(), control_path(config_.data_dir));
  parts_->control = std::move(*control);
  return {};
}

void Server::start_jobs() {
  server::JobOptions options;
  options.every_minute = [this] {
    for (auto& files : certificates_) files->reload_if_due(SystemClock().now());
    end_what_is_dated();
  };
  options.purge_removed = [node = node_.get()] {
    const auto purged = purge_removed_accounts(*node);
    if (!purged) source.warn("removed accounts: {}", purged.error().detail);
  };
  parts_->jobs = std::make_unique<server::Jobs>(node_->world(), std::move(options));
  if (node_->world().indexes != nullptr) {
    server::IndexerOptions indexing;
    parts_->indexer = std::make_unique<server::Indexer>(node_->world(), indexing);
  }
}

Result<std::shared_ptr<net::TlsContext>> Server::tls_for(const ListenerConfig& listener) {
  if (listener.client_ca.empty() || !tls_) return tls_;
  net::TlsServerSettings settings = config_.tls;
  settings.client_ca_file = listener.client_ca;
  settings.client_crl_file = listener.client_crl;
  auto own = TRY(net::TlsContext::server(settings));
  certificates_.push_back(std::make_unique<Certificates>(own, std::move(settings)));
  return own;
}

Result<> Server::open_listener(const ListenerConfig& listener) {
  net::ListenerSettings settings;
  settings.name = listener.called();
  settings.address = listener.address;
  const int port = listener.port < 0 ? default_port(listener.protocol) : listener.port;
  settings.port = static_cast<uint16_t>(port);
  settings.socket_mode = listener.socket_mode;
  settings.proxy_networks = listener.proxy_networks;
  settings.refusal = refusal_of(listener);
  const auto tls = TRY(tls_for(listener));
  if (listener.protocol == Protocol::imaps) settings.tls = tls;
  auto opened = TRY(net::Listener::open(std::move(settings), node_->io(), connections_));
  listeners_.push_back({std::move(opened), handler_of(listener, tls)});
  return {};
}

net::ConnectionHandler Server::handler_of(const ListenerConfig& listener,
                                          const std::shared_ptr<net::TlsContext>& tls) {
  server::ListenerPolicy policy;
  policy.name = listener.called();
  policy.auth = listener.auth();
  server::ServerWorld& world = node_->world();
  switch (listener.protocol) {
    case Protocol::imap:
      if (listener.starttls) policy.starttls = tls;
      [[fallthrough]];
    case Protocol::imaps:
      return [&world, policy](net::Stream stream) {
        return server::imap_session(world, policy, std::move(stream));
      };
    case Protocol::lmtp:
      return [&world, policy](net::Stream stream) {
        return server::lmtp_session(world, policy, std::move(stream));
      };
    case Protocol::http: break;
  }
  return [handler = server::http_handler(world, readiness_)](net::Stream stream) {
    return net::serve_http(std::move(stream), handler);
  };
}

int Server::run(const std::function<void()>& ready) {
  for (Open& open : listeners_) {
    open.listener->start(open.handler);
    source.info("listening name={} address={}", open.listener->name(),
                open.listener->local().to_string());
  }
  if (node_->cluster() != nullptr) {
    parts_->beats = std::make_unique<Repeat>(beat_every, [this] { beat(); });
  }
  dates_seen_ = node_->world().clock.now();
  start_jobs();
  readiness_.set(true);
  ready();
  wait_for_stop();
  return drain();
}

// On a thread of the batch pool: a mechanism that has ended ends its sessions, too.
void Server::end_what_is_dated() {
  const Timestamp now = node_->world().clock.now();
  const Timestamp before = std::exchange(dates_seen_, now);
  if (!node_->world().settings.get()->policy.something_ends(before, now)) return;
  source.info("a mechanism has ended by policy: sessions are looked through");
  node_->world().sessions.recheck_policy();
}

// On the thread of beats. What goes wrong is logged when it begins and when it ends.
void Server::beat() {
  const auto done = node_->cluster()->beat(node_->world().sessions.count());
  if (parts_->beat_failed == !done) return;
  if (done) {
    source.info("the cluster knows of this node again");
  } else {
    source.error("the cluster does not know of this node: {}", done.error().detail);
  }
  parts_->beat_failed = !done;
}

void Server::wait_for_stop() {
  const sigset_t set = stop_signals();
  for (;;) {
    int signal = 0;
    if (::sigwait(&set, &signal) != 0) continue;
    if (signal != SIGHUP) {
      source.info("stopping signal={}", signal == SIGINT ? "INT" : "TERM");
      return;
    }
    reload();
  }
}

void Server::reload() {
  for (auto& files : certificates_) files->reload(SystemClock().now());
  if (const auto reopened = log::reopen(); !reopened) {
    source.error("log: {}", reopened.error().detail);
  }
  if (const auto reopened = node_->world().audit->reopen(); !reopened) {
    source.error("audit: {}", reopened.error().detail);
  }
  if (config_.file.empty()) return;
  auto read = read_config(config_.file);
  if (!read) {
    source.error("not reloaded: {}", read.error().detail);
    return;
  }
  for (const ConfigProblem& problem : read->problems) {
    source.error("not reloaded: {}", print_problem(config_.file, problem));
  }
  if (!read->problems.empty()) return;
  connections_.set_limits({.total = read->config.connections_max,
                           .per_address = read->config.connections_per_address_max});
  node_->apply(read->config);
  node_->world().sessions.recheck_policy();
  source.info("reloaded file={}", config_.file);
}

// Listeners, sessions, followers, pools, engine (design 6).
int Server::drain() {
  readiness_.set(false);
  for (Open& open : listeners_) open.listener->stop();
  parts_->control->stop();
  const size_t left = connections_.drain(drain_grace, drain_force);
  parts_->beats.reset();
  parts_.reset();
  if (node_->cluster() != nullptr && node_->gate().reachable()) {
    const auto gone = node_->cluster()->leave();
    if (!gone) source.warn("the cluster was not told: {}", gone.error().detail);
  }
  node_->stop();
  if (left != 0) {
    // Their coroutines still refer to what would be destroyed: everything durable is closed, so
    // the process ends here.
    source.warn("ending with {} connections that did not stop", left);
    std::_Exit(0);
  }
  listeners_.clear();
  source.info("stopped");
  return 0;
}

}  // namespace eilpost
