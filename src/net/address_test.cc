#include "net/address.h"

#include <gtest/gtest.h>

namespace eilpost::net {
namespace {

Address parsed(std::string_view text, uint16_t port = 0) {
  auto address = Address::parse(text, port);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(Address());
}

TEST(Address, PrintsWhatItParses) {
  EXPECT_EQ(parsed("192.0.2.1", 143).to_string(), "192.0.2.1:143");
  EXPECT_EQ(parsed("2001:db8::1", 993).to_string(), "[2001:db8::1]:993");
  EXPECT_EQ(parsed("[2001:db8::1]", 993).host(), "2001:db8::1");
  EXPECT_FALSE(Address::parse("mail.example.org", 1).has_value());
  EXPECT_FALSE(Address::parse("", 1).has_value());
}

TEST(Address, MappedIpv6IsIpv4) {
  EXPECT_EQ(parsed("::ffff:192.0.2.1", 7), parsed("192.0.2.1", 7));
}

TEST(Address, LimitKeyIsTheSubscriber) {
  EXPECT_EQ(parsed("2001:db8::1").limit_key(), parsed("2001:db8::ffff").limit_key());
  EXPECT_NE(parsed("2001:db8::1").limit_key(), parsed("2001:db8:0:1::1").limit_key());
  EXPECT_NE(parsed("192.0.2.1").limit_key(), parsed("192.0.2.2").limit_key());
  EXPECT_EQ(Address().limit_key(), "");
}

TEST(Address, Loopback) {
  EXPECT_TRUE(parsed("127.3.2.1").is_loopback());
  EXPECT_TRUE(parsed("::1").is_loopback());
  EXPECT_FALSE(parsed("192.0.2.1").is_loopback());
  EXPECT_FALSE(parsed("2001:db8::1").is_loopback());
}

TEST(Network, ContainsByPrefix) {
  struct Case {
    const char* network;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {"192.0.2.0/24", "192.0.2.255", true},      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.128/25", "192.0.2.127", false},   {"192.0.2.128/25", "192.0.2.129", true},
      {"0.0.0.0/0", "203.0.113.9", true},         {"0.0.0.0/0", "::1", false},
      {"192.0.2.1", "192.0.2.1", true},           {"192.0.2.1", "192.0.2.2", false},
      {"2001:db8::/33", "2001:db8:7fff::", true}, {"2001:db8::/33", "2001:db8:8000::", false},
  };
  for (const auto& c : cases) {
    auto network = Network::parse(c.network);
    ASSERT_TRUE(network.has_value()) << c.network;
    EXPECT_EQ(network->contains(parsed(c.address)), c.inside) << c.network << " " << c.address;
  }
  for (const char* bad : {"192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/8x", "x/8", "/8"}) {
    EXPECT_FALSE(Network::parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace eilpost::net
