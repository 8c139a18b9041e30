#include "mime/collation.h"

#include "base/bytes.h"
#include "mime/charset.h"

namespace eilpost::mime {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// RFC 4790 9.1: the number that a string begins with; one that begins with none is above all, and
// equal to any other such.
void append_numeric(std::string_view text, std::string& out) {
  if (text.empty() || !is_digit(text.front())) {
    out.push_back('~');
    return;
  }
  size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  text = text.substr(0, end);
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  out.push_back('0');
  put_u32be(out, static_cast<uint32_t>(text.size()));
  out += text;
}

}  // namespace

std::string_view collation_name(Collation collation) {
  switch (collation) {
    case Collation::unicode_casemap: return "i;unicode-casemap";
    case Collation::ascii_casemap: return "i;ascii-casemap";
    case Collation::octet: return "i;octet";
    case Collation::ascii_numeric: return "i;ascii-numeric";
  }
  return {};
}

std::vector<Collation> collations() {
  return {Collation::unicode_casemap, Collation::ascii_casemap, Collation::octet,
          Collation::ascii_numeric};
}

void append_collation_key(Collation collation, std::string_view utf8, std::string& out) {
  switch (collation) {
    case Collation::unicode_casemap: append_casemap(utf8, out); break;
    case Collation::ascii_casemap:
      for (const char c : utf8) {
        out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
      }
      break;
    case Collation::octet: out += utf8; break;
    case Collation::ascii_numeric: append_numeric(utf8, out); break;
  }
}

}  // namespace eilpost::mime
