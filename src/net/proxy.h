// The PROXY protocol, version 2 (haproxy's proxy-protocol.txt): a load balancer tells the real ends
// of a connection in a binary header in front of everything else. Version 1 (text) is refused. Pure
// bytes and values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace eilpost::net {

// The fixed part, and the most that an address block with its TLVs may have.
inline constexpr size_t proxy_header_bytes = 16;
inline constexpr size_t proxy_body_bytes_max = 4096;

struct ProxyHeader {
  bool local = false;  // LOCAL: the balancer itself (a health check); the socket's addresses hold
  Address source;      // Kind::none when `local` or of an unknown family
  Address destination;
  std::string authority;    // PP2_TYPE_AUTHORITY: the SNI name the client gave; may be empty
  std::string tls_version;  // PP2_TYPE_SSL: not empty when the client used TLS to the balancer
  size_t size = 0;          // octets of the whole header
};

// How many octets follow the fixed part `head` (proxy_header_bytes octets). Code::invalid when this
// is not a version 2 header, Code::too_big beyond the limit.
Result<size_t> proxy_body_bytes(std::string_view head);
// The header at the front of `octets`; Code::invalid when malformed or cut.
Result<ProxyHeader> parse_proxy(std::string_view octets);
// What parse_proxy() reads; for tests and for the client side.
std::string print_proxy(const ProxyHeader& header);

}  // namespace eilpost::net
