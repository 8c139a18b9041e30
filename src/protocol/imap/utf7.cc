#include "protocol/imap/utf7.h"

#include <array>
#include <cstdint>
#include <optional>

namespace eilpost::imap {
namespace {

// RFC 3501 5.1.3: base64 with "," in place of "/", without padding.
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (int8_t& v : values) v = -1;
  for (size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> values = make_values();

bool is_direct(uint32_t c) {
  return c >= 0x20 && c <= 0x7e;
}

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// The character at `at`, which moves behind it; nullopt when it is not well-formed.
std::optional<uint32_t> next_utf8(std::string_view text, size_t& at) {
  auto octet = [&](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  uint32_t lead = octet(at);
  size_t more = lead < 0x80 ? 0 : lead < 0xc2 ? 4 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  if (more == 4 || lead > 0xf4) return std::nullopt;
  uint32_t c = more == 0 ? lead : lead & (0x3fU >> more);
  for (size_t i = 1; i <= more; ++i) {
    uint32_t next = octet(at + i);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    c = c << 6 | (next & 0x3f);
  }
  constexpr std::array<uint32_t, 4> least{0, 0x80, 0x800, 0x10000};
  if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return std::nullopt;
  at += more + 1;
  return c;
}

// Gathers UTF-16 units as base64 between "&" and "-".
class Shifted {
 public:
  explicit Shifted(std::string& out) : out_(out) {}
  void put(uint32_t c) {
    if (!open_) out_ += '&';
    open_ = true;
    if (c < 0x10000) {
      unit(c);
      return;
    }
    unit(0xd800 + ((c - 0x10000) >> 10));
    unit(0xdc00 + ((c - 0x10000) & 0x3ff));
  }
  void close() {
    if (!open_) return;
    if (bits_ > 0) out_ += alphabet[(held_ << (6 - bits_)) & 0x3f];
    out_ += '-';
    bits_ = 0;
    held_ = 0;
    open_ = false;
  }

 private:
  void unit(uint32_t value) {
    held_ = held_ << 16 | value;
    bits_ += 16;
    while (bits_ >= 6) {
      bits_ -= 6;
      out_ += alphabet[held_ >> bits_ & 0x3f];
    }
    held_ &= (1U << bits_) - 1;
  }

  std::string& out_;
  bool open_ = false;
  uint32_t held_ = 0;  // at most 5 + 16 bits
  int bits_ = 0;
};

tl::unexpected<Error> bad(std::string_view why) {
  return fail(Code::invalid, "not modified UTF-7: " + std::string(why));
}

// The characters of one "&...-" whose base64 is `coded`.
Result<> decode_shifted(std::string_view coded, std::string& out) {
  uint32_t held = 0;
  int bits = 0;
  uint32_t high = 0;  // a high surrogate that waits for its low one
  for (char c : coded) {
    int8_t value = values[static_cast<uint8_t>(c)];
    if (value < 0) return bad("a character that is not base64");
    held = (held << 6 | static_cast<uint32_t>(value)) & 0x3fffff;
    bits += 6;
    if (bits < 16) continue;
    bits -= 16;
    uint32_t unit = held >> bits & 0xffff;
    bool low = unit >= 0xdc00 && unit <= 0xdfff;
    if (low != (high != 0)) return bad("a lone surrogate");
    if (unit >= 0xd800 && unit <= 0xdbff) {
      high = unit;
    } else {
      append_utf8(out, low ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : unit);
      high = 0;
    }
  }
  if (high != 0) return bad("a lone surrogate");
  return {};
}

}  // namespace

bool valid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
    } else if (!next_utf8(text, at)) {
      return false;
    }
  }
  return true;
}

Result<std::string> utf7_encode(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  Shifted shifted(out);
  for (size_t at = 0; at < utf8.size();) {
    std::optional<uint32_t> c = next_utf8(utf8, at);
    if (!c || *c == 0) return fail(Code::invalid, "not UTF-8 without NUL");
    if (!is_direct(*c)) {
      shifted.put(*c);
      continue;
    }
    shifted.close();
    out += static_cast<char>(*c);
    if (*c == '&') out += '-';
  }
  shifted.close();
  return out;
}

Result<std::string> utf7_decode(std::string_view encoded) {
  std::string out;
  out.reserve(encoded.size());
  bool coded = false;
  for (size_t at = 0; at < encoded.size(); ++at) {
    char c = encoded[at];
    if (!is_direct(static_cast<uint8_t>(c))) return bad("a control or 8-bit character");
    if (c != '&') {
      out += c;
      continue;
    }
    size_t end = encoded.find('-', at);
    if (end == std::string_view::npos) return bad("\"&\" without \"-\"");
    if (end == at + 1) out += '&';
    coded = true;
    TRY(decode_shifted(encoded.substr(at + 1, end - at - 1), out));
    at = end;
  }
  // Canonical means: what encoding the answer gives. That settles printable characters in base64,
  // adjacent shifts, stray bits and NUL in one rule.
  if (coded) {
    Result<std::string> canonical = utf7_encode(out);
    if (!canonical || *canonical != encoded) return bad("not the canonical encoding");
  }
  return out;
}

}  // namespace eilpost::imap
