#include "net/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eilpost::net {

namespace {

// A peer that has gone without a word is noticed after 120 + 5 * 30 s; the probes also keep the
// entries of address translators alive.
constexpr int keepalive_idle_seconds = 120;
constexpr int keepalive_interval_seconds = 30;
constexpr int keepalive_probes = 5;

void set_int(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

// Whether the file at the path is a socket that nobody listens on.
bool stale_socket(const SocketAddress& address) {
  auto probe = open_socket(AF_UNIX);
  if (!probe) return false;
  return ::connect(probe->get(), address.get(), address.length) != 0 && errno == ECONNREFUSED;
}

Result<> bind_local(int fd, const Address& address, const SocketAddress& raw, int mode) {
  if (stale_socket(raw)) ::unlink(address.path.c_str());
  // Nobody may connect between bind() and chmod(): the socket does not listen yet.
  if (::bind(fd, raw.get(), raw.length) != 0) {
    if (errno == EADDRINUSE) return fail(Code::in_use, address.to_string() + " is in use");
    return fail_errno(address.to_string(), errno);
  }
  if (::chmod(address.path.c_str(), static_cast<mode_t>(mode)) != 0) {
    return fail_errno(address.to_string(), errno);
  }
  return {};
}

Result<> bind_ip(int fd, const Address& address, const SocketAddress& raw) {
  set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  // "::" serves both families (peers with mapped addresses count as IPv4), whatever the system's
  // default is.
  if (address.kind == Address::Kind::ipv6) set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_tcp_options(fd);
  if (::bind(fd, raw.get(), raw.length) != 0) {
    if (errno == EADDRINUSE) return fail(Code::in_use, address.to_string() + " is in use");
    return fail_errno(address.to_string(), errno);
  }
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<SocketAddress> to_sockaddr(const Address& address) {
  SocketAddress result;
  switch (address.kind) {
    case Address::Kind::ipv4: {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_port = htons(address.port);
      std::memcpy(&in.sin_addr, address.octets.data(), sizeof in.sin_addr);
      std::memcpy(&result.storage, &in, sizeof in);
      result.length = sizeof in;
      return result;
    }
    case Address::Kind::ipv6: {
      sockaddr_in6 in{};
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(address.port);
      std::memcpy(&in.sin6_addr, address.octets.data(), sizeof in.sin6_addr);
      std::memcpy(&result.storage, &in, sizeof in);
      result.length = sizeof in;
      return result;
    }
    case Address::Kind::local: {
      sockaddr_un un{};
      un.sun_family = AF_UNIX;
      if (address.path.empty() || address.path.size() >= sizeof un.sun_path) {
        return fail(Code::invalid, "socket path empty or too long: " + address.path);
      }
      std::copy(address.path.begin(), address.path.end(), un.sun_path);
      std::memcpy(&result.storage, &un, sizeof un);
      result.length = sizeof un;
      return result;
    }
    case Address::Kind::none: break;
  }
  return fail(Code::invalid, "no address");
}

Result<Fd> open_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket", errno);
  return fd;
}

Address local_address_of(int fd) {
  SocketAddress raw;
  raw.length = sizeof raw.storage;
  if (::getsockname(fd, raw.get(), &raw.length) != 0) return {};
  return Address::from_sockaddr(raw.get(), raw.length);
}

void set_tcp_options(int fd) {
  set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_seconds);
  set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_seconds);
  set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
}

Result<Fd> listen_on(const Address& address, const ListenOptions& options) {
  auto raw = TRY(to_sockaddr(address));
  auto fd = TRY(open_socket(raw.storage.ss_family));
  if (address.kind == Address::Kind::local) {
    TRY(bind_local(fd.get(), address, raw, options.socket_mode));
  } else {
    TRY(bind_ip(fd.get(), address, raw));
  }
  if (::listen(fd.get(), options.backlog) != 0) return fail_errno(address.to_string(), errno);
  return fd;
}

}  // namespace eilpost::net
