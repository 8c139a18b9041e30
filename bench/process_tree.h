// What a server costs, from /proc: CPU, written octets and memory of a process and everything that
// descends from it, since some servers are one process and some are a thousand; and from /sys what
// its disk has written. Blocks; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace eilpost::bench {

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system, with those descendants that have ended
  // Of processes that live: what they made to be written. The kernel counts a whole large folio of
  // the page cache for one octet changed in it, so a disk's own counter tells more.
  uint64_t written_bytes = 0;
  uint64_t processes = 0;
};
// All zero for pid 0 and for a process that is gone.
ProcessUsage usage_of_tree(pid_t root);

// Octets that the disk under `path` has written since the machine started, whoever gave them to it.
// Nothing when it has no such counter.
std::optional<uint64_t> written_by_disk(const std::string& path);

// Proportional set size: shared pages count once over all processes that share them. Octets.
uint64_t memory_of_tree(pid_t root);

}  // namespace eilpost::bench
