// What the files of this folder share that hold the table of keys: a key, and the usual ways in
// which its value goes into the Config. A topic with keys of its own has a file x_keys.cc, whose
// function is declared here and called by config_keys.cc. Values only.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "main/config/config.h"

namespace eilpost {

// Gives the value to the configuration; answers what is wrong with it, or "".
using Apply = std::function<std::string(const ConfigValue&, Config&)>;

struct Key {
  std::string_view section;  // "" for the top
  std::string_view name;
  std::string_view type;
  std::string_view fallback;
  std::string_view meaning;
  Apply apply;
};

inline std::string expected(std::string_view type) {
  return fmt::format("expected {}", type);
}

template <class T>
Apply number(int64_t least, int64_t most, T& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<int64_t>(&value.value);
    if (given == nullptr) return expected("an integer");
    if (*given < least || *given > most) {
      return fmt::format("{} is not between {} and {}", *given, least, most);
    }
    field(config) = static_cast<T>(*given);
    return "";
  };
}

inline Apply boolean(bool& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<bool>(&value.value);
    if (given == nullptr) return expected("true or false");
    field(config) = *given;
    return "";
  };
}

inline Apply text(std::string& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<std::string>(&value.value);
    if (given == nullptr) return expected("a string");
    field(config) = *given;
    return "";
  };
}

// Gives each string of an array to `take`, which answers what is wrong with it.
template <class F>
std::string each_string(const ConfigValue& value, std::string_view what, F take) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return fmt::format("expected an array of {}", what);
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr || given->empty()) return fmt::format("expected {} as strings", what);
    if (const std::string wrong = take(*given); !wrong.empty()) return wrong;
  }
  return "";
}

template <class T>
using Choices = std::vector<std::pair<std::string_view, T>>;

// One of some words; the field may be an optional of what they mean.
template <class T, class Field = T>
Apply choice(Choices<T> choices, std::type_identity_t<Field>& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<std::string>(&value.value);
    std::string all;
    for (const auto& [word, meaning] : choices) {
      if (given != nullptr && *given == word) {
        field(config) = meaning;
        return "";
      }
      all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", word);
    }
    return fmt::format("expected one of {}", all);
  };
}

// A section that is an array of tables; begin() makes the element that its keys go to.
struct ArraySection {
  std::string_view name;
  std::function<void(Config&, ConfigPlace)> begin;
};

// auth_keys.cc: [auth], [oauth], and what can be said of them when the whole file is read.
std::vector<Key> auth_keys();
std::vector<ArraySection> auth_sections();
void finish_auth(const Config& config, std::vector<ConfigProblem>& problems);
// directory_keys.cc
std::vector<Key> directory_keys();
void check_directories(const Config& config, std::vector<ConfigProblem>& problems);
// policy_keys.cc: [[policy]], [abuse] and [audit], and what can be said of it when the whole file
// is read.
std::vector<Key> policy_keys();
std::vector<Key> abuse_keys();
std::vector<Key> audit_keys();
std::vector<ArraySection> policy_sections();
// search_keys.cc: [search] and [[search.helper]].
std::vector<Key> search_keys();
std::vector<ArraySection> search_sections();
void check_search(const Config& config, std::vector<ConfigProblem>& problems);
// alert_keys.cc: [alerts] and [[alert]].
std::vector<Key> alert_keys();
std::vector<ArraySection> alert_sections();
void finish_policy(Config& config, std::vector<ConfigProblem>& problems);

}  // namespace eilpost
