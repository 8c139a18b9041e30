// HTML as text, for previews and SEARCH: no layout, only the words.
#include <algorithm>
#include <array>
#include <cstdint>

#include "mime/decode.h"
#include "mime/header.h"

namespace eilpost::mime {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, uint32_t code) {
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) code = 0xfffd;
  const auto put = [&](uint32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

// The names of U+00A0 to U+00FF, in order.
constexpr std::array<std::string_view, 96> latin1_names = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

struct Entity {
  std::string_view name;
  uint32_t code;
};
constexpr Entity other_names[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"hellip", 0x2026}, {"mdash", 0x2014},  {"ndash", 0x2013},
    {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201a},  {"ldquo", 0x201c},
    {"rdquo", 0x201d},  {"bdquo", 0x201e},  {"bull", 0x2022},   {"euro", 0x20ac},
    {"trade", 0x2122},  {"zwnj", 0x200c},   {"zwj", 0x200d},    {"ensp", 0x2002},
    {"emsp", 0x2003},   {"thinsp", 0x2009}, {"larr", 0x2190},   {"rarr", 0x2192},
    {"lsaquo", 0x2039}, {"rsaquo", 0x203a}, {"OElig", 0x152},   {"oelig", 0x153},
    {"Scaron", 0x160},  {"scaron", 0x161},  {"dagger", 0x2020}, {"permil", 0x2030}};

uint32_t named_entity(std::string_view name) {
  for (const Entity& entity : other_names) {
    if (entity.name == name) return entity.code;
  }
  for (size_t i = 0; i < latin1_names.size(); ++i) {
    if (latin1_names[i] == name) return static_cast<uint32_t>(0xa0 + i);
  }
  return 0;
}

uint32_t numeric_entity(std::string_view digits) {
  const bool hex = !digits.empty() && (digits[0] | 0x20) == 'x';
  if (hex) digits.remove_prefix(1);
  if (digits.empty()) return 0;
  uint32_t code = 0;
  for (const char c : digits) {
    const int lower = c | 0x20;
    uint32_t value = 99;
    if (is_digit(c)) value = static_cast<uint32_t>(c - '0');
    if (hex && lower >= 'a' && lower <= 'f') value = static_cast<uint32_t>(lower - 'a' + 10);
    if (value == 99) return 0;
    code = std::min<uint32_t>(code * (hex ? 16 : 10) + value, 0x110000);
  }
  return code;
}

// At a "&": appends what it means; answers how many octets it took.
size_t take_entity(std::string_view at, std::string& out) {
  size_t end = 1;
  while (end < at.size() && end < 12 &&
         (is_letter(at[end]) || is_digit(at[end]) || at[end] == '#')) {
    ++end;
  }
  const std::string_view name = at.substr(1, end - 1);
  uint32_t code = 0;
  if (!name.empty()) code = name[0] == '#' ? numeric_entity(name.substr(1)) : named_entity(name);
  if (code == 0) {
    out.push_back('&');
    return 1;
  }
  append_utf8(out, code);
  return end + (end < at.size() && at[end] == ';' ? 1 : 0);
}

bool is_block(std::string_view tag) {
  static constexpr std::string_view names[] = {
      "address", "article", "blockquote", "br", "center", "dd", "div", "dl",
      "dt",      "footer",  "h",          "h1", "h2",     "h3", "h4",  "h5",
      "h6",      "header",  "hr",         "li", "ol",     "p",  "pre", "section",
      "si",      "tab",     "table",      "tr", "ul"};
  for (const auto name : names) {
    if (name == tag) return true;
  }
  return false;
}

bool hides_content(std::string_view tag) {
  return tag == "script" || tag == "style" || tag == "title" || tag == "template";
}

// The end of a tag that begins at `at`, behind its ">"; a ">" within quotes does not end it. A
// quote that is not closed counts for nothing.
size_t tag_end(std::string_view html, size_t at) {
  const size_t plain = html.find('>', at);
  if (plain == std::string_view::npos) return html.size();
  char quote = '\0';
  for (size_t i = at; i < html.size() && i < at + 4096; ++i) {
    if (quote != '\0') {
      if (html[i] == quote) quote = '\0';
    } else if (html[i] == '"' || html[i] == '\'') {
      quote = html[i];
    } else if (html[i] == '>') {
      return i + 1;
    }
  }
  return plain + 1;
}

// Behind the closing tag of `name`, else the end.
size_t behind_element(std::string_view html, size_t at, std::string_view name) {
  while ((at = html.find("</", at)) != std::string_view::npos) {
    at += 2;
    if (equals_ignoring_case(html.substr(at, name.size()), name)) return tag_end(html, at);
  }
  return html.size();
}

// At a "<": appends what the tag means for text; answers where to go on.
size_t take_tag(std::string_view html, size_t at, std::string& out) {
  if (html.substr(at, 4) == "<!--") {
    const size_t end = html.find("-->", at + 4);
    return end == std::string_view::npos ? html.size() : end + 3;
  }
  size_t name_at = at + 1;
  const bool closing = name_at < html.size() && html[name_at] == '/';
  if (closing) ++name_at;
  const char first = name_at < html.size() ? html[name_at] : '\0';
  if (!is_letter(first) && first != '!' && first != '?') {
    out.push_back('<');
    return at + 1;
  }
  // Of "w:p" and "text:p", as office files have it, the paragraph counts.
  const size_t colon = html.substr(name_at, 16).find(':');
  const size_t space = html.substr(name_at, 16).find_first_of(" />\t\r\n");
  const bool prefixed = colon < space;
  if (prefixed) name_at += colon + 1;
  size_t name_end = name_at;
  while (name_end < html.size() && name_end - name_at < 16 &&
         (is_letter(html[name_end]) || is_digit(html[name_end]))) {
    ++name_end;
  }
  const std::string name = to_lower(html.substr(name_at, name_end - name_at));
  const size_t end = tag_end(html, name_end);
  if (!closing && !prefixed && hides_content(name)) return behind_element(html, end, name);
  if (is_block(name)) out.push_back('\n');
  if (name == "td" || name == "th") out.push_back(' ');
  return end;
}

// A blank at the front: an ASCII one or control, or a no-break space.
size_t blank_size(std::string_view at) {
  const auto c = static_cast<unsigned char>(at[0]);
  if (c <= ' ' || c == 0x7f) return 1;
  return at.substr(0, 2) == "\xc2\xa0" ? 2 : 0;
}

// Soft hyphen, grapheme joiner, zero-width space and joiners, byte order mark: mail pads with them.
size_t invisible_size(std::string_view at) {
  if (static_cast<unsigned char>(at[0]) < 0x80) return 0;
  const std::string_view two = at.substr(0, 2);
  if (two == "\xc2\xad" || two == "\xcd\x8f") return 2;
  const std::string_view three = at.substr(0, 3);
  return three == "\xe2\x80\x8b" || three == "\xe2\x80\x8c" || three == "\xe2\x80\x8d" ||
                 three == "\xef\xbb\xbf"
             ? 3
             : 0;
}

}  // namespace

std::string html_to_text(std::string_view html) {
  std::string out;
  out.reserve(html.size() / 2);
  size_t at = 0;
  while (at < html.size()) {
    const size_t special = std::min(html.find_first_of("<&", at), html.size());
    out += html.substr(at, special - at);
    at = special;
    if (at == html.size()) break;
    at = html[at] == '<' ? take_tag(html, at, out) : at + take_entity(html.substr(at), out);
  }
  return out;
}

std::string collapse_blanks(std::string_view utf8, size_t octets_max) {
  std::string out;
  out.reserve(std::min(utf8.size(), octets_max) + 8);
  bool gap = false;
  for (size_t i = 0; i < utf8.size() && out.size() < octets_max;) {
    if (const size_t blank = blank_size(utf8.substr(i))) {
      gap = true;
      i += blank;
      continue;
    }
    if (const size_t invisible = invisible_size(utf8.substr(i))) {
      i += invisible;
      continue;
    }
    if (gap && !out.empty()) out.push_back(' ');
    gap = false;
    // One character, then as many octets as surely are no blank.
    const size_t begin = i++;
    while (i < utf8.size() && (static_cast<unsigned char>(utf8[i]) & 0xc0) == 0x80) ++i;
    while (i < utf8.size() && utf8[i] > ' ' && utf8[i] != 0x7f) ++i;
    out += utf8.substr(begin, i - begin);
  }
  return out;
}

}  // namespace eilpost::mime
