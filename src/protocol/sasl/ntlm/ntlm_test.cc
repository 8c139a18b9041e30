// NTLM against MS-NLMP's own figures (4.2.4), and against those who take something out.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/ntlm/message.h"
#include "protocol/sasl/ntlm/server.h"

namespace eilpost::sasl {
namespace {

using namespace std::string_literals;

std::string hex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

// User "User" of "Domain" with "Password"; MS-NLMP 4.2.4.1 to 4.2.4.2.
const std::string ntowf = hex("0c868a403bfd7a93a3001ef22ef02e3f");
const std::string server_challenge = hex("0123456789abcdef");
const std::string session_base_key = hex("8de40ccadbc14a82f15cb0ad0de95ca3");

// NTLMv2_CLIENT_CHALLENGE with these attributes.
std::string client_challenge(const ntlm::AvPairs& pairs) {
  return "\x01\x01"s + std::string(6 + 8, '\0') + std::string(8, '\xaa') + std::string(4, '\0') +
         ntlm::print_av_pairs(pairs);
}

TEST(Ntlm, Figures) {
  const auto temp = client_challenge({{ntlm::av_domain, ntlm::utf16("Domain")},
                                      {ntlm::av_computer, ntlm::utf16("Server")}}) +
                    std::string(4, '\0');
  const auto proof = hmac_md5(ntowf, server_challenge + temp);
  EXPECT_EQ(proof, hex("68cd0ab851e51c96aabc927bebef6a1c"));
  EXPECT_EQ(hmac_md5(ntowf, proof), session_base_key);
  EXPECT_EQ(rc4(session_base_key, std::string(16, '\x55')),
            hex("c5dad2544fc9799094ce1ce90bc9d03e"));
}

TEST(Ntlm, Texts) {
  EXPECT_EQ(ntlm::utf16("a\xc3\xa4\xf0\x9f\x98\x80"), "a\0\xe4\0\x3d\xd8\x00\xde"s);
  EXPECT_EQ(*ntlm::utf8(ntlm::utf16("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80")),
            "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(ntlm::utf16("\xff"), "\xfd\xff"s);
  for (const auto& bad : {"a"s, "\x00\xd8"s, "\x00\xdc"s, "\0\0"s,
                          "\x00\xd8"s
                          "a\0"s}) {
    EXPECT_FALSE(ntlm::utf8(bad).has_value());
  }
}

TEST(Ntlm, MessagesBothWays) {
  const ntlm::Negotiate first{.flags = 0xe2088297};
  EXPECT_EQ(*ntlm::parse_negotiate(ntlm::print_negotiate(first)), first);
  const ntlm::ChallengeMessage second{.flags = 1,
                                      .target = "LAB",
                                      .challenge = server_challenge,
                                      .info = {{ntlm::av_domain, "x"}, {ntlm::av_flags, ""}}};
  EXPECT_EQ(*ntlm::parse_challenge(ntlm::print_challenge(second)), second);
  ntlm::Authenticate third{.flags = ntlm::flag_unicode,
                           .lm_response = std::string(24, 'l'),
                           .nt_response = "nt",
                           .domain = "LAB",
                           .user = "anna",
                           .workstation = "PC",
                           .session_key = std::string(16, 'k'),
                           .mic = std::string(16, 'm')};
  EXPECT_EQ(*ntlm::parse_authenticate(ntlm::print_authenticate(third)), third);
  third.mic.clear();
  EXPECT_EQ(*ntlm::parse_authenticate(ntlm::print_authenticate(third)), third);
  auto cut = ntlm::print_authenticate(third);
  cut.pop_back();
  EXPECT_FALSE(ntlm::parse_authenticate(cut).has_value());
}

struct Play {
  bool mic = true;
  bool with_flag = true;
  std::string bound_to;    // by the client
  std::string server_end;  // what the server has
  bool require_binding = false;
  bool require_mic = true;
  std::string base_key = session_base_key;  // what winbind says
  bool change_flags = false;                // somebody in between
};

Code play(const Play& game) {
  NtlmServer server({.target = {.domain = "LAB",
                                .computer = "IMAP",
                                .server_end_point = game.server_end,
                                .time = 1,
                                .require_mic = game.require_mic,
                                .require_binding = game.require_binding},
                     .challenge = server_challenge});
  auto first = ntlm::print_negotiate({.flags = ntlm::flag_unicode | ntlm::flag_key_exchange});
  auto step = server.start(first);
  const auto* challenge = std::get_if<Challenge>(&step);
  if (challenge == nullptr) return Code::invalid;
  const std::string second = challenge->octets;
  ntlm::AvPairs pairs;
  if (game.with_flag) pairs.push_back({ntlm::av_flags, "\x02\0\0\0"s});
  if (!game.bound_to.empty()) {
    pairs.push_back({ntlm::av_channel_bindings, ntlm_channel_binding(game.bound_to)});
  }
  const std::string exported(16, '\x55');
  ntlm::Authenticate third{.flags = ntlm::flag_unicode | ntlm::flag_key_exchange,
                           .nt_response = std::string(16, 'p') + client_challenge(pairs),
                           .domain = "LAB",
                           .user = "anna",
                           .session_key = rc4(session_base_key, exported)};
  if (game.mic) {
    third.mic = std::string(16, '\0');
    third.mic = hmac_md5(exported, first + second + ntlm::print_authenticate(third));
  }
  if (game.change_flags) third.flags |= ntlm::flag_sign;
  step = server.step(ntlm::print_authenticate(third));
  if (std::holds_alternative<NeedLookup>(step)) {
    step = server.resume(NtlmReply{.name = "anna", .session_base_key = game.base_key});
  }
  if (const auto* failed = std::get_if<Failure>(&step)) return failed->error.code;
  return std::holds_alternative<Success>(step) ? Code::internal : Code::invalid;
}

constexpr Code success = Code::internal;

TEST(NtlmServer, MessageIntegrityCode) {
  EXPECT_EQ(play({}), success);
  EXPECT_EQ(play({.change_flags = true}), Code::auth_failed);
  EXPECT_EQ(play({.mic = false}), Code::auth_failed);
  EXPECT_EQ(play({.mic = false, .with_flag = false}), Code::auth_failed);
  EXPECT_EQ(play({.mic = false, .with_flag = false, .require_mic = false}), success);
  EXPECT_EQ(play({.base_key = std::string(16, 'x')}), Code::auth_failed);
  EXPECT_EQ(play({.base_key = ""}), Code::unavailable);
}

TEST(NtlmServer, ChannelBinding) {
  EXPECT_EQ(play({.bound_to = "hash", .server_end = "hash"}), success);
  EXPECT_EQ(play({.bound_to = "other", .server_end = "hash"}), Code::auth_failed);
  EXPECT_EQ(play({.server_end = "hash"}), success);
  EXPECT_EQ(play({.server_end = "hash", .require_binding = true}), Code::auth_failed);
  EXPECT_EQ(play({.bound_to = "hash", .server_end = "hash", .require_binding = true}), success);
}

TEST(NtlmServer, VersionOneIsRefused) {
  NtlmServer server({.target = {.domain = "LAB"}, .challenge = server_challenge});
  (void)server.start(ntlm::print_negotiate({.flags = ntlm::flag_unicode}));
  const auto step = server.step(ntlm::print_authenticate(
      {.flags = ntlm::flag_unicode, .nt_response = std::string(24, 'n'), .user = "anna"}));
  ASSERT_TRUE(std::holds_alternative<Failure>(step));
  EXPECT_EQ(std::get<Failure>(step).error.code, Code::auth_failed);
}

}  // namespace
}  // namespace eilpost::sasl
