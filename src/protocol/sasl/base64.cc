#include "protocol/sasl/base64.h"

#include <fmt/format.h>

#include <cstdint>

namespace eilpost::sasl {

namespace {
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}
}  // namespace

std::string base64_encode(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : octets) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    if (++count == 3) {
      for (int shift = 18; shift >= 0; shift -= 6) out += alphabet[bits >> shift & 63];
      bits = 0;
      count = 0;
    }
  }
  if (count == 0) return out;
  bits <<= 8 * (3 - count);
  for (int i = 0; i < 4; ++i) out += i <= count ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() / 4 * 3 > message_octets_max + 3) return fail(Code::too_big, "base64 too long");
  if (text.size() % 4 != 0) {
    return fail(Code::invalid, fmt::format("base64 of {} characters, not of fours", text.size()));
  }
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const size_t digits = text.size() - padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int held = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int value = digit_value(text[i]);
    if (value < 0) return fail(Code::invalid, fmt::format("not base64 at position {}", i));
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xff);
    }
  }
  // Two texts for the same octets would let a message pass a comparison that it should not.
  if ((bits & ((1U << held) - 1)) != 0) return fail(Code::invalid, "base64 with unused bits set");
  if (out.size() > message_octets_max) return fail(Code::too_big, "base64 too long");
  return out;
}

Result<std::optional<std::string>> parse_response(std::string_view line) {
  if (line == "*") return std::optional<std::string>();
  return std::optional<std::string>(TRY(base64_decode(line)));
}

std::string print_response(const std::optional<std::string>& octets) {
  return octets ? base64_encode(*octets) : "*";
}

Result<std::string> parse_initial_response(std::string_view text) {
  if (text == "=") return std::string();
  if (text.empty()) return fail(Code::invalid, "an empty initial response must be \"=\"");
  return base64_decode(text);
}

std::string print_initial_response(std::string_view octets) {
  return octets.empty() ? "=" : base64_encode(octets);
}

}  // namespace eilpost::sasl
