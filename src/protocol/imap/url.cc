#include "protocol/imap/url.h"

#include <limits>

#include "protocol/imap/cursor.h"
#include "protocol/imap/utf7.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

tl::unexpected<Error> bad(std::string_view why) {
  return fail(Code::bad_url, std::string(why));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 2.1.
Result<std::string> decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return bad("NUL");
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return bad("a percent sign without two digits");
    const char octet = static_cast<char>(high * 16 + low);
    if (octet == '\0') return bad("NUL");
    out += octet;
    i += 2;
  }
  return out;
}

// bchar = achar / ":" / "@" / "/", achar = uchar / "&" / "=" (RFC 5092 11).
void append_percent(std::string& out, std::string_view text, std::string_view kept) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kept.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += {'%', digits[octet >> 4], digits[octet & 15]};
  }
}
constexpr std::string_view mailbox_kept = "-._~!$'()*+,&=:@/";
constexpr std::string_view section_kept = "-._~";

// "[2001:db8::1]" (RFC 3986 3.2.2).
bool is_ip_literal(std::string_view host) {
  if (host.size() < 3 || host.front() != '[' || host.back() != ']') return false;
  const std::string_view inside = host.substr(1, host.size() - 2);
  return inside.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

Result<uint64_t> parse_number(std::string_view text, uint64_t max) {
  if (text.empty()) return bad("a number is missing");
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return bad("not a number");
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (max - digit) / 10) return bad("a number that is too large");
    value = value * 10 + digit;
  }
  return value;
}

Result<uint32_t> parse_nz_number(std::string_view text) {
  const uint64_t value = TRY(parse_number(text, std::numeric_limits<uint32_t>::max()));
  if (value == 0) return bad("a number that may not be 0");
  return static_cast<uint32_t>(value);
}

// iserver = [iuserinfo "@"] host [":" port]; iuserinfo = enc-user [iauth]
Result<> parse_server(std::string_view text, MessageUrl& url) {
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    url.user = TRY(decode_percent(user.substr(0, user.find(';'))));
    text.remove_prefix(at + 1);
  }
  // "[::1]:143" has colons of its own.
  const size_t port = text.find(':', text.empty() || text[0] != '[' ? 0 : text.find(']'));
  if (port != std::string_view::npos) {
    TRY(parse_number(text.substr(port + 1), std::numeric_limits<uint16_t>::max()));
  }
  url.host = TRY(decode_percent(text.substr(0, port)));
  if (url.host.empty()) return bad("no server");
  return {};
}

Result<Section> parse_section(const std::string& text) {
  Frame frame;
  frame.text = text + "]";
  Cursor cursor(frame, ParseOptions());
  auto section = cursor.section();
  if (!section || !cursor.accept(']') || !cursor.at_end()) return bad("no such section");
  return std::move(*section);
}

// partial-range = number ["." nz-number]
Result<Partial> parse_range(std::string_view text) {
  constexpr uint64_t max = std::numeric_limits<int64_t>::max();
  Partial partial;
  const size_t dot = text.find('.');
  partial.offset = TRY(parse_number(text.substr(0, dot), max));
  if (dot == std::string_view::npos) return partial;
  partial.length = TRY(parse_number(text.substr(dot + 1), max));
  if (partial.length == 0) return bad("a range of 0 octets");
  return partial;
}

// Takes the next ";NAME=" of `rest` and its value, up to the next "/;" or "/" before it.
struct Parameter {
  std::string name;  // upper case
  std::string_view value;
};
std::optional<Parameter> take_parameter(std::string_view& rest) {
  if (rest.empty() || rest[0] != ';') return std::nullopt;
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const size_t end = std::min(rest.find("/;", equals), rest.size());
  Parameter out{upper_ascii(rest.substr(1, equals - 1)), rest.substr(equals + 1, end - equals - 1)};
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

// enc-mailbox [uidvalidity]
Result<> parse_mailbox(std::string_view text, MessageUrl& url) {
  const size_t semicolon = text.find(';');
  url.mailbox = TRY(decode_percent(text.substr(0, semicolon)));
  if (url.mailbox.empty() || !valid_utf8(url.mailbox)) return bad("no mailbox");
  if (equal_nocase(url.mailbox, "INBOX")) url.mailbox = "INBOX";
  if (semicolon == std::string_view::npos) return {};
  std::string_view rest = text.substr(semicolon);
  const auto parameter = take_parameter(rest);
  if (!parameter || parameter->name != "UIDVALIDITY") return bad("expected ;UIDVALIDITY=");
  url.uid_validity = TRY(parse_nz_number(parameter->value));
  return {};
}

}  // namespace

// imessagepart = enc-mailbox [uidvalidity] iuid ["/" isection] ["/" ipartial]
Result<MessageUrl> parse_message_url(std::string_view text) {
  MessageUrl url;
  constexpr std::string_view scheme = "imap://";
  if (equal_nocase(text.substr(0, scheme.size()), scheme)) {
    text.remove_prefix(scheme.size());
    TRY(parse_server(text.substr(0, text.find('/')), url));
    text.remove_prefix(std::min(text.find('/'), text.size()));
  }
  if (text.empty() || text[0] != '/' || text.substr(0, 2) == "//") return bad("expected a path");
  text.remove_prefix(1);
  const size_t path_end = text.find("/;");
  if (path_end == std::string_view::npos) return bad("expected /;UID=");
  TRY(parse_mailbox(text.substr(0, path_end), url));
  std::string_view rest = text.substr(path_end + 1);
  auto parameter = take_parameter(rest);
  if (!parameter || parameter->name != "UID") return bad("expected ;UID=");
  url.uid = Uid(TRY(parse_nz_number(parameter->value)));
  if (rest.empty()) return url;
  parameter = take_parameter(rest);
  if (parameter && parameter->name == "SECTION") {
    url.section = TRY(parse_section(TRY(decode_percent(parameter->value))));
    if (rest.empty()) return url;
    parameter = take_parameter(rest);
  }
  if (!parameter || parameter->name != "PARTIAL") return bad("expected ;PARTIAL=");
  url.partial = TRY(parse_range(parameter->value));
  // ";URLAUTH=" and others are not for CATENATE.
  if (!rest.empty()) return bad("something stands behind the URL");
  return url;
}

std::string print_message_url(const MessageUrl& url) {
  std::string out;
  if (!url.host.empty()) {
    out += "imap://";
    if (!url.user.empty()) {
      append_percent(out, url.user, section_kept);
      out += '@';
    }
    if (is_ip_literal(url.host)) {
      out += url.host;
    } else {
      append_percent(out, url.host, section_kept);
    }
  }
  out += '/';
  // A slash at either end would be read as one of the URL's own.
  const bool at_end =
      !url.mailbox.empty() && (url.mailbox.front() == '/' || url.mailbox.back() == '/');
  append_percent(out, url.mailbox, at_end ? section_kept : mailbox_kept);
  if (url.uid_validity != 0) {
    out += ";UIDVALIDITY=";
    append_number(out, url.uid_validity);
  }
  out += "/;UID=";
  append_number(out, url.uid.value);
  if (url.section != Section()) {
    std::string section;
    append_section(section, url.section);
    out += "/;SECTION=";
    append_percent(out, section, section_kept);
  }
  if (!url.partial) return out;
  out += "/;PARTIAL=";
  append_number(out, url.partial->offset);
  if (url.partial->length == 0) return out;
  out += '.';
  append_number(out, url.partial->length);
  return out;
}

}  // namespace eilpost::imap
