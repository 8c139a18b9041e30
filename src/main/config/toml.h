// TOML text as the plain values of config_value.h. toml++ stands behind this header and nowhere
// else. Values only; any thread.
#pragma once

#include <string_view>
#include <tl/expected.hpp>

#include "main/config/config_value.h"

namespace eilpost {

tl::expected<ConfigTable, ConfigProblem> parse_toml(std::string_view text);

}  // namespace eilpost
