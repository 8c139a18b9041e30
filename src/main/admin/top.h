// `eilpost top`: the sessions of a running server, refreshed every second on a terminal, once
// elsewhere.
#pragma once

#include <string>

namespace eilpost {

struct TopOptions {
  std::string data_dir;
  bool once = false;
};

// The exit code.
int run_top(const TopOptions& options);

}  // namespace eilpost
