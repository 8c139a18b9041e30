#include "engine/watches.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eilpost::engine {
namespace {

// Recursive, so that a callback may end its own watch.
struct Entry {
  explicit Entry(Wake w) : wake(std::move(w)) {}
  std::recursive_mutex mutex;
  bool alive = true;
  Wake wake;
};

}  // namespace

struct Watches::Table {
  std::mutex mutex;
  // Shared by the Watch and by a wake() in progress.
  std::unordered_map<PartitionId, std::vector<std::shared_ptr<Entry>>> entries;
};

class Watches::Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Table> table, PartitionId partition, std::shared_ptr<Entry> entry)
      : table_(std::move(table)), partition_(partition), entry_(std::move(entry)) {}

  ~Handle() override {
    {
      const std::lock_guard lock(table_->mutex);
      const auto at = table_->entries.find(partition_);
      std::erase(at->second, entry_);
      if (at->second.empty()) table_->entries.erase(at);
    }
    const std::lock_guard lock(entry_->mutex);
    entry_->alive = false;
  }

 private:
  std::shared_ptr<Table> table_;
  PartitionId partition_;
  std::shared_ptr<Entry> entry_;
};

Watches::Watches() : table_(std::make_shared<Table>()) {}

std::unique_ptr<Watch> Watches::add(PartitionId partition, Wake wake) {
  auto entry = std::make_shared<Entry>(std::move(wake));
  {
    const std::lock_guard lock(table_->mutex);
    table_->entries[partition].push_back(entry);
  }
  return std::make_unique<Handle>(table_, partition, std::move(entry));
}

void Watches::wake(PartitionId partition, Version version) const {
  std::vector<std::shared_ptr<Entry>> entries;
  {
    const std::lock_guard lock(table_->mutex);
    const auto at = table_->entries.find(partition);
    if (at == table_->entries.end()) return;
    entries = at->second;
  }
  for (const auto& entry : entries) {
    const std::lock_guard lock(entry->mutex);
    if (entry->alive) entry->wake(version);
  }
}

}  // namespace eilpost::engine
