#include "engine/rocksdb/version_table.h"

namespace eilpost::engine {

std::optional<Version> VersionTable::find(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  const auto found = at_.find(partition);
  if (found == at_.end()) return std::nullopt;
  recent_.splice(recent_.begin(), recent_, found->second);
  return found->second->second;
}

void VersionTable::put(PartitionId partition, Version version) {
  const std::lock_guard lock(mutex_);
  const auto found = at_.find(partition);
  if (found != at_.end()) {
    found->second->second = version;
    recent_.splice(recent_.begin(), recent_, found->second);
    return;
  }
  recent_.emplace_front(partition, version);
  at_[partition] = recent_.begin();
  if (at_.size() <= entries_max_) return;
  at_.erase(recent_.back().first);
  recent_.pop_back();
}

}  // namespace eilpost::engine
