#include "base/json.h"

#include <fmt/format.h>

#include <boost/json/src.hpp>
#include <cmath>

namespace eilpost {

namespace {

constexpr size_t text_bytes_max = 1024 * 1024;
constexpr size_t depth_max = 32;

// `finite` becomes false when a number lies beyond a double, which JSON could not print again.
Json convert(const boost::json::value& in, bool& finite) {
  Json out;
  switch (in.kind()) {
    case boost::json::kind::null: break;
    case boost::json::kind::bool_: out.value = in.get_bool(); break;
    case boost::json::kind::int64: out.value = in.get_int64(); break;
    case boost::json::kind::uint64: out.value = static_cast<double>(in.get_uint64()); break;
    case boost::json::kind::double_:
      out.value = in.get_double();
      finite = finite && std::isfinite(in.get_double());
      break;
    case boost::json::kind::string:
      out.value = std::string(in.get_string().data(), in.get_string().size());
      break;
    case boost::json::kind::array: {
      Json::Array items;
      for (const auto& item : in.get_array()) items.push_back(convert(item, finite));
      out.value = std::move(items);
      break;
    }
    case boost::json::kind::object: {
      Json::Object members;
      for (const auto& member : in.get_object()) {
        members.push_back({std::string(member.key().data(), member.key().size()),
                           convert(member.value(), finite)});
      }
      out.value = std::move(members);
      break;
    }
  }
  return out;
}

boost::json::value convert(const Json& in) {
  struct Visitor {
    boost::json::value operator()(std::monostate) const { return nullptr; }
    boost::json::value operator()(bool v) const { return v; }
    boost::json::value operator()(int64_t v) const { return v; }
    boost::json::value operator()(double v) const { return v; }
    boost::json::value operator()(const std::string& v) const {
      return boost::json::string_view(v.data(), v.size());
    }
    boost::json::value operator()(const Json::Array& v) const {
      boost::json::array out;
      for (const auto& item : v) out.push_back(convert(item));
      return out;
    }
    boost::json::value operator()(const Json::Object& v) const {
      boost::json::object out;
      for (const auto& member : v) {
        out[boost::json::string_view(member.name.data(), member.name.size())] =
            convert(member.value);
      }
      return out;
    }
  };
  return std::visit(Visitor{}, in.value);
}

}  // namespace

const Json* Json::find(std::string_view name) const {
  const auto* members = std::get_if<Object>(&value);
  if (members == nullptr) return nullptr;
  for (const auto& member : *members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string_view Json::text_at(std::string_view name) const {
  const Json* member = find(name);
  const auto* text = member == nullptr ? nullptr : std::get_if<std::string>(&member->value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::optional<int64_t> Json::integer_at(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(&member->value)) return *integer;
  const auto* number = std::get_if<double>(&member->value);
  // Beyond this a double is no whole number any more.
  if (number == nullptr || !(std::fabs(*number) < 9e15)) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::vector<std::string> Json::texts_at(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr) return {};
  if (const auto* text = std::get_if<std::string>(&member->value)) return {*text};
  std::vector<std::string> out;
  if (const auto* items = std::get_if<Array>(&member->value)) {
    for (const auto& item : *items) {
      if (const auto* text = std::get_if<std::string>(&item.value)) out.push_back(*text);
    }
  }
  return out;
}

const Json::Array* Json::array_at(std::string_view name) const {
  const Json* member = find(name);
  return member == nullptr ? nullptr : std::get_if<Array>(&member->value);
}

Result<Json> parse_json(std::string_view text) {
  if (text.size() > text_bytes_max) return fail(Code::too_big, "JSON of more than 1 MiB");
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::json::error_code error;
  const auto parsed = boost::json::parse(boost::json::string_view(text.data(), text.size()), error,
                                         boost::json::storage_ptr(), options);
  if (error) return fail(Code::invalid, "JSON: " + error.message());
  bool finite = true;
  Json out = convert(parsed, finite);
  if (!finite) return fail(Code::invalid, "JSON: a number beyond 1.8e308");
  return out;
}

std::string print_json(const Json& json) {
  return boost::json::serialize(convert(json));
}

namespace {

// Octets of the well-formed UTF-8 character that `text` begins with (RFC 3629 4), 0 for none.
size_t character_octets(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const size_t octets = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
  if (octets == 0 || octets > text.size()) return 0;
  for (size_t i = 1; i < octets; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  if (octets > 2) {
    const unsigned char second = at(1);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second >= 0xa0;
    if (overlong || surrogate || (lead == 0xf4 && second >= 0x90)) return 0;
  }
  return octets;
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t octets = character_octets(text);
    const char c = text.front();
    if (octets == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += text.substr(0, octets);
    }
    text.remove_prefix(octets == 0 ? 1 : octets);
  }
  return out + '"';
}

}  // namespace eilpost
