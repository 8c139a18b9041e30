#include "net/proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace eilpost::net {

namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);

// Section 2.2: the address families and protocols that are understood; TCP and Unix streams.
enum Family : uint8_t { unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31 };
enum Command : uint8_t { command_local = 0x20, command_proxy = 0x21 };
enum Tlv : uint8_t { tlv_authority = 0x02, tlv_ssl = 0x20, tlv_ssl_version = 0x21 };

constexpr size_t unix_path_bytes = 108;
constexpr size_t ssl_fixed_bytes = 5;  // client flags and verify result in front of the sub-TLVs
constexpr uint8_t client_ssl = 0x01;

template <size_t N>
std::array<uint8_t, N> octets_of(std::string_view text) {
  std::array<uint8_t, N> octets{};
  std::memcpy(octets.data(), text.data(), N);
  return octets;
}

template <size_t N, class Make>
Result<> read_ip_block(Reader& reader, ProxyHeader& header, Make make) {
  auto source = TRY(reader.take(N));
  auto destination = TRY(reader.take(N));
  auto source_port = TRY(reader.u16be());
  auto destination_port = TRY(reader.u16be());
  header.source = make(octets_of<N>(source), source_port);
  header.destination = make(octets_of<N>(destination), destination_port);
  return {};
}

Address local_address(std::string_view field) {
  Address address;
  address.kind = Address::Kind::local;
  address.path = field.substr(0, std::min(field.find('\0'), field.size()));
  return address;
}

Result<> read_addresses(uint8_t family, Reader& reader, ProxyHeader& header) {
  switch (family) {
    case tcp4: return read_ip_block<4>(reader, header, Address::ipv4);
    case tcp6: return read_ip_block<16>(reader, header, Address::ipv6);
    case unix_stream: {
      header.source = local_address(TRY(reader.take(unix_path_bytes)));
      header.destination = local_address(TRY(reader.take(unix_path_bytes)));
      return {};
    }
    default: return {};  // section 2.2: an unknown family is accepted, its block is ignored
  }
}

Result<> read_ssl(std::string_view value, ProxyHeader& header) {
  Reader reader(value);
  auto fixed = TRY(reader.take(ssl_fixed_bytes));
  if ((static_cast<uint8_t>(fixed[0]) & client_ssl) == 0) return {};
  header.tls_version = "TLS";
  while (!reader.done()) {
    auto type = TRY(reader.u8());
    auto length = TRY(reader.u16be());
    auto field = TRY(reader.take(length));
    if (type == tlv_ssl_version && !field.empty()) header.tls_version = field;
  }
  return {};
}

Result<> read_tlvs(Reader& reader, ProxyHeader& header) {
  while (!reader.done()) {
    auto type = TRY(reader.u8());
    auto length = TRY(reader.u16be());
    auto value = TRY(reader.take(length));
    if (type == tlv_authority) header.authority = value;
    if (type == tlv_ssl) TRY(read_ssl(value, header));
  }
  return {};
}

Result<> read_body(uint8_t family, std::string_view body, ProxyHeader& header) {
  Reader reader(body);
  TRY(read_addresses(family, reader, header));
  bool known = family == tcp4 || family == tcp6 || family == unix_stream;
  if (known) TRY(read_tlvs(reader, header));
  return {};
}

void put_tlv(std::string& out, uint8_t type, std::string_view value) {
  put_u8(out, type);
  put_u16be(out, static_cast<uint16_t>(value.size()));
  out += value;
}

void put_ip(std::string& out, const Address& address, bool as_ipv6) {
  if (as_ipv6 && address.kind == Address::Kind::ipv4) {
    out.append(10, '\0').append(2, '\xff');
  }
  size_t width = address.kind == Address::Kind::ipv6 ? 16 : 4;
  out.append(reinterpret_cast<const char*>(address.octets.data()), width);
}

void put_path(std::string& out, std::string_view path) {
  std::string field(path.substr(0, unix_path_bytes));
  field.resize(unix_path_bytes, '\0');
  out += field;
}

uint8_t family_of(const ProxyHeader& header) {
  auto is = [&](Address::Kind kind) {
    return header.source.kind == kind && header.destination.kind == kind;
  };
  if (is(Address::Kind::local)) return unix_stream;
  if (is(Address::Kind::ipv4)) return tcp4;
  if (header.source.is_ip() && header.destination.is_ip()) return tcp6;
  return unspecified;
}

}  // namespace

Result<size_t> proxy_body_bytes(std::string_view head) {
  if (head.size() < proxy_header_bytes) return fail(Code::invalid, "short PROXY header");
  if (head.substr(0, signature.size()) != signature) {
    return fail(Code::invalid, "no PROXY version 2 signature");
  }
  auto command = static_cast<uint8_t>(head[12]);
  if (command != command_local && command != command_proxy) {
    return fail(Code::invalid, fmt::format("PROXY version and command {:#04x}", command));
  }
  size_t length = static_cast<uint8_t>(head[14]) << 8 | static_cast<uint8_t>(head[15]);
  if (length > proxy_body_bytes_max) return fail(Code::too_big, "PROXY header too long");
  return length;
}

Result<ProxyHeader> parse_proxy(std::string_view octets) {
  size_t length = TRY(proxy_body_bytes(octets));
  if (octets.size() - proxy_header_bytes < length) {
    return fail(Code::invalid, "PROXY header cut short");
  }
  ProxyHeader header;
  header.size = proxy_header_bytes + length;
  header.local = static_cast<uint8_t>(octets[12]) == command_local;
  if (header.local) return header;  // section 2.2: the receiver must ignore the block
  auto read = read_body(static_cast<uint8_t>(octets[13]), octets.substr(proxy_header_bytes, length),
                        header);
  if (!read) return fail(Code::invalid, "PROXY header with a bad address block or TLV");
  return header;
}

std::string print_proxy(const ProxyHeader& header) {
  uint8_t family = header.local ? static_cast<uint8_t>(unspecified) : family_of(header);
  std::string body;
  if (family == tcp4 || family == tcp6) {
    put_ip(body, header.source, family == tcp6);
    put_ip(body, header.destination, family == tcp6);
    put_u16be(body, header.source.port);
    put_u16be(body, header.destination.port);
  } else if (family == unix_stream) {
    put_path(body, header.source.path);
    put_path(body, header.destination.path);
  }
  if (family != unspecified) {
    if (!header.authority.empty()) put_tlv(body, tlv_authority, header.authority);
    if (!header.tls_version.empty()) {
      std::string ssl(1, static_cast<char>(client_ssl));
      ssl.append(4, '\0');
      put_tlv(ssl, tlv_ssl_version, header.tls_version);
      put_tlv(body, tlv_ssl, ssl);
    }
  }
  std::string out(signature);
  put_u8(out, header.local ? command_local : command_proxy);
  put_u8(out, family);
  put_u16be(out, static_cast<uint16_t>(body.size()));
  return out + body;
}

}  // namespace eilpost::net
