// Content-Type and Content-Disposition with their parameters: RFC 2045 5.1, RFC 2183, RFC 2231.
#include <algorithm>
#include <charconv>

#include "mime/charset.h"
#include "mime/header.h"
#include "mime/lexer.h"

namespace eilpost::mime {

namespace {

// A parameter of a value that is more than one octet string (RFC 2231 3): name*2* is section 2 of
// name.
struct Section {
  std::string name;
  int number = -1;        // -1: not a continuation
  bool extended = false;  // the name ended in '*': percent encoding
  std::string value;
};

Section split_name(std::string_view written) {
  Section section;
  section.name = to_lower(written);
  std::string_view name = section.name;
  if (name.size() > 1 && name.back() == '*') {
    section.extended = true;
    name.remove_suffix(1);
  }
  const size_t star = name.rfind('*');
  if (star != std::string_view::npos && star > 0 && star + 1 < name.size()) {
    int number = -1;
    const auto [end, error] =
        std::from_chars(name.data() + star + 1, name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && number >= 0) {
      section.number = number;
      name = name.substr(0, star);
    }
  }
  section.name = std::string(name);
  return section;
}

// parameter = attribute "=" value ; value = token / quoted-string. What is no token goes through
// too: unquoted file names are common.
std::optional<Section> take_parameter(Lexer& in) {
  in.skip_cfws();
  const std::string_view name = in.until("=;\"(),<>");
  in.skip_cfws();
  if (name.empty() || !in.accept('=')) return std::nullopt;
  Section section = split_name(name);
  in.skip_cfws();
  if (in.peek() == '"') {
    section.value = in.quoted_string();
  } else {
    section.value = std::string(in.until(";"));
  }
  return section;
}

bool is_attribute_char(char c) {
  // RFC 2231 7: attribute-char is a token character without "*", "'" and "%".
  if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) return false;
  return std::string_view("()<>@,;:\\\"/[]?=*'%").find(c) == std::string_view::npos;
}

void append_percent(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_attribute_char(c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(hex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(hex[static_cast<unsigned char>(c) & 15]);
    }
  }
}

// Joins the sections of one name in the order of their numbers. When one of them is extended, the
// whole is, so that the answer is one ext-value; the plain ones are percent encoded for it.
Param join(std::vector<Section> sections) {
  std::stable_sort(sections.begin(), sections.end(),
                   [](const Section& a, const Section& b) { return a.number < b.number; });
  const bool extended =
      std::any_of(sections.begin(), sections.end(), [](const Section& s) { return s.extended; });
  Param param;
  param.name = sections.front().name + (extended ? "*" : "");
  if (extended && !sections.front().extended) param.value = "''";
  for (const Section& section : sections) {
    if (extended && !section.extended) {
      append_percent(param.value, section.value);
    } else {
      param.value += section.value;
    }
  }
  return param;
}

Params parse_params(Lexer& in) {
  Params params;
  std::vector<Section> parts;
  while (!in.done()) {
    if (auto section = take_parameter(in)) {
      if (section->number >= 0) {
        parts.push_back(std::move(*section));
      } else {
        params.push_back(
            {section->name + (section->extended ? "*" : ""), std::move(section->value)});
      }
    }
    // To the next semicolon, over what makes no sense.
    while (!in.done() && in.peek() != ';') {
      if (in.peek() == '"') {
        in.quoted_string();
      } else {
        in.skip();
      }
    }
    in.accept(';');
  }
  while (!parts.empty()) {
    const std::string name = parts.front().name;
    const auto others = std::stable_partition(parts.begin(), parts.end(),
                                              [&](const Section& s) { return s.name == name; });
    std::vector<Section> same(std::make_move_iterator(parts.begin()),
                              std::make_move_iterator(others));
    parts.erase(parts.begin(), others);
    params.push_back(join(std::move(same)));
  }
  return params;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() + 0 && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

constexpr std::string_view token_stop = "()<>@,;:\\\"/[]?=";

}  // namespace

ContentType parse_content_type(std::string_view raw_value) {
  ContentType out;
  Lexer in(raw_value);
  in.skip_cfws();
  const std::string type = to_lower(in.until(token_stop));
  in.skip_cfws();
  if (type.empty() || !in.accept('/')) return out;
  in.skip_cfws();
  const std::string subtype = to_lower(in.until(token_stop));
  if (subtype.empty()) return out;
  out.type = type;
  out.subtype = subtype;
  while (!in.done() && in.peek() != ';') in.skip_cfws() || (in.skip(), true);
  in.accept(';');
  out.params = parse_params(in);
  return out;
}

Disposition parse_disposition(std::string_view raw_value) {
  Disposition out;
  Lexer in(raw_value);
  in.skip_cfws();
  out.type = to_lower(in.until(token_stop));
  if (out.type.empty()) return out;
  while (!in.done() && in.peek() != ';') in.skip_cfws() || (in.skip(), true);
  in.accept(';');
  out.params = parse_params(in);
  return out;
}

std::optional<std::string_view> param(const Params& params, std::string_view name) {
  for (const Param& p : params) {
    if (p.name == name) return p.value;
  }
  return std::nullopt;
}

std::optional<std::string> param_utf8(const Params& params, std::string_view name) {
  if (const auto extended = param(params, std::string(name) + '*')) {
    // ext-value = charset "'" [language] "'" value-chars (RFC 2231 7)
    const size_t first = extended->find('\'');
    const size_t second = first == std::string_view::npos ? first : extended->find('\'', first + 1);
    if (second == std::string_view::npos) return to_utf8("", percent_decode(*extended));
    return to_utf8(extended->substr(0, first), percent_decode(extended->substr(second + 1)));
  }
  if (const auto plain = param(params, name)) return decode_header_value(*plain);
  return std::nullopt;
}

}  // namespace eilpost::mime
