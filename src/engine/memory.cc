#include "engine/memory.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "engine/rules.h"
#include "engine/watches.h"

namespace eilpost::engine {
namespace {

struct Partition {
  Version version = 0;
  std::map<std::string, std::string> rows;
};

struct Blob {
  BlobRecord record;
  // Shared with readers, who copy out of it without the lock.
  std::shared_ptr<const std::string> octets;
  bool durable = false;
};

// The upper half of every id, so that an id of another engine is not found here.
constexpr uint64_t memory_id_hi = 0x6d656d6f72790000;

}  // namespace

struct MemoryEngine::State {
  std::mutex mutex;
  std::map<PartitionId, Partition> partitions;
  std::map<BlobId, Blob> blobs;
  uint64_t last_blob = 0;
  uint64_t lives = 0;  // counts crashes: a writer of an earlier life is dead
  bool closed = false;
  Watches watches;

  CommitResult commit(PartitionId partition, Version expected, Batch batch);
};

class MemoryEngine::Writer final : public BlobWriter {
 public:
  Writer(std::shared_ptr<State> state, BlobRecord record, uint64_t life)
      : state_(std::move(state)), record_(std::move(record)), life_(life) {}

  Result<> append(std::string_view octets) override {
    if (finished_) return fail(Code::invalid, "append() after finish()");
    octets_ += octets;
    return {};
  }

  Result<BlobId> finish() override {
    if (finished_) return fail(Code::invalid, "finish() twice");
    finished_ = true;
    const std::lock_guard lock(state_->mutex);
    if (state_->closed || state_->lives != life_) return fail(Code::closed, "engine is closed");
    record_.id = BlobId{memory_id_hi, ++state_->last_blob};
    record_.size = octets_.size();
    state_->blobs[record_.id] =
        Blob{record_, std::make_shared<const std::string>(std::move(octets_)), false};
    return record_.id;
  }

 private:
  std::shared_ptr<State> state_;
  BlobRecord record_;
  uint64_t life_;
  std::string octets_;
  bool finished_ = false;
};

MemoryEngine::MemoryEngine() : state_(std::make_shared<State>()) {}
MemoryEngine::~MemoryEngine() = default;

void MemoryEngine::crash() {
  const std::lock_guard lock(state_->mutex);
  ++state_->lives;
  std::erase_if(state_->blobs, [](const auto& entry) { return !entry.second.durable; });
}

CommitResult MemoryEngine::State::commit(PartitionId partition, Version expected, Batch batch) {
  if (auto checked = check_batch(batch); !checked) return refused(std::move(checked).error());
  const std::lock_guard lock(mutex);
  if (closed) return refused(Error{Code::closed, "engine is closed"});
  const auto found = partitions.find(partition);
  const Version present = found == partitions.end() ? 0 : found->second.version;
  if (present != expected) {
    return CommitResult{.outcome = Outcome::conflict, .version = present, .error = {}};
  }
  for (const auto& id : batch.sync_blobs) {
    if (!blobs.contains(id)) return refused(Error{Code::io, "a blob to sync is not there"});
  }
  for (const auto& id : batch.sync_blobs) blobs[id].durable = true;
  auto& target = partitions[partition];
  for (auto& [key, value] : batch.puts) target.rows[key] = std::move(value);
  for (const auto& key : batch.deletes) target.rows.erase(key);
  target.version = present + 1;
  return CommitResult{.outcome = Outcome::done, .version = target.version, .error = {}};
}

void MemoryEngine::commit(PartitionId partition, Version expected, Batch batch,
                          CommitCallback done) {
  auto result = state_->commit(partition, expected, std::move(batch));
  const bool wake = result.outcome == Outcome::done;
  const Version version = result.version;
  done(std::move(result));
  if (wake) state_->watches.wake(partition, version);
}

Result<ReadResult> MemoryEngine::read(PartitionId partition, const std::vector<std::string>& keys) {
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  ReadResult result;
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->partitions.find(partition);
  if (found == state_->partitions.end()) return result;
  result.version = found->second.version;
  for (const auto& key : sorted) {
    const auto row = found->second.rows.find(key);
    if (row != found->second.rows.end()) result.rows.push_back(Row{row->first, row->second});
  }
  return result;
}

Result<ReadResult> MemoryEngine::read(PartitionId partition, const Range& range) {
  ReadResult result;
  RangeCut cut(range.rows_max);
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->partitions.find(partition);
  if (found == state_->partitions.end()) return result;
  result.version = found->second.version;
  const auto& rows = found->second.rows;
  for (auto row = rows.lower_bound(range.first); row != rows.end(); ++row) {
    if (!range.last.empty() && row->first >= range.last) break;
    if (!cut.add(result, row->first, row->second)) break;
  }
  return result;
}

void MemoryEngine::head(PartitionId partition, std::function<void(Result<Version>)> done) {
  Version version = 0;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->partitions.find(partition);
    if (found != state_->partitions.end()) version = found->second.version;
  }
  done(version);
}

std::unique_ptr<Watch> MemoryEngine::watch(PartitionId partition, Wake wake) {
  return state_->watches.add(partition, std::move(wake));
}

Result<std::vector<PartitionId>> MemoryEngine::partitions(PartitionId after) {
  std::vector<PartitionId> ids;
  const std::lock_guard lock(state_->mutex);
  auto at = state_->partitions.upper_bound(after);
  for (; at != state_->partitions.end() && ids.size() < partitions_per_call; ++at) {
    ids.push_back(at->first);
  }
  return ids;
}

Result<> MemoryEngine::remove_partition(PartitionId partition) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return fail(Code::closed, "engine is closed");
    state_->partitions.erase(partition);
  }
  state_->watches.wake(partition, 0);
  return {};
}

Result<std::unique_ptr<BlobWriter>> MemoryEngine::stage_blob(PartitionId partition, Timestamp now,
                                                             std::string place) {
  if (place.size() > place_bytes_max) return fail(Code::too_big, "a blob's place is too long");
  const std::lock_guard lock(state_->mutex);
  if (state_->closed) return fail(Code::closed, "engine is closed");
  BlobRecord record{.id = {}, .partition = partition, .staged = now, .place = std::move(place)};
  return std::make_unique<Writer>(state_, std::move(record), state_->lives);
}

Result<std::string> MemoryEngine::read_blob(BlobId id, uint64_t offset, uint64_t length) {
  std::shared_ptr<const std::string> octets;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->blobs.find(id);
    if (found == state_->blobs.end()) return fail(Code::not_found, "no such blob");
    octets = found->second.octets;
  }
  if (offset >= octets->size()) return std::string();
  return octets->substr(offset, length);
}

Result<> MemoryEngine::remove_blob(BlobId id) {
  const std::lock_guard lock(state_->mutex);
  state_->blobs.erase(id);
  return {};
}

Result<> MemoryEngine::scan_blobs(const std::function<bool(const BlobRecord&)>& each) {
  std::vector<BlobRecord> records;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& entry : state_->blobs) records.push_back(entry.second.record);
  }
  for (const auto& record : records) {
    if (!each(record)) break;
  }
  return {};
}

void MemoryEngine::close() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
}

}  // namespace eilpost::engine
