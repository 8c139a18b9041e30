// The rules of `eilpost cleanup rules FILE`: a TOML file of [[rule]] tables. Every key is in one
// table with its type and meaning; a key that is not there, or a value that cannot be, is told with
// line, column, key and what was expected, and all of a file's faults at once. Values only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cleanup/rule.h"
#include "main/config/config_value.h"

namespace eilpost {

struct CleanupRules {
  std::vector<client::Rule> rules;
  std::vector<ConfigProblem> problems;  // not empty: the rules cannot be used
};
CleanupRules parse_cleanup_rules(std::string_view text);

}  // namespace eilpost
