// JSON (RFC 8259) as plain values: parse, look into, print. Boost.JSON stands behind this header
// and nowhere else. Of members with the same name the last counts (RFC 7519 4 allows that). Values
// only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace eilpost {

struct JsonMember;

struct Json {
  using Array = std::vector<Json>;
  using Object = std::vector<JsonMember>;  // in the order of the text
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value;

  // The member of an object; null when this is none or has none of that name.
  const Json* find(std::string_view name) const;
  // The member's text, or "" when there is none or it is no text.
  std::string_view text_at(std::string_view name) const;
  // The member as seconds or another whole number; fractions are cut off, as for NumericDate.
  std::optional<int64_t> integer_at(std::string_view name) const;
  // The member's texts: one text, or an array's.
  std::vector<std::string> texts_at(std::string_view name) const;
  bool is_object() const { return std::holds_alternative<Object>(value); }
  const Array* array_at(std::string_view name) const;
  friend bool operator==(const Json&, const Json&) = default;
};

struct JsonMember {
  std::string name;
  Json value;
  friend bool operator==(const JsonMember&, const JsonMember&) = default;
};

// Code::invalid; Code::too_big above 1 MiB. Nesting deeper than 32 is invalid, and so are
// numbers beyond a double (RFC 8259 6 leaves the range open).
Result<Json> parse_json(std::string_view text);
std::string print_json(const Json& json);

// A string with its quotes (RFC 8259 7), for those who print a document piece by piece. Octets that
// are no UTF-8 come out as U+FFFD.
std::string json_string(std::string_view text);

}  // namespace eilpost
