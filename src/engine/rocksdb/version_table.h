// The versions of the partitions used lately, so that head() and the guard of a commit need no
// read. Only the committer puts versions in, after they are durable: whoever else read one could
// put it in too late. Forgets the least recently used. Thread safe; never blocks for long.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "engine/engine.h"

namespace eilpost::engine {

class VersionTable {
 public:
  explicit VersionTable(size_t entries_max) : entries_max_(entries_max) {}

  // 0: known not to exist.
  std::optional<Version> find(PartitionId partition);
  void put(PartitionId partition, Version version);

 private:
  using Entry = std::pair<PartitionId, Version>;
  size_t entries_max_;
  std::mutex mutex_;
  std::list<Entry> recent_;  // latest first
  std::unordered_map<PartitionId, std::list<Entry>::iterator> at_;
};

}  // namespace eilpost::engine
