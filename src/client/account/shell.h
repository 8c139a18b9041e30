// Commands that the user names, run by /bin/sh: for secrets and for what is done with events. The
// child gets none of our signal mask and none of our descriptors but the three standard ones. Any
// thread; waiting blocks.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace eilpost::client {

struct ShellCommand {
  std::string line;
  // "NAME=value", besides our own environment.
  std::vector<std::string> environment;
  int output = -1;  // a descriptor for its standard output; -1: ours
};
Result<pid_t> start_shell(const ShellCommand& command);
// Its exit code; 128 and the signal that ended it.
int wait_for_shell(pid_t child);

}  // namespace eilpost::client
