#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace eilpost::net {

namespace {

constexpr std::array<uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Address Address::ipv4(std::array<uint8_t, 4> octets, uint16_t port) {
  Address address;
  address.kind = Kind::ipv4;
  std::copy(octets.begin(), octets.end(), address.octets.begin());
  address.port = port;
  return address;
}

Address Address::ipv6(const std::array<uint8_t, 16>& octets, uint16_t port) {
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets.begin())) {
    return ipv4({octets[12], octets[13], octets[14], octets[15]}, port);
  }
  Address address;
  address.kind = Kind::ipv6;
  address.octets = octets;
  address.port = port;
  return address;
}

Result<Address> Address::parse(std::string_view text, uint16_t port) {
  std::string host(text);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::array<uint8_t, 4> four{};
  if (inet_pton(AF_INET, host.c_str(), four.data()) == 1) return ipv4(four, port);
  std::array<uint8_t, 16> sixteen{};
  if (inet_pton(AF_INET6, host.c_str(), sixteen.data()) == 1) return ipv6(sixteen, port);
  return fail(Code::invalid, fmt::format("\"{}\" is not an IP address", text));
}

Address Address::from_sockaddr(const sockaddr* address, size_t length) {
  if (length < sizeof(sa_family_t)) return {};
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    std::array<uint8_t, 4> octets{};
    std::memcpy(octets.data(), &in.sin_addr, octets.size());
    return ipv4(octets, ntohs(in.sin_port));
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::array<uint8_t, 16> octets{};
    std::memcpy(octets.data(), &in.sin6_addr, octets.size());
    return ipv6(octets, ntohs(in.sin6_port));
  }
  if (address->sa_family == AF_UNIX) {
    Address local;
    local.kind = Kind::local;
    size_t offset = offsetof(sockaddr_un, sun_path);
    if (length > offset) {
      const char* path = reinterpret_cast<const char*>(address) + offset;
      local.path.assign(path, strnlen(path, length - offset));
    }
    return local;
  }
  return {};
}

bool Address::is_loopback() const {
  if (kind == Kind::ipv4) return octets[0] == 127;
  if (kind == Kind::local) return true;
  if (kind != Kind::ipv6) return false;
  return octets[15] == 1 &&
         std::all_of(octets.begin(), octets.begin() + 15, [](uint8_t o) { return o == 0; });
}

std::string Address::host() const {
  if (kind == Kind::none) return "-";
  if (kind == Kind::local) return "local";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(kind == Kind::ipv4 ? AF_INET : AF_INET6, octets.data(), text.data(), text.size());
  return text.data();
}

std::string Address::to_string() const {
  if (kind == Kind::ipv4) return fmt::format("{}:{}", host(), port);
  if (kind == Kind::ipv6) return fmt::format("[{}]:{}", host(), port);
  if (kind == Kind::local) return "local:" + path;
  return "-";
}

std::string Address::limit_key() const {
  if (!is_ip()) return {};
  // A subscriber owns a whole IPv6 /64 and can take any address in it (RFC 6177).
  size_t length = kind == Kind::ipv4 ? 4 : 8;
  return {reinterpret_cast<const char*>(octets.data()), length};
}

Result<Network> Network::parse(std::string_view text) {
  size_t slash = text.find('/');
  auto base = TRY(Address::parse(text.substr(0, slash), 0));
  int width = base.kind == Address::Kind::ipv4 ? 32 : 128;
  Network network{base, width};
  if (slash == std::string_view::npos) return network;
  std::string_view bits = text.substr(slash + 1);
  auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), network.prefix_bits);
  bool whole = error == std::errc() && end == bits.data() + bits.size();
  if (!whole || network.prefix_bits < 0 || network.prefix_bits > width) {
    return fail(Code::invalid, fmt::format("\"{}\" has a bad prefix length", text));
  }
  return network;
}

bool Network::contains(const Address& address) const {
  if (!address.is_ip() || address.kind != base.kind) return false;
  int whole = prefix_bits / 8;
  if (!std::equal(base.octets.begin(), base.octets.begin() + whole, address.octets.begin())) {
    return false;
  }
  int rest = prefix_bits % 8;
  if (rest == 0) return true;
  int mask = 0xff00 >> rest & 0xff;
  return ((base.octets[whole] ^ address.octets[whole]) & mask) == 0;
}

bool any_contains(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

}  // namespace eilpost::net
