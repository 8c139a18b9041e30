#include "protocol/imap/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/imap/values.h"

namespace eilpost::imap {

namespace {

constexpr size_t line_octets_max = 2000;
constexpr size_t tail_octets = 40;
constexpr std::string_view secret_mark = "[secret]";

void append_shown(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) {
      out += fmt::format("\\x{:02x}", octet);
    } else {
      out += c;
    }
  }
}

std::string shown_line(std::string_view text) {
  std::string out;
  append_shown(out, text.substr(0, line_octets_max));
  if (text.size() > line_octets_max) out += fmt::format(" [{} octets]", text.size());
  return out + "\n";
}

// Where the first argument behind tag and command ends; the command's own end when it has none.
size_t end_of_user(std::string_view text, std::string_view name) {
  const size_t at = static_cast<size_t>(name.data() - text.data()) + name.size();
  // One blank, as the grammar has it: behind more of them the first word may be the password.
  size_t i = at + 1;
  if (i >= text.size() || text[at] != ' ' || text[i] == ' ') return at;
  if (i < text.size() && text[i] == '"') {
    for (++i; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\') ++i;
    }
    // Without its closing quote it may hold anything.
    return i < text.size() ? i + 1 : at;
  }
  return std::min(text.find(' ', i), text.size());
}

// The size in a line that ends with "{5}", "{5+}" or "~{5}".
std::optional<uint64_t> announced(std::string_view line) {
  if (line.empty() || line.back() != '}') return std::nullopt;
  const size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  if (!digits.empty() && digits.back() == '+') digits.remove_suffix(1);
  uint64_t size = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  return whole && !digits.empty() ? std::optional(size) : std::nullopt;
}

}  // namespace

std::string trace_command(const Frame& frame) {
  const std::string_view text = frame.text;
  const std::string_view name = frame.name();
  // What has no name may be a secret that went astray: nothing of it is shown.
  if (name.empty()) return fmt::format("[{} octets without a command]\n", text.size());
  if (equal_nocase(name, "LOGIN")) {
    std::string out;
    append_shown(out, text.substr(0, std::min(end_of_user(text, name), line_octets_max)));
    return fmt::format("{} {}\n", out, secret_mark);
  }
  if (equal_nocase(name, "AUTHENTICATE")) {
    std::string out;
    append_shown(out, text.substr(0, std::min(end_of_user(text, name), line_octets_max)));
    if (end_of_user(text, name) < text.size()) out += fmt::format(" {}", secret_mark);
    return out + "\n";
  }
  return shown_line(text);
}

void ResponseTrace::add_to_line(std::string_view piece) {
  length_ += piece.size();
  head_ += piece.substr(0, line_octets_max - std::min(head_.size(), line_octets_max));
  // The end of the line announces a literal.
  tail_ += piece.substr(piece.size() - std::min(piece.size(), tail_octets));
  if (tail_.size() > tail_octets) tail_.erase(0, tail_.size() - tail_octets);
}

std::string ResponseTrace::end_line(bool secret) {
  const bool ends_in_cr = !tail_.empty() && tail_.back() == '\r';
  if (ends_in_cr) {
    tail_.pop_back();
    if (head_.size() == length_) head_.pop_back();
    --length_;
  }
  std::string out;
  if (secret && head_.substr(0, 2) == "+ ") {
    out = "+ [secret]\n";
  } else {
    append_shown(out, head_);
    if (length_ > line_octets_max) out += fmt::format(" [{} octets]", length_);
    out += '\n';
  }
  if (const auto literal = announced(tail_)) {
    out += fmt::format("    [literal of {} octets]\n", *literal);
    literal_ = *literal;
  }
  head_.clear();
  tail_.clear();
  length_ = 0;
  return out;
}

std::string ResponseTrace::feed(std::string_view octets, bool secret) {
  std::string out;
  while (!octets.empty()) {
    if (literal_ > 0) {
      const size_t taken = std::min<uint64_t>(literal_, octets.size());
      literal_ -= taken;
      octets.remove_prefix(taken);
      continue;
    }
    const size_t end = octets.find('\n');
    add_to_line(octets.substr(0, end));
    if (end == std::string_view::npos) break;
    octets.remove_prefix(end + 1);
    out += end_line(secret);
  }
  return out;
}

}  // namespace eilpost::imap
