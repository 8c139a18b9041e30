#include "main/config/toml.h"

#include <algorithm>
#include <string>

// No exceptions: errors come as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace eilpost {

namespace {

ConfigPlace place_of(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

ConfigValue convert(const toml::node& node);

ConfigTable convert_table(const toml::table& table) {
  ConfigTable out;
  for (const auto& [key, node] : table) {
    out.push_back({std::string(key.str()), place_of(key.source()), convert(node)});
  }
  // toml++ keeps keys sorted; complaints read better in the order of the file.
  std::stable_sort(out.begin(), out.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
    return a.place.line != b.place.line ? a.place.line < b.place.line
                                        : a.place.column < b.place.column;
  });
  return out;
}

// Depth is bounded by toml++ (TOML_MAX_NESTED_VALUES).
ConfigValue convert(const toml::node& node) {
  ConfigValue out;
  out.place = place_of(node.source());
  if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* number = node.as_integer()) {
    out.value = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.value = boolean->get();
  } else if (const auto* array = node.as_array()) {
    ConfigArray items;
    for (const auto& item : *array) items.push_back(convert(item));
    out.value = std::move(items);
  } else if (const auto* table = node.as_table()) {
    out.value = convert_table(*table);
  }
  return out;
}

}  // namespace

tl::expected<ConfigTable, ConfigProblem> parse_toml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return tl::unexpected(
        ConfigProblem{place_of(error.source()), "", std::string(error.description())});
  }
  return convert_table(parsed.table());
}

}  // namespace eilpost
