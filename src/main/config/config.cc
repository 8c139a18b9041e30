#include "main/config/config.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <sstream>

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

ConfigOutcome parse_config(std::string_view text, const std::string& file) {
  ConfigOutcome out;
  out.config.file = file;
  out.config.settings.default_mailboxes = standard_mailboxes();
  out.config.settings.hostname = system_hostname();
  out.config.node.name = system_hostname();
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    out.problems.push_back({place_of(error.source()), "", std::string(error.description())});
    return out;
  }
  apply_config(convert_table(parsed.table()), out.config, out.problems);
  return out;
}

Result<ConfigOutcome> read_config(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail_errno(file, errno);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return fail(Code::io, file + ": cannot be read");
  return parse_config(text.str(), file);
}

std::string print_problem(const std::string& file, const ConfigProblem& problem) {
  std::string out = file;
  if (problem.place.line != 0) {
    out += fmt::format(":{}:{}", problem.place.line, problem.place.column);
  }
  if (!problem.key.empty()) out += ": " + problem.key;
  return out + ": " + problem.text;
}

}  // namespace eilpost
