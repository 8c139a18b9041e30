#include "main/admin/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <mutex>
#include <thread>

#include "base/bytes.h"
#include "base/log.h"
#include "net/socket.h"

namespace eilpost {

namespace {

const log::Source source{"control", ""};

constexpr size_t request_bytes_max = 1024 * 1024;
constexpr size_t requests_max = 16;  // at a time
constexpr uint8_t format = 1;
// Frames of an answer: a kind octet, a length (u32le), octets.
constexpr uint8_t frame_out = 0;
constexpr uint8_t frame_err = 1;
constexpr uint8_t frame_exit = 2;  // one octet: the exit code
constexpr size_t frame_bytes_max = 1024 * 1024;

Result<> write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t n = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("control socket", errno);
    octets.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<std::string> read_exactly(int fd, size_t count) {
  std::string out(count, '\0');
  for (size_t at = 0; at < count;) {
    const ssize_t n = ::recv(fd, out.data() + at, count - at, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("control socket", errno);
    if (n == 0) return fail(Code::closed, "the control connection was closed");
    at += static_cast<size_t>(n);
  }
  return out;
}

Result<> write_frame(int fd, uint8_t kind, std::string_view octets) {
  std::string head;
  put_u8(head, kind);
  put_u32le(head, static_cast<uint32_t>(octets.size()));
  TRY(write_all(fd, head));
  return write_all(fd, octets);
}

// Octets with their length in front, in both directions of a request.
Result<std::string> read_block(int fd, size_t bytes_max) {
  const std::string head = TRY(read_exactly(fd, 4));
  const uint32_t length = load_u32le(head);
  if (length > bytes_max) return fail(Code::too_big, "a control message is too long");
  return read_exactly(fd, length);
}

// A socket's path may have 107 octets only; through a descriptor of its directory any will do.
struct SocketPath {
  net::Fd directory;
  net::Address address;
};
Result<SocketPath> socket_path(const std::string& data_dir) {
  SocketPath out;
  out.directory = net::Fd(::open(data_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.directory) return fail_errno(data_dir, errno);
  out.address.kind = net::Address::Kind::local;
  out.address.path = control_path("/proc/self/fd/" + std::to_string(out.directory.get()));
  return out;
}

void make_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

// The file's mode guards the socket already; this guards against a directory that was opened up.
bool may_connect(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

std::string control_path(const std::string& data_dir) {
  return data_dir + "/control.sock";
}

std::string print_request(const ControlRequest& request) {
  std::string out;
  put_u8(out, format);
  put_varint(out, request.arguments.size());
  for (const std::string& argument : request.arguments) put_bytes(out, argument);
  put_bytes(out, request.directory);
  put_bytes(out, request.password);
  put_u8(out, request.terminal ? 1 : 0);
  put_varint(out, static_cast<uint64_t>(std::max(request.columns, 0)));
  return out;
}

Result<ControlRequest> parse_request(std::string_view octets) {
  Reader reader(octets);
  if (TRY(reader.u8()) != format) {
    return fail(Code::invalid, "the command is of another release than the server");
  }
  ControlRequest out;
  const uint64_t count = TRY(reader.varint());
  for (uint64_t i = 0; i < count; ++i) out.arguments.emplace_back(TRY(reader.bytes()));
  out.directory = TRY(reader.bytes());
  out.password = TRY(reader.bytes());
  out.terminal = TRY(reader.u8()) != 0;
  out.columns = static_cast<int>(std::min<uint64_t>(TRY(reader.varint()), 10'000));
  return out;
}

struct ControlServer::State {
  net::Fd listening;
  std::string path;
  ControlHandler handler;
  std::thread acceptor;
  std::mutex mutex;
  std::list<std::thread> workers;
  std::vector<std::thread::id> finished;
  std::vector<int> open;  // descriptors of requests under way
  bool stopping = false;

  void accept_all();
  void accept_one();
  void serve(int fd);
  void join_finished();
};

// Runs one request on its own thread.
void ControlServer::State::serve(int fd) {
  auto octets = read_block(fd, request_bytes_max);
  auto request = octets ? parse_request(*octets) : tl::unexpected(octets.error());
  if (!request) {
    source.warn("bad request: {}", request.error().detail);
    (void)write_frame(fd, frame_err, request.error().detail + "\n");
    (void)write_frame(fd, frame_exit, std::string_view("\1", 1));
    return;
  }
  Output output;
  output.terminal = request->terminal;
  output.columns = request->columns;
  output.left = [fd] {
    char octet = 0;
    return ::recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  };
  output.write = [fd](Channel channel, std::string_view text) {
    const uint8_t kind = channel == Channel::out ? frame_out : frame_err;
    for (size_t at = 0; at < text.size(); at += frame_bytes_max) {
      if (!write_frame(fd, kind, text.substr(at, frame_bytes_max))) return false;
    }
    return true;
  };
  const int code = handler(*request, output);
  const char exit_code = static_cast<char>(code);
  (void)write_frame(fd, frame_exit, std::string_view(&exit_code, 1));
}

void ControlServer::State::join_finished() {
  std::lock_guard lock(mutex);
  for (const std::thread::id id : finished) {
    const auto at = std::find_if(workers.begin(), workers.end(),
                                 [&](const std::thread& t) { return t.get_id() == id; });
    if (at == workers.end()) continue;
    at->join();
    workers.erase(at);
  }
  finished.clear();
}

void ControlServer::State::accept_one() {
  net::Fd fd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) return;
  join_finished();
  make_blocking(fd.get());
  std::lock_guard lock(mutex);
  if (stopping || workers.size() >= requests_max || !may_connect(fd.get())) return;
  const int raw = fd.release();
  open.push_back(raw);
  workers.emplace_back([this, raw] {
    serve(raw);
    std::lock_guard inner(mutex);
    open.erase(std::find(open.begin(), open.end(), raw));
    ::close(raw);
    finished.push_back(std::this_thread::get_id());
  });
}

void ControlServer::State::accept_all() {
  for (;;) {
    pollfd wait{listening.get(), POLLIN, 0};
    // The time bounds how long stop() takes to be seen.
    const int ready = ::poll(&wait, 1, 200);
    {
      std::lock_guard lock(mutex);
      if (stopping) return;
    }
    if (ready > 0) accept_one();
  }
}

ControlServer::ControlServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::string& data_dir,
                                                           ControlHandler handler) {
  auto state = std::make_shared<State>();
  state->path = control_path(data_dir);
  state->handler = std::move(handler);
  const SocketPath path = TRY(socket_path(data_dir));
  state->listening = TRY(net::listen_on(path.address, {.backlog = 16, .socket_mode = 0600}));
  state->acceptor = std::thread([raw = state.get()] { raw->accept_all(); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

void ControlServer::stop() {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->stopping = true;
    // They see that nobody listens any more, and end at their next step.
    for (const int fd : state_->open) ::shutdown(fd, SHUT_RDWR);
  }
  state_->acceptor.join();
  for (std::thread& worker : state_->workers) worker.join();
  ::unlink(state_->path.c_str());
}

ControlServer::~ControlServer() {
  stop();
}

Result<int> control_call(const std::string& data_dir, const ControlRequest& request,
                         Output& output) {
  const auto path = socket_path(data_dir);
  if (!path) return fail(Code::not_found, path.error().detail);
  const net::SocketAddress target = TRY(net::to_sockaddr(path->address));
  net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("control socket", errno);
  if (::connect(fd.get(), target.get(), target.length) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
      return fail(Code::not_found, "no server runs on " + data_dir);
    }
    return fail_errno(control_path(data_dir), errno);
  }
  std::string block;
  put_u32le(block, 0);
  block += print_request(request);
  std::string length;
  put_u32le(length, static_cast<uint32_t>(block.size() - 4));
  block.replace(0, 4, length);
  TRY(write_all(fd.get(), block));
  for (;;) {
    const std::string kind = TRY(read_exactly(fd.get(), 1));
    const std::string octets = TRY(read_block(fd.get(), frame_bytes_max));
    switch (static_cast<uint8_t>(kind[0])) {
      case frame_out: output.put(Channel::out, octets); break;
      case frame_err: output.put(Channel::err, octets); break;
      case frame_exit:
        if (octets.size() != 1) return fail(Code::invalid, "a bad answer of the server");
        return static_cast<int>(static_cast<uint8_t>(octets[0]));
      default: return fail(Code::invalid, "a bad answer of the server");
    }
  }
}

}  // namespace eilpost
