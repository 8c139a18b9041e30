#include "directory/outside/ldap_filter.h"

#include <fmt/format.h>

#include <algorithm>

namespace eilpost::directory {

namespace {

constexpr int depth_max = 32;

bool is_attribute_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == ';' || c == ':' || c == '_';
}

bool is_attribute(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_attribute_octet);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string escape(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain =
        octet > 0x1f && octet < 0x7f && std::string_view("*()\\").find(c) == std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("\\{:02x}", octet);
    }
  }
  return out;
}

// filter = "(" filtercomp ")"; filtercomp = and / or / not / item (RFC 4515 3)
class FilterParser {
 public:
  explicit FilterParser(std::string_view text) : text_(text) {}

  Result<LdapFilter> whole() {
    auto out = TRY(filter(0));
    if (at_ != text_.size()) return wrong("something behind the end");
    return out;
  }

 private:
  tl::unexpected<Error> wrong(std::string_view what) const {
    return fail(Code::invalid, fmt::format("{} at octet {} of the filter", what, at_ + 1));
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<LdapFilter> filter(int depth) {
    if (depth > depth_max) return wrong("too many parentheses");
    if (!take('(')) return wrong("expected \"(\"");
    LdapFilter out;
    if (take('&')) {
      out.kind = LdapFilter::Kind::all_of;
    } else if (take('|')) {
      out.kind = LdapFilter::Kind::any_of;
    } else if (take('!')) {
      out.kind = LdapFilter::Kind::none_of;
    } else {
      out = TRY(item());
      if (!take(')')) return wrong("expected \")\"");
      return out;
    }
    while (at_ < text_.size() && text_[at_] == '(') out.parts.push_back(TRY(filter(depth + 1)));
    if (out.kind == LdapFilter::Kind::none_of && out.parts.size() != 1) {
      return wrong("\"!\" takes one filter");
    }
    if (out.parts.empty()) return wrong("expected a filter");
    if (!take(')')) return wrong("expected \")\"");
    return out;
  }

  // item = attr filtertype assertionvalue; ordering, approximate and substring items stay text.
  Result<LdapFilter> item() {
    LdapFilter out;
    const size_t begin = at_;
    while (at_ < text_.size() && is_attribute_octet(text_[at_])) ++at_;
    out.attribute = text_.substr(begin, at_ - begin);
    if (out.attribute.empty()) return wrong("expected an attribute");
    const size_t type = at_;
    if (!take('<') && !take('>')) (void)take('~');
    const bool ordered = at_ != type;
    if (!take('=')) return wrong("expected \"=\"");
    bool stars = false;
    while (at_ < text_.size() && text_[at_] != ')') {
      const char c = text_[at_];
      if (c == '(' || c == '\0') return wrong("an octet that must be written \\xx");
      stars = stars || c == '*';
      if (c != '\\') {
        out.value += c;
        ++at_;
        continue;
      }
      const bool escape = at_ + 2 < text_.size() && hex_digit(text_[at_ + 1]) >= 0 &&
                          hex_digit(text_[at_ + 2]) >= 0;
      if (!escape) return wrong("expected \\xx");
      out.value += static_cast<char>(hex_digit(text_[at_ + 1]) * 16 + hex_digit(text_[at_ + 2]));
      at_ += 3;
    }
    if (!ordered && !stars) {
      out.kind = LdapFilter::Kind::equal;
      return out;
    }
    const auto text = text_.substr(type, at_ - type);
    out.kind = text == "=*" ? LdapFilter::Kind::present : LdapFilter::Kind::other;
    out.value = out.kind == LdapFilter::Kind::present ? "" : std::string(text);
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

LdapFilter equal_to(std::string attribute, std::string value) {
  return {.kind = LdapFilter::Kind::equal,
          .attribute = is_attribute(attribute) ? std::move(attribute) : "objectClass",
          .value = std::move(value)};
}

LdapFilter all_of(std::vector<LdapFilter> parts) {
  return {.kind = LdapFilter::Kind::all_of, .parts = std::move(parts)};
}

LdapFilter any_of(std::vector<LdapFilter> parts) {
  return {.kind = LdapFilter::Kind::any_of, .parts = std::move(parts)};
}

std::string print_filter(const LdapFilter& filter) {
  using Kind = LdapFilter::Kind;
  switch (filter.kind) {
    case Kind::equal: return "(" + filter.attribute + "=" + escape(filter.value) + ")";
    case Kind::present: return "(" + filter.attribute + "=*)";
    case Kind::other: return "(" + filter.attribute + filter.value + ")";
    default: break;
  }
  const char sign = filter.kind == Kind::all_of ? '&' : filter.kind == Kind::any_of ? '|' : '!';
  std::string out = {'(', sign};
  for (const LdapFilter& part : filter.parts) out += print_filter(part);
  return out + ")";
}

Result<LdapFilter> parse_filter(std::string_view text) {
  return FilterParser(text).whole();
}

}  // namespace eilpost::directory
