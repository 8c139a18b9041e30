#include "net/listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <future>

#include "base/check.h"
#include "base/log.h"
#include "net/connections_state.h"
#include "net/proxy.h"
#include "net/socket.h"
#include "net/stream_core.h"

namespace eilpost::net {

namespace {

const log::Source source{"net", ""};

// Connections accepted before the other work of the thread gets a turn.
constexpr int accepts_per_turn = 64;
// How long to leave the backlog alone when descriptors or memory ran out.
constexpr auto exhausted_pause = std::chrono::milliseconds(100);

constexpr auto stop_patience = std::chrono::seconds(5);

enum class Accepted { some, none, exhausted };

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(ListenerSettings s, IoPool& p, std::shared_ptr<Connections::State> c)
      : settings(std::move(s)),
        pool(p),
        connections(std::move(c)),
        executor(p.next()),
        stop(executor) {}

  ListenerSettings settings;
  IoPool& pool;
  std::shared_ptr<Connections::State> connections;  // shared with the tickets
  ConnectionHandler handler;
  Address local;
  Executor executor;
  Signal stop;
  Fd unstarted;                          // the listening socket until start() gives it to `socket`
  std::shared_ptr<Stream::Core> socket;  // shared with the readiness handler under way
  std::atomic<bool> started{false};
  std::atomic<bool> stopped{false};
  std::promise<void> ended;

  Accepted accept_some();
  void admit(Fd accepted, const Address& peer);
  void refuse(int accepted_fd) const;
  static Task<> run_accept(std::shared_ptr<State> state);
  static Task<> run_connection(std::shared_ptr<State> state, Stream stream,
                               std::shared_ptr<Connections::Ticket> ticket);
  static Task<bool> prepare(const State& state, Stream& stream, Connections::Ticket& ticket);
  static Task<Result<>> read_proxy(const State& state, Stream& stream, Connections::Ticket& ticket);
};

namespace {

// Reads until `octets` has `size` of them, and not one more.
Task<Result<>> read_exactly(Stream& stream, std::string& octets, size_t size, Deadline deadline) {
  while (octets.size() < size) {
    auto got = co_await stream.read_append(octets, size - octets.size(), deadline);
    CO_TRY(got);
  }
  co_return Result<>();
}

}  // namespace

Task<Result<>> Listener::State::read_proxy(const State& state, Stream& stream,
                                           Connections::Ticket& ticket) {
  Deadline deadline = after(std::chrono::seconds(state.settings.proxy_seconds));
  std::string octets;
  auto head = co_await read_exactly(stream, octets, proxy_header_bytes, deadline);
  CO_TRY(head);
  auto length = proxy_body_bytes(octets);
  CO_TRY(length);
  auto body = co_await read_exactly(stream, octets, proxy_header_bytes + *length, deadline);
  CO_TRY(body);
  auto header = parse_proxy(octets);
  CO_TRY(header);
  auto& core = *StreamInside::core(stream);
  if (header->source.kind != Address::Kind::none) {
    core.peer = header->source;
    core.local = header->destination;
  }
  core.private_before = !header->tls_version.empty();
  if (!header->local && !ticket.count_for(core.peer)) {
    co_return fail(Code::limit, "connections of one address");
  }
  co_return Result<>();
}

Task<bool> Listener::State::prepare(const State& state, Stream& stream,
                                    Connections::Ticket& ticket) {
  const auto& settings = state.settings;
  if (any_contains(settings.proxy_networks, stream.peer())) {
    auto proxied = co_await read_proxy(state, stream, ticket);
    if (!proxied) {
      source.info("PROXY header refused listener={} peer={} why=\"{}\"", settings.name,
                  stream.peer().to_string(), proxied.error().detail);
      bool limit = proxied.error().code == Code::limit;
      if (limit) state.refuse(StreamInside::core(stream)->fd());
      co_return false;
    }
  }
  if (!settings.tls) co_return true;
  TlsStart start;
  start.deadline = after(std::chrono::seconds(settings.handshake_seconds));
  auto secured = co_await stream.start_tls(settings.tls, std::move(start));
  if (!secured) {
    source.info("TLS handshake failed listener={} peer={} why=\"{}\"", settings.name,
                stream.peer().to_string(), secured.error().detail);
    co_return false;
  }
  co_return true;
}

// From accept to the end of the session. Its frame lives as long: what is only needed at the start
// is in prepare()'s.
Task<> Listener::State::run_connection(std::shared_ptr<State> state, Stream stream,
                                       std::shared_ptr<Connections::Ticket> ticket) {
  bool ready = co_await prepare(*state, stream, *ticket);
  if (!ready) co_return;
  auto session = state->handler(std::move(stream));
  co_await std::move(session);
}

void Listener::State::refuse(int accepted_fd) const {
  if (settings.refusal.empty() || settings.tls) return;
  // The socket is fresh and its buffer empty, so one call takes the line or nothing does.
  ssize_t sent = ::send(accepted_fd, settings.refusal.data(), settings.refusal.size(),
                        MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) ::shutdown(accepted_fd, SHUT_WR);
}

void Listener::State::admit(Fd accepted, const Address& peer) {
  bool proxied = any_contains(settings.proxy_networks, peer);
  auto ticket = Connections::Ticket::admit(connections, peer, !proxied);
  if (!ticket) {
    source.debug("connection refused by a limit listener={} peer={}", settings.name,
                 peer.to_string());
    refuse(accepted.get());
    return;
  }
  // run_connection() holds the ticket as well: a connection counts until its coroutine has ended.
  Executor home = pool.next();
  Address here = peer.is_ip() ? local_address_of(accepted.get()) : local;
  Stream stream(home, accepted.release(), peer, std::move(here));
  const auto& core = StreamInside::core(stream);
  core->ticket = ticket;
  ticket->set_core(core, home);
  spawn(home, run_connection(shared_from_this(), std::move(stream), std::move(ticket)));
}

Accepted Listener::State::accept_some() {
  for (int i = 0; i < accepts_per_turn; ++i) {
    SocketAddress raw;
    raw.length = sizeof raw.storage;
    Fd accepted(::accept4(socket->fd(), raw.get(), &raw.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
      admit(std::move(accepted), Address::from_sockaddr(raw.get(), raw.length));
      continue;
    }
    switch (errno) {
      case EAGAIN: return Accepted::none;
      // The peer was gone before we came, or the network had something to say about it.
      case EINTR:
      case ECONNABORTED:
      case EPROTO:
      case ENETDOWN:
      case EHOSTDOWN:
      case ENONET:
      case EHOSTUNREACH:
      case ENETUNREACH:
      case ENOPROTOOPT:
      case EPERM: continue;
      // EMFILE, ENFILE, ENOBUFS, ENOMEM; and whatever else would make the loop spin.
      default: return Accepted::exhausted;
    }
  }
  return Accepted::some;
}

Task<> Listener::State::run_accept(std::shared_ptr<State> state) {
  bool told = false;
  while (state->stop.pending() == 0) {
    Accepted accepted = state->accept_some();
    if (accepted == Accepted::exhausted) {
      if (!told)
        source.warn("out of descriptors or memory, pausing listener={} errno={}",
                    state->settings.name, errno);
      told = true;
      co_await state->stop.wait_until(after(exhausted_pause));
      continue;
    }
    told = false;
    if (accepted == Accepted::some) {
      co_await yield_now();
      continue;
    }
    auto* signal = SignalInside::state(state->stop);
    co_await wait_ready(*state->socket, Ready::read, signal, no_deadline);
  }
  state->socket->close();
  if (state->local.kind == Address::Kind::local) ::unlink(state->local.path.c_str());
  state->ended.set_value();
}

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}

Listener::~Listener() {
  stop();
}

Result<std::unique_ptr<Listener>> Listener::open(ListenerSettings settings, IoPool& pool,
                                                 Connections& connections) {
  Address address;
  if (!settings.address.empty() && settings.address.front() == '/') {
    address.kind = Address::Kind::local;
    address.path = settings.address;
  } else {
    address = TRY(Address::parse(settings.address, settings.port));
  }
  auto state = std::make_shared<State>(std::move(settings), pool, connections.state_);
  ListenOptions options{state->settings.backlog, state->settings.socket_mode};
  state->unstarted = TRY(listen_on(address, options));
  state->local = address.is_ip() ? local_address_of(state->unstarted.get()) : address;
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

void Listener::start(ConnectionHandler handler) {
  CHECK(!state_->started.exchange(true));
  state_->handler = std::move(handler);
  state_->socket = std::make_shared<Stream::Core>(state_->executor, state_->unstarted.release());
  spawn(state_->executor, State::run_accept(state_));
}

void Listener::stop() {
  if (state_->stopped.exchange(true)) return;
  if (!state_->started) {
    state_->unstarted = Fd();
    return;
  }
  state_->stop.notify();
  // The accept coroutine answers within a turn of its thread, unless the IoPool has stopped.
  if (state_->ended.get_future().wait_for(stop_patience) != std::future_status::ready) {
    source.warn("listener did not stop listener={}", state_->settings.name);
  }
}

const Address& Listener::local() const {
  return state_->local;
}

const std::string& Listener::name() const {
  return state_->settings.name;
}

}  // namespace eilpost::net
