#include "protocol/sasl/pac.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace eilpost::sasl {
namespace {

using namespace std::string_literals;

// S-1-5-21-1-2-3 in binary.
const std::string domain = "\x01\x04\0\0\0\0\0\x05\x15\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0"s;

// KERB_VALIDATION_INFO as NDR writes it (MS-PAC 2.5, MS-RPCE 2.2.6), member by member.
class Info {
 public:
  std::string print() {
    out_ = std::string("\x01\x10\x08\0\xcc\xcc\xcc\xcc", 8) + std::string(8, '\0');
    u32(0x20000);
    out_ += std::string(48, '\x7f');  // six times
    for (const auto* text : {"anna", "", "logon.cmd", "", "", ""}) string_head(text);
    u32(7);     // LogonCount, BadPasswordCount
    u32(1102);  // UserId
    u32(513);
    u32(2);  // GroupCount
    u32(0x20100);
    u32(0x20);
    out_ += std::string(16, '\0');
    string_head("DC1");
    string_head("LAB");
    u32(0x20200);  // LogonDomainId
    out_ += std::string(40 + 20, '\0');
    for (const auto* text : {"anna", "logon.cmd"}) characters(text);
    align();
    u32(2);  // groups
    for (const uint32_t id : {513U, 7U, 1104U, 7U}) u32(id);
    characters("DC1");
    characters("LAB");
    align();
    u32(4);
    return out_ + domain;
  }

 private:
  void u32(uint32_t value) { put_u32le(out_, value); }
  void align() { out_.resize((out_.size() + 3) / 4 * 4); }
  void string_head(std::string_view text) {
    const auto octets = static_cast<uint32_t>(2 * text.size());
    u32(octets << 16 | octets);
    u32(text.empty() ? 0 : 0x20004);
  }
  void characters(std::string_view text) {
    align();
    u32(static_cast<uint32_t>(text.size()));
    u32(0);
    u32(static_cast<uint32_t>(text.size()));
    for (const char c : text) out_ += {c, '\0'};
  }
  std::string out_;
};

TEST(Pac, TheAccountsSid) {
  const auto sid = account_sid(Info().print());
  ASSERT_TRUE(sid.has_value()) << sid.error().detail;
  EXPECT_EQ(*sid, "S-1-5-21-1-2-3-1102");
}

TEST(Pac, CutShort) {
  const auto whole = Info().print();
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(account_sid(whole.substr(0, length)).has_value()) << length;
  }
}

TEST(Pac, Sids) {
  EXPECT_EQ(print_sid(domain), "S-1-5-21-1-2-3");
  EXPECT_EQ(print_sid("\x01\x01\0\0\0\0\0\x05\x12\0\0\0"s), "S-1-5-18");
  EXPECT_FALSE(print_sid(domain + "x").has_value());
  EXPECT_FALSE(print_sid("\x02\x01\0\0\0\0\0\x05\x12\0\0\0"s).has_value());
  EXPECT_FALSE(print_sid("").has_value());
}

}  // namespace
}  // namespace eilpost::sasl
