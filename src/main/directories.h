// From the configuration's [[directory]] to the directories of a Node.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "directory/outside/directories.h"
#include "directory/password.h"
#include "main/config/config.h"

namespace eilpost {

// What is wrong with one, whatever its servers say; "": nothing.
std::string wrong_with(const DirectoryConfig& config);

// Connects to none of them. Code::io: a file with a password cannot be read. The rest outlives
// them.
Result<std::vector<directory::OutsideDirectory>> make_directories(
    const Config& config, const directory::NameRules& names, const Clock& clock,
    directory::PasswordHasher& hasher);

// How many threads may wait for directories elsewhere at once.
size_t outside_callers_max(const Config& config);

}  // namespace eilpost
