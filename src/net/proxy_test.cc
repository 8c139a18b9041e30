#include "net/proxy.h"

#include <gtest/gtest.h>

namespace eilpost::net {
namespace {

// A header written by hand after section 2.2 of the specification: PROXY, TCP over IPv4,
// 192.0.2.7:51234 to 198.51.100.1:993.
std::string tcp4_header() {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += std::string("\x21\x11\x00\x0c", 4);
  header += std::string("\xc0\x00\x02\x07\xc6\x33\x64\x01", 8);
  header += std::string("\xc8\x22\x03\xe1", 4);
  return header;
}

TEST(Proxy, ReadsIpv4) {
  std::string octets = tcp4_header() + "a1 NOOP\r\n";
  auto header = parse_proxy(octets);
  ASSERT_TRUE(header.has_value()) << header.error().detail;
  EXPECT_FALSE(header->local);
  EXPECT_EQ(header->source.to_string(), "192.0.2.7:51234");
  EXPECT_EQ(header->destination.to_string(), "198.51.100.1:993");
  EXPECT_EQ(header->size, 28U);
  EXPECT_EQ(header->tls_version, "");
}

TEST(Proxy, RoundTrip) {
  ProxyHeader header;
  header.source = *Address::parse("2001:db8::7", 40000);
  header.destination = *Address::parse("2001:db8::1", 993);
  header.authority = "mail.example.org";
  header.tls_version = "TLSv1.3";
  auto again = parse_proxy(print_proxy(header));
  ASSERT_TRUE(again.has_value()) << again.error().detail;
  EXPECT_EQ(again->source, header.source);
  EXPECT_EQ(again->destination, header.destination);
  EXPECT_EQ(again->authority, header.authority);
  EXPECT_EQ(again->tls_version, header.tls_version);
}

TEST(Proxy, LocalCommandHasNoAddresses) {
  std::string octets = tcp4_header();
  octets[12] = '\x20';
  auto header = parse_proxy(octets);
  ASSERT_TRUE(header.has_value());
  EXPECT_TRUE(header->local);
  EXPECT_EQ(header->source.kind, Address::Kind::none);
}

TEST(Proxy, UnknownFamilyIsAcceptedWithoutAddresses) {
  std::string octets = tcp4_header();
  octets[13] = '\x42';
  auto header = parse_proxy(octets);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->source.kind, Address::Kind::none);
}

TEST(Proxy, RefusesTheRest) {
  std::string version1 = "PROXY TCP4 192.0.2.7 198.51.100.1 51234 993\r\n";
  EXPECT_EQ(parse_proxy(version1).error().code, Code::invalid);
  std::string octets = tcp4_header();
  for (size_t cut = 0; cut < octets.size(); ++cut) {
    EXPECT_FALSE(parse_proxy(octets.substr(0, cut)).has_value()) << cut;
  }
  std::string short_block = octets;
  short_block[15] = '\x0b';
  EXPECT_FALSE(parse_proxy(short_block).has_value());
  std::string bad_command = octets;
  bad_command[12] = '\x22';
  EXPECT_FALSE(parse_proxy(bad_command).has_value());
  std::string huge = octets;
  huge[14] = '\x7f';
  EXPECT_EQ(proxy_body_bytes(huge).error().code, Code::too_big);
  std::string bad_tlv = octets + std::string("\x02\x00\x09x", 4);
  bad_tlv[15] = '\x10';
  EXPECT_FALSE(parse_proxy(bad_tlv).has_value());
}

}  // namespace
}  // namespace eilpost::net
