// `eilpost restore`: a backup becomes a data directory. Works on files only; no server may run on
// it.
#pragma once

#include <string>

#include "base/result.h"
#include "main/output.h"

namespace eilpost {

struct RestoreOptions {
  std::string backup;
  std::string data_dir;
};

// Verifies every file while it is copied, then begins a new epoch in each account. Nothing stands
// at `data_dir`/engine until all of it is done. Code::already_exists when there is something.
Result<> restore(const RestoreOptions& options, Output& output);

}  // namespace eilpost
