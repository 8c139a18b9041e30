// Network addresses as values: an IPv4 or IPv6 address with a port, or a Unix socket's path; and
// networks in CIDR notation. IPv4-mapped IPv6 addresses are turned into IPv4 ones, so that a peer
// has one address however it came. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr;

namespace eilpost::net {

struct Address {
  enum class Kind : uint8_t { none, ipv4, ipv6, local };

  Kind kind = Kind::none;
  std::array<uint8_t, 16> octets{};  // network order; IPv4 uses the first four
  uint16_t port = 0;
  std::string path;  // of a Unix socket; empty for its unnamed end

  static Address ipv4(std::array<uint8_t, 4> octets, uint16_t port);
  static Address ipv6(const std::array<uint8_t, 16>& octets, uint16_t port);
  // "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", without a port. Code::invalid otherwise.
  static Result<Address> parse(std::string_view text, uint16_t port);
  // Of a sockaddr of any size; other families give Kind::none.
  static Address from_sockaddr(const sockaddr* address, size_t length);

  bool is_ip() const { return kind == Kind::ipv4 || kind == Kind::ipv6; }
  bool is_loopback() const;
  // "192.0.2.1", "2001:db8::1", "local" for a Unix socket, "-" for none.
  std::string host() const;
  // "192.0.2.1:143", "[2001:db8::1]:143", "local:PATH".
  std::string to_string() const;
  // Peers with the same key share the limit per address: an IPv4 address or an IPv6 /64. Empty
  // for what is not an IP address.
  std::string limit_key() const;

  friend bool operator==(const Address&, const Address&) = default;
};

struct Network {
  Address base;
  int prefix_bits = 0;

  // "192.0.2.0/24", "2001:db8::/32" or one address. Code::invalid otherwise.
  static Result<Network> parse(std::string_view text);
  // False for other families.
  bool contains(const Address& address) const;

  friend bool operator==(const Network&, const Network&) = default;
};

bool any_contains(const std::vector<Network>& networks, const Address& address);

}  // namespace eilpost::net
