#include "protocol/imap/writer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/imap/cursor.h"
#include "protocol/imap/utf7.h"

namespace eilpost::imap {
namespace {

// Longer strings are literals: some clients read quoted strings into small buffers.
constexpr size_t quoted_bytes_max = 1024;
// RFC 7888 5: LITERAL- covers literals up to 4096 octets.
constexpr size_t literal_minus_bytes_max = 4096;

constexpr std::array<char, 200> make_pairs() {
  std::array<char, 200> pairs{};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> digit_pairs = make_pairs();

bool quotable(std::string_view text, bool utf8) {
  if (text.size() > quoted_bytes_max) return false;
  bool ascii = true;
  for (char c : text) {
    if (c == '\0' || c == '\r' || c == '\n') return false;
    if (static_cast<unsigned char>(c) >= 0x80) ascii = false;
  }
  return ascii || (utf8 && valid_utf8(text));
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

bool is_atom(std::string_view text) {
  if (text.empty() || equal_nocase(text, "NIL")) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_astring_char(static_cast<unsigned char>(c)); });
}

std::string mailbox_octets(std::string_view utf8_name, bool utf8) {
  if (utf8) return std::string(utf8_name);
  Result<std::string> encoded = utf7_encode(utf8_name);
  return encoded ? std::move(*encoded) : std::string(utf8_name);
}

// All 64 lists of system flags, without the closing parenthesis.
std::array<std::string, 64> make_system_flag_lists() {
  std::array<std::string, 64> lists;
  for (size_t set = 0; set < lists.size(); ++set) {
    lists[set] = "(";
    for (uint8_t bit = 1; bit < 64; bit = static_cast<uint8_t>(bit << 1)) {
      if ((set & bit) == 0) continue;
      if (lists[set].size() > 1) lists[set] += ' ';
      lists[set] += system_flag_name(bit);
    }
  }
  return lists;
}

void append_two_digits(std::string& out, int64_t value) {
  out.append(&digit_pairs[static_cast<size_t>(value) * 2], 2);
}

}  // namespace

void append_number(std::string& out, uint64_t value) {
  std::array<char, 20> digits;
  size_t at = digits.size();
  while (value >= 100) {
    at -= 2;
    std::memcpy(&digits[at], &digit_pairs[value % 100 * 2], 2);
    value /= 100;
  }
  if (value >= 10) {
    at -= 2;
    std::memcpy(&digits[at], &digit_pairs[value * 2], 2);
  } else {
    digits[--at] = static_cast<char>('0' + value);
  }
  out.append(&digits[at], digits.size() - at);
}

void append_literal_header(std::string& out, uint64_t size) {
  out += '{';
  append_number(out, size);
  out += "}\r\n";
}

void append_literal8_header(std::string& out, uint64_t size) {
  out += '~';
  append_literal_header(out, size);
}

void append_string(std::string& out, std::string_view text, WriteStyle style) {
  if (quotable(text, style.utf8)) {
    append_quoted(out, text);
    return;
  }
  if (text.find('\0') != std::string_view::npos) out += '~';
  append_literal_header(out, text.size());
  out += text;
}

void append_nstring(std::string& out, const std::optional<std::string>& text, WriteStyle style) {
  if (text) {
    append_string(out, *text, style);
  } else {
    out += "NIL";
  }
}

void append_astring(std::string& out, std::string_view text, WriteStyle style) {
  if (is_atom(text)) {
    out += text;
  } else {
    append_string(out, text, style);
  }
}

void append_mailbox(std::string& out, std::string_view name, WriteStyle style) {
  append_astring(out, mailbox_octets(name, style.utf8), style);
}

void append_mailbox_string(std::string& out, std::string_view name, WriteStyle style) {
  append_string(out, mailbox_octets(name, style.utf8), style);
}

void append_flag_list(std::string& out, const FlagList& flags) {
  out += '(';
  for (size_t i = 0; i < flags.size(); ++i) {
    if (i > 0) out += ' ';
    out += flags[i];
  }
  out += ')';
}

void append_flag_list(std::string& out, uint8_t system_flags,
                      const std::vector<std::string_view>& keywords) {
  static const std::array<std::string, 64> lists = make_system_flag_lists();
  out += lists[system_flags & 63];
  bool first = (system_flags & 63) == 0;
  for (std::string_view keyword : keywords) {
    if (!first) out += ' ';
    first = false;
    out += keyword;
  }
  out += ')';
}

// RFC 9051 9: date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
void append_date_time(std::string& out, DateTime at) {
  constexpr int64_t day_seconds = 86400;
  const int64_t first = days_since_epoch(Date{1, 1, 1}) * day_seconds;
  const int64_t last = (days_since_epoch(Date{9999, 12, 31}) + 1) * day_seconds - 1;
  int32_t zone = std::clamp(at.zone_minutes, -5999, 5999);              // four digits: 99 h 59 min
  int64_t utc = std::clamp(at.seconds, first - 400000, last + 400000);  // no overflow below
  int64_t local = std::clamp(utc + zone * 60, first, last);
  int64_t days = (local >= 0 ? local : local - (day_seconds - 1)) / day_seconds;
  int64_t second = local - days * day_seconds;
  Date date = date_of_days(days);
  out += '"';
  out += date.day < 10 ? ' ' : static_cast<char>('0' + date.day / 10);
  out += static_cast<char>('0' + date.day % 10);
  out += '-';
  out += month_name(date.month);
  out += '-';
  append_two_digits(out, date.year / 100);
  append_two_digits(out, date.year % 100);
  out += ' ';
  append_two_digits(out, second / 3600);
  out += ':';
  append_two_digits(out, second / 60 % 60);
  out += ':';
  append_two_digits(out, second % 60);
  out += zone < 0 ? " -" : " +";
  zone = std::abs(zone);
  append_two_digits(out, zone / 60);
  append_two_digits(out, zone % 60);
  out += '"';
}

std::string WireCommand::joined() const {
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

CommandWriter& CommandWriter::raw(std::string_view text) {
  line() += text;
  return *this;
}

CommandWriter& CommandWriter::number(uint64_t value) {
  append_number(line(), value);
  return *this;
}

CommandWriter& CommandWriter::set(const SequenceSet& set) {
  append_sequence_set(line(), set);
  return *this;
}

CommandWriter& CommandWriter::astring(std::string_view text) {
  if (!is_atom(text)) return string(text);
  return raw(text);
}

CommandWriter& CommandWriter::string(std::string_view text) {
  if (!quotable(text, options_.utf8)) return literal(text, LiteralKind{});
  append_quoted(line(), text);
  return *this;
}

CommandWriter& CommandWriter::nstring(const std::optional<std::string>& text) {
  return text ? string(*text) : raw("NIL");
}

CommandWriter& CommandWriter::mailbox(std::string_view utf8_name) {
  return astring(mailbox_octets(utf8_name, options_.utf8));
}

CommandWriter& CommandWriter::list_mailbox(std::string_view utf8_pattern) {
  return string(mailbox_octets(utf8_pattern, options_.utf8));
}

CommandWriter& CommandWriter::flags(const FlagList& flags) {
  append_flag_list(line(), flags);
  return *this;
}

CommandWriter& CommandWriter::literal(std::string_view octets, LiteralKind kind) {
  bool plus = options_.literals == LiteralForm::plus ||
              (options_.literals == LiteralForm::minus && octets.size() <= literal_minus_bytes_max);
  if (kind.literal8) line() += '~';
  line() += '{';
  append_number(line(), octets.size());
  line() += plus ? "+}\r\n" : "}\r\n";
  if (!plus) pieces_.emplace_back();
  line() += octets;
  return *this;
}

WireCommand CommandWriter::finish() {
  line() += "\r\n";
  WireCommand command{std::move(pieces_)};
  pieces_.assign(1, "");
  return command;
}

}  // namespace eilpost::imap
