#include "engine/engine.h"

#include <condition_variable>
#include <mutex>

namespace eilpost::engine {
namespace {

// Hands one value from a callback to the thread that waits for it. The waiter owns it, so the
// callback must be done with it before wait() returns: it notifies under the lock.
template <class T>
class Handover {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    arrived_.notify_one();
  }
  T wait() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::optional<T> value_;
};

}  // namespace

size_t Batch::bytes() const {
  size_t sum = sync_blobs.size() * sizeof(BlobId);
  for (const auto& [key, value] : puts) sum += key.size() + value.size();
  for (const auto& key : deletes) sum += key.size();
  return sum;
}

void Engine::take_turn(PartitionId /*partition*/, std::function<void()> go) {
  go();
}

Result<> Engine::read_blob_into(BlobId id, uint64_t offset, uint64_t length, std::string& into) {
  into = TRY(read_blob(id, offset, length));
  return {};
}

CommitResult commit_wait(Engine& engine, PartitionId partition, Version expected, Batch batch) {
  Handover<CommitResult> handover;
  engine.commit(partition, expected, std::move(batch), [&handover](CommitResult result) {
    if (result.outcome != Outcome::stalled) handover.put(std::move(result));
  });
  return handover.wait();
}

Result<Version> head_wait(Engine& engine, PartitionId partition) {
  Handover<Result<Version>> handover;
  engine.head(partition,
              [&handover](Result<Version> version) { handover.put(std::move(version)); });
  return handover.wait();
}

}  // namespace eilpost::engine
