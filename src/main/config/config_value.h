// A configuration file as plain values with the place of each, so that every complaint names line
// and column. config.cc makes them from TOML; config_keys.cc gives them meaning. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace eilpost {

struct ConfigPlace {
  uint32_t line = 0;  // from 1; 0: the file as a whole
  uint32_t column = 0;
};

struct ConfigValue;
using ConfigArray = std::vector<ConfigValue>;
struct ConfigEntry;
using ConfigTable = std::vector<ConfigEntry>;  // in the order of the file

struct ConfigValue {
  ConfigPlace place;
  // monostate: a TOML type that no key takes (dates, floats).
  std::variant<std::monostate, std::string, int64_t, bool, ConfigArray, ConfigTable> value;
};

struct ConfigEntry {
  std::string key;
  ConfigPlace place;  // of the key
  ConfigValue value;
};

// One complaint, printed "FILE:LINE:COLUMN: KEY: TEXT".
struct ConfigProblem {
  ConfigPlace place;
  std::string key;  // dotted: "limits.message_bytes"
  std::string text;
};

}  // namespace eilpost
