// Sockets as owned descriptors and the system calls around them, without Asio: what listener.cc and
// connect.cc share. Every descriptor is nonblocking and close-on-exec. Any thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <utility>

#include "base/result.h"
#include "net/address.h"

namespace eilpost::net {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A sockaddr of any of our families with its length.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Code::invalid for Kind::none and for a path that is too long.
Result<SocketAddress> to_sockaddr(const Address& address);
Result<Fd> open_socket(int family);
Address local_address_of(int fd);
// TCP_NODELAY and keepalive, which accepted sockets inherit from the listening one.
void set_tcp_options(int fd);

// A listening socket; a stale Unix socket's file is replaced, one that is served is Code::in_use.
struct ListenOptions {
  int backlog = 0;
  int socket_mode = 0;
};
Result<Fd> listen_on(const Address& address, const ListenOptions& options);

}  // namespace eilpost::net
