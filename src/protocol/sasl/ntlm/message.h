// NTLM's three messages (MS-NLMP 2.2.1), both ways, and the attributes in them. Texts are UTF-8
// here and UTF-16 on the wire. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::sasl::ntlm {

// NegotiateFlags (MS-NLMP 2.2.2.5).
inline constexpr uint32_t flag_unicode = 0x00000001;
inline constexpr uint32_t flag_request_target = 0x00000004;
inline constexpr uint32_t flag_sign = 0x00000010;
inline constexpr uint32_t flag_ntlm = 0x00000200;
inline constexpr uint32_t flag_always_sign = 0x00008000;
inline constexpr uint32_t flag_target_domain = 0x00010000;
inline constexpr uint32_t flag_extended_security = 0x00080000;
inline constexpr uint32_t flag_target_info = 0x00800000;
inline constexpr uint32_t flag_128 = 0x20000000;
inline constexpr uint32_t flag_key_exchange = 0x40000000;
inline constexpr uint32_t flag_56 = 0x80000000;

// AV_PAIR (MS-NLMP 2.2.2.1).
enum AvId : uint16_t {
  av_end = 0,
  av_computer = 1,
  av_domain = 2,
  av_dns_computer = 3,
  av_dns_domain = 4,
  av_flags = 6,
  av_timestamp = 7,
  av_target_name = 9,
  av_channel_bindings = 10,
};
inline constexpr uint32_t av_flag_mic = 2;

struct AvPair {
  uint16_t id = 0;
  std::string value;
  friend bool operator==(const AvPair&, const AvPair&) = default;
};
using AvPairs = std::vector<AvPair>;  // without the one that ends them
Result<AvPairs> parse_av_pairs(std::string_view octets);
std::string print_av_pairs(const AvPairs& pairs);
std::optional<std::string_view> find_av(const AvPairs& pairs, uint16_t id);

struct Negotiate {
  uint32_t flags = 0;
  friend bool operator==(const Negotiate&, const Negotiate&) = default;
};
// What a client tells of its domain and workstation is passed over.
Result<Negotiate> parse_negotiate(std::string_view octets);
std::string print_negotiate(const Negotiate& message);

struct ChallengeMessage {
  uint32_t flags = 0;
  std::string target;
  std::string challenge;  // 8 octets
  AvPairs info;
  friend bool operator==(const ChallengeMessage&, const ChallengeMessage&) = default;
};
Result<ChallengeMessage> parse_challenge(std::string_view octets);
std::string print_challenge(const ChallengeMessage& message);

struct Authenticate {
  uint32_t flags = 0;
  std::string lm_response;
  std::string nt_response;
  std::string domain;
  std::string user;
  std::string workstation;
  std::string session_key;  // encrypted; 16 octets, or empty
  std::string mic;          // 16 octets, where the message has room for it
  friend bool operator==(const Authenticate&, const Authenticate&) = default;
};
Result<Authenticate> parse_authenticate(std::string_view octets);
std::string print_authenticate(const Authenticate& message);
// Where the MIC stands in the message; for the sum over the rest (MS-NLMP 3.1.5.1.2).
inline constexpr size_t mic_offset = 72;
inline constexpr size_t mic_octets = 16;

// NTLMv2_CLIENT_CHALLENGE within an NTLMv2 response (MS-NLMP 2.2.2.8): the attributes that the
// proof protects. Code::invalid for what is no NTLMv2 response, such as one of NTLMv1.
Result<AvPairs> response_attributes(std::string_view nt_response);

std::string utf16(std::string_view utf8);
Result<std::string> utf8(std::string_view utf16le);

}  // namespace eilpost::sasl::ntlm
