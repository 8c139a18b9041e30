#include "protocol/sasl/ntlm/message.h"

#include "base/bytes.h"
#include "protocol/sasl/base64.h"

namespace eilpost::sasl::ntlm {

namespace {
constexpr std::string_view signature{"NTLMSSP\0", 8};
constexpr size_t version_octets = 8;
constexpr size_t proof_octets = 16;
constexpr size_t fixed_challenge_octets = 28;  // of NTLMv2_CLIENT_CHALLENGE, up to its attributes
constexpr size_t negotiate_octets = 16 + 16;   // with empty fields for domain and workstation
constexpr size_t challenge_octets = 48;
constexpr size_t authenticate_octets = 64;
constexpr size_t pairs_max = 64;

void put_u16le(std::string& out, size_t value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>(value >> 8 & 0xff);
}

uint16_t load_u16le(std::string_view at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(at[0]) | static_cast<uint8_t>(at[1]) << 8);
}

// A message with the signature, of this type, and at least so long.
Result<> expect(std::string_view octets, uint32_t type, size_t length) {
  if (octets.size() > message_octets_max) return fail(Code::too_big, "NTLM: message too long");
  if (octets.size() < length || octets.substr(0, 8) != signature ||
      load_u32le(octets.substr(8)) != type) {
    return fail(Code::invalid, "NTLM: not the message that is due");
  }
  return {};
}

// Len, MaxLen, BufferOffset: what they point at.
Result<std::string> field(std::string_view octets, size_t at) {
  const size_t length = load_u16le(octets.substr(at));
  const size_t offset = load_u32le(octets.substr(at + 4));
  if (length == 0) return std::string();
  if (offset > octets.size() || length > octets.size() - offset) {
    return fail(Code::invalid, "NTLM: a field beyond the message");
  }
  return std::string(octets.substr(offset, length));
}

// The fixed part and behind it the payload, whose fields are noted as they are added.
class Printer {
 public:
  Printer(uint32_t type, size_t fixed) : fixed_(fixed) {
    head_ = signature;
    put_u32le(head_, type);
  }
  void u32(uint32_t value) { put_u32le(head_, value); }
  void octets(std::string_view value) { head_ += value; }
  void field(std::string_view value) {
    put_u16le(head_, value.size());
    put_u16le(head_, value.size());
    put_u32le(head_, static_cast<uint32_t>(fixed_ + payload_.size()));
    payload_ += value;
  }
  std::string print() const { return head_ + payload_; }

 private:
  size_t fixed_;
  std::string head_;
  std::string payload_;
};

// Where the payload begins at the earliest; the MIC stands before it, or there is none.
size_t payload_begin(std::string_view octets) {
  size_t begin = octets.size();
  for (const size_t at : {12, 20, 28, 36, 44, 52}) {
    const size_t length = load_u16le(octets.substr(at));
    const size_t offset = load_u32le(octets.substr(at + 4));
    if (length > 0 && offset < begin) begin = offset;
  }
  return begin;
}

void append_utf16(std::string& out, uint32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    put_u16le(out, 0xd800 + (code >> 10));
    put_u16le(out, 0xdc00 + (code & 0x3ff));
  } else {
    put_u16le(out, code);
  }
}

void append_utf8(std::string& out, uint32_t code) {
  const auto add = [&](uint32_t octet) { out += static_cast<char>(octet); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}
}  // namespace

// Of what is not UTF-8 each octet becomes U+FFFD.
std::string utf16(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text[0]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = length == 1 ? first : first & (0x7fU >> length);
    bool good = (first < 0x80 || first >= 0xc2) && first < 0xf5 && length <= text.size();
    for (size_t i = 1; good && i < length; ++i) {
      const auto octet = static_cast<uint8_t>(text[i]);
      good = (octet & 0xc0) == 0x80;
      code = code << 6 | (octet & 0x3f);
    }
    append_utf16(out, good ? code : 0xfffd);
    text.remove_prefix(good ? length : 1);
  }
  return out;
}

Result<std::string> utf8(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Code::invalid, "NTLM: half a character");
  std::string out;
  while (!text.empty()) {
    uint32_t code = load_u16le(text);
    text.remove_prefix(2);
    if (code >= 0xd800 && code < 0xdc00) {
      const uint32_t low = text.empty() ? 0 : load_u16le(text);
      if (low < 0xdc00 || low >= 0xe000) return fail(Code::invalid, "NTLM: half a character");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      text.remove_prefix(2);
    } else if ((code >= 0xdc00 && code < 0xe000) || code == 0) {
      return fail(Code::invalid, "NTLM: not a character");
    }
    append_utf8(out, code);
  }
  return out;
}

Result<AvPairs> parse_av_pairs(std::string_view octets) {
  AvPairs out;
  for (;;) {
    if (octets.size() < 4) return fail(Code::invalid, "NTLM: attributes without an end");
    AvPair pair;
    pair.id = load_u16le(octets);
    const size_t length = load_u16le(octets.substr(2));
    octets.remove_prefix(4);
    if (pair.id == av_end) return out;
    if (length > octets.size() || out.size() == pairs_max) {
      return fail(Code::invalid, "NTLM: attributes beyond the message");
    }
    pair.value = octets.substr(0, length);
    octets.remove_prefix(length);
    out.push_back(std::move(pair));
  }
}

std::string print_av_pairs(const AvPairs& pairs) {
  std::string out;
  for (const auto& pair : pairs) {
    put_u16le(out, pair.id);
    put_u16le(out, pair.value.size());
    out += pair.value;
  }
  return out + std::string(4, '\0');
}

std::optional<std::string_view> find_av(const AvPairs& pairs, uint16_t id) {
  for (const auto& pair : pairs) {
    if (pair.id == id) return pair.value;
  }
  return std::nullopt;
}

Result<Negotiate> parse_negotiate(std::string_view octets) {
  TRY(expect(octets, 1, 16));
  return Negotiate{.flags = load_u32le(octets.substr(12))};
}

std::string print_negotiate(const Negotiate& message) {
  Printer out(1, negotiate_octets);
  out.u32(message.flags);
  out.field("");
  out.field("");
  return out.print();
}

Result<ChallengeMessage> parse_challenge(std::string_view octets) {
  TRY(expect(octets, 2, challenge_octets));
  ChallengeMessage out;
  out.target = TRY(utf8(TRY(field(octets, 12))));
  out.flags = load_u32le(octets.substr(20));
  out.challenge = octets.substr(24, 8);
  const auto info = TRY(field(octets, 40));
  if (!info.empty()) out.info = TRY(parse_av_pairs(info));
  return out;
}

std::string print_challenge(const ChallengeMessage& message) {
  Printer out(2, challenge_octets + version_octets);
  out.field(utf16(message.target));
  out.u32(message.flags);
  out.octets(message.challenge);
  out.octets(std::string(8, '\0'));
  out.field(print_av_pairs(message.info));
  out.octets(std::string(version_octets, '\0'));
  return out.print();
}

Result<Authenticate> parse_authenticate(std::string_view octets) {
  TRY(expect(octets, 3, authenticate_octets));
  Authenticate out;
  out.lm_response = TRY(field(octets, 12));
  out.nt_response = TRY(field(octets, 20));
  out.flags = load_u32le(octets.substr(60));
  // Every system that knows NTLMv2 knows Unicode.
  if ((out.flags & flag_unicode) == 0) return fail(Code::invalid, "NTLM: texts in no Unicode");
  out.domain = TRY(utf8(TRY(field(octets, 28))));
  out.user = TRY(utf8(TRY(field(octets, 36))));
  out.workstation = TRY(utf8(TRY(field(octets, 44))));
  out.session_key = TRY(field(octets, 52));
  if (payload_begin(octets) >= mic_offset + mic_octets) {
    out.mic = octets.substr(mic_offset, mic_octets);
  }
  return out;
}

std::string print_authenticate(const Authenticate& message) {
  const size_t room = message.mic.empty() ? 0 : version_octets + mic_octets;
  Printer out(3, authenticate_octets + room);
  out.field(message.lm_response);
  out.field(message.nt_response);
  out.field(utf16(message.domain));
  out.field(utf16(message.user));
  out.field(utf16(message.workstation));
  out.field(message.session_key);
  out.u32(message.flags);
  if (room > 0) out.octets(std::string(version_octets, '\0') + message.mic);
  return out.print();
}

Result<AvPairs> response_attributes(std::string_view nt_response) {
  if (nt_response.size() < proof_octets + fixed_challenge_octets + 4 ||
      nt_response[proof_octets] != 1 || nt_response[proof_octets + 1] != 1) {
    return fail(Code::invalid, "NTLM: not a response of version 2");
  }
  return parse_av_pairs(nt_response.substr(proof_octets + fixed_challenge_octets));
}

}  // namespace eilpost::sasl::ntlm
