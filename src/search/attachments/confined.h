// Runs a program on octets of strangers, with nothing to gain for it: it has no network, sees of
// the disk what programs consist of and a directory of its own, can signal, trace and alter nobody,
// gains no rights, and ends, with all that it has started, when its time is over. Linux's Landlock,
// seccomp and limits of resources do that; a kernel without Landlock runs nothing. Blocks; any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace eilpost::search {

struct Confinement {
  std::chrono::milliseconds time{1000 * limits::attachment_helper_seconds};
  uint64_t memory_bytes = limits::attachment_helper_bytes;  // of each process
  uint64_t file_bytes = limits::attachment_bytes_max;       // of each file that it writes
  uint64_t output_bytes = limits::attachment_text_bytes;    // the rest is not read
};

// What the program writes to its standard output. `input` is its standard input and the file
// "input" of its working directory, which is writable and goes when it ends. Its name is looked for
// in /usr/local/bin, /usr/bin and /bin. What it has written counts whatever its exit status is.
// Code::invalid: it failed or was killed and had written nothing; Code::timeout: its time was over;
// any other speaks against the program or the system and not against the input, such as
// Code::not_found, Code::permission, Code::cannot (no Landlock), Code::io.
Result<std::string> run_confined(const std::vector<std::string>& command, std::string_view input,
                                 const Confinement& confinement);

}  // namespace eilpost::search
