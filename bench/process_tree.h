// What a server costs, from /proc: CPU, written octets and memory of a process and everything that
// descends from it, since some servers are one process and some are a thousand. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace eilpost::bench {

struct ProcessUsage {
  double cpu_seconds = 0;      // user and system, with those descendants that have ended
  uint64_t written_bytes = 0;  // handed to the disk by processes that live
  uint64_t processes = 0;
};
// All zero for pid 0 and for a process that is gone.
ProcessUsage usage_of_tree(pid_t root);

// Proportional set size: shared pages count once over all processes that share them. Octets.
uint64_t memory_of_tree(pid_t root);

}  // namespace eilpost::bench
