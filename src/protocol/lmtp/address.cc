#include "protocol/lmtp/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace eilpost::lmtp {

namespace {
bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// atext of RFC 5322 3.2.3.
bool is_atext(char c) {
  return is_letter_or_digit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// The length of the UTF-8 character beyond ASCII at the front (RFC 3629 4); 0: there is none.
size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : lead >= 0xe0 && lead <= 0xef ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
  const bool surrogate = lead == 0xed && at(1) >= 0xa0;
  const bool beyond = lead == 0xf4 && at(1) >= 0x90;
  // C1 controls are no text.
  const bool control = lead == 0xc2 && at(1) < 0xa0;
  return overlong || surrogate || beyond || control ? 0 : length;
}

// The number of octets at the front that form one character of an atom or a domain.
template <class Ascii>
size_t take_char(std::string_view text, AddressOptions options, Ascii&& ascii) {
  if (text.empty()) return 0;
  if (ascii(text[0])) return 1;
  return options.utf8 ? utf8_length(text) : 0;
}

// Dot-string = Atom *("." Atom)
Result<std::string> dot_string(std::string_view& text, AddressOptions options) {
  std::string out;
  bool atom_begun = false;
  while (!text.empty()) {
    if (text[0] == '.' && atom_begun) {
      atom_begun = false;
      out += '.';
      text.remove_prefix(1);
      continue;
    }
    const size_t length = take_char(text, options, is_atext);
    if (length == 0) break;
    atom_begun = true;
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  if (!atom_begun) return fail(Code::invalid, "a local part expected");
  return out;
}

// Quoted-string = DQUOTE *QcontentSMTP DQUOTE
Result<std::string> quoted_string(std::string_view& text, AddressOptions options) {
  std::string out;
  text.remove_prefix(1);
  while (!text.empty() && text[0] != '"') {
    if (text[0] == '\\') {
      // quoted-pairSMTP = %d92 %d32-126
      if (text.size() < 2 || text[1] < 0x20 || text[1] > 0x7e) {
        return fail(Code::invalid, "a printable character expected after the backslash");
      }
      out += text[1];
      text.remove_prefix(2);
      continue;
    }
    const size_t length = take_char(text, options, [](char c) { return c >= 0x20 && c <= 0x7e; });
    if (length == 0) return fail(Code::invalid, "a printable character expected in the quotes");
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  if (text.empty()) return fail(Code::invalid, "a closing quote expected");
  text.remove_prefix(1);
  return out;
}

// Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str]. An underscore passes:
// names of hosts with one exist, and nothing here depends on it.
Result<std::string> domain_name(std::string_view& text, AddressOptions options) {
  std::string out;
  bool label_begun = false;
  bool after_hyphen = false;
  while (!text.empty()) {
    if (text[0] == '.' && label_begun && !after_hyphen) {
      label_begun = false;
      out += '.';
      text.remove_prefix(1);
      continue;
    }
    const size_t length = take_char(text, options, [&](char c) {
      return is_letter_or_digit(c) || c == '_' || (c == '-' && label_begun);
    });
    if (length == 0) break;
    label_begun = true;
    after_hyphen = text[0] == '-';
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  if (!label_begun || after_hyphen) return fail(Code::invalid, "a domain expected");
  return out;
}

// address-literal = "[" ( IPv4 / "IPv6:" ... / Standardized-tag ":" 1*dcontent ) "]". What is
// between the brackets is only compared, so dcontent is all that is asked of it.
Result<std::string> address_literal(std::string_view& text) {
  const size_t end = text.find(']');
  if (end == std::string_view::npos || end < 2) {
    return fail(Code::invalid, "an address literal in brackets expected");
  }
  const auto inside = text.substr(1, end - 1);
  const bool good = std::all_of(inside.begin(), inside.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == ':' || c == '-';
  });
  if (!good) return fail(Code::invalid, "an address literal expected in the brackets");
  std::string out(text.substr(0, end + 1));
  text.remove_prefix(end + 1);
  return out;
}

void lower_ascii(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
}
}  // namespace

bool Address::is_utf8() const {
  const auto beyond = [](char c) { return (c & 0x80) != 0; };
  return std::any_of(local.begin(), local.end(), beyond) ||
         std::any_of(domain.begin(), domain.end(), beyond);
}

std::string Address::to_string() const {
  std::string_view rest = local;
  const bool plain = dot_string(rest, {.utf8 = true}).has_value() && rest.empty();
  std::string out;
  if (plain) {
    out = local;
  } else {
    out = "\"";
    for (const char c : local) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  if (!domain.empty()) out += "@" + domain;
  return out;
}

Result<Address> take_address(std::string_view& text, AddressOptions options) {
  Address out;
  const bool quoted = !text.empty() && text[0] == '"';
  if (quoted) {
    out.local = TRY(quoted_string(text, options));
  } else {
    out.local = TRY(dot_string(text, options));
  }
  if (out.local.size() > local_part_octets_max) {
    return fail(Code::too_big, "the local part is longer than 64 octets");
  }
  if (text.empty() || text[0] != '@') return fail(Code::invalid, "\"@\" expected");
  text.remove_prefix(1);
  const bool literal = !text.empty() && text[0] == '[';
  if (literal) {
    out.domain = TRY(address_literal(text));
  } else {
    out.domain = TRY(domain_name(text, options));
  }
  if (out.domain.size() > domain_octets_max) {
    return fail(Code::too_big, "the domain is longer than 255 octets");
  }
  lower_ascii(out.domain);
  return out;
}

Result<Address> parse_address(std::string_view text, AddressOptions options) {
  std::string_view rest = text;
  auto out = take_address(rest, options);
  const size_t column = text.size() - rest.size() + 1;
  if (!out) {
    return fail(out.error().code, fmt::format("{} at column {}", out.error().detail, column));
  }
  if (!rest.empty()) {
    return fail(Code::invalid, fmt::format("the end of the address expected at column {}", column));
  }
  return out;
}

}  // namespace eilpost::lmtp
