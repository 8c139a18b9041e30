#include "net/connect.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "net/socket.h"
#include "net/stream_core.h"

namespace eilpost::net {

namespace asio = boost::asio;

namespace {

// What the resolver's callback leaves; shared, because a deadline may end the wait before it.
struct Lookup {
  boost::system::error_code error;
  std::vector<Address> addresses;
};

Task<Result<std::vector<Address>>> resolve(std::string host, uint16_t port, Deadline deadline) {
  std::vector<Address> addresses;
  if (auto literal = Address::parse(host, port)) {
    addresses.push_back(*literal);
    co_return addresses;
  }
  auto executor = co_await this_executor();
  auto lookup = std::make_shared<Lookup>();
  Signal answered(executor);
  asio::ip::tcp::resolver resolver(executor);
  resolver.async_resolve(
      host, std::to_string(port),
      [lookup, handle = answered.handle()](boost::system::error_code error,
                                           const asio::ip::tcp::resolver::results_type& results) {
        lookup->error = error;
        for (const auto& entry : results) {
          const auto endpoint = entry.endpoint();
          lookup->addresses.push_back(Address::from_sockaddr(endpoint.data(), endpoint.size()));
        }
        handle.notify();
      });
  bool in_time = co_await answered.wait_until(deadline);
  if (!in_time) co_return fail(Code::timeout, "resolving " + host);
  if (lookup->error || lookup->addresses.empty()) {
    co_return fail(Code::not_found, host + ": " + lookup->error.message());
  }
  addresses = std::move(lookup->addresses);
  co_return addresses;
}

Task<Result<Stream>> connect_one(Address address, Deadline deadline) {
  auto raw = to_sockaddr(address);
  CO_TRY(raw);
  auto fd = open_socket(raw->storage.ss_family);
  CO_TRY(fd);
  if (address.is_ip()) set_tcp_options(fd->get());
  int raw_fd = fd->get();
  bool pending = ::connect(raw_fd, raw->get(), raw->length) != 0;
  int error = pending ? errno : 0;
  auto executor = co_await this_executor();
  Stream stream(executor, fd->release(), address, Address());
  if (error == EINPROGRESS) {
    auto& core = *StreamInside::core(stream);
    auto outcome = co_await wait_ready(core, Ready::write, nullptr, deadline);
    if (outcome == Outcome::timeout) co_return fail(Code::timeout, "connecting");
    socklen_t length = sizeof error;
    ::getsockopt(raw_fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  if (error != 0) {
    // ECONNRESET: it was accepted, and reset before we looked.
    co_return fail(error == ECONNRESET ? Code::closed : Code::unavailable,
                   fmt::format("{}: {}", address.to_string(), std::strerror(error)));
  }
  StreamInside::core(stream)->local = local_address_of(raw_fd);
  co_return stream;
}

Task<Result<Stream>> secure(Stream stream, std::string host, ConnectOptions options) {
  if (options.tls) {
    TlsStart start;
    start.deadline = options.deadline;
    start.server_name = options.server_name.empty() ? host : options.server_name;
    auto secured = co_await stream.start_tls(options.tls, std::move(start));
    CO_TRY(secured);
  }
  co_return stream;
}

}  // namespace

Task<Result<Stream>> connect_tcp(std::string host, uint16_t port, ConnectOptions options) {
  auto addresses = co_await resolve(host, port, options.deadline);
  CO_TRY(addresses);
  Error last;
  for (const auto& address : *addresses) {
    auto stream = co_await connect_one(address, options.deadline);
    if (!stream) {
      last = std::move(stream).error();
      continue;
    }
    auto secured = co_await secure(std::move(*stream), host, options);
    co_return secured;
  }
  co_return tl::unexpected(std::move(last));
}

Task<Result<Stream>> connect_unix(std::string path, ConnectOptions options) {
  Address address;
  address.kind = Address::Kind::local;
  address.path = std::move(path);
  auto stream = co_await connect_one(std::move(address), options.deadline);
  CO_TRY(stream);
  auto secured = co_await secure(std::move(*stream), "", std::move(options));
  co_return secured;
}

}  // namespace eilpost::net
