// The reference engine: everything in memory, and the plainest code that keeps the contract. For
// tests and simulation. Commits, callbacks and wakes happen inline on the calling thread, without a
// lock held. Stricter than it must be: a commit whose sync_blobs name a blob that is not there is
// refused, with Code::io and nothing written. Thread safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace eilpost::engine {

class MemoryEngine final : public Engine {
 public:
  MemoryEngine();
  ~MemoryEngine() override;

  // As if the process had died and come back: blobs that no commit has made durable are gone, blob
  // writers fail from here on. Watches stay (their holders are the caller's to forget).
  void crash();

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override;
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override;
  Result<ReadResult> read(PartitionId partition, const Range& range) override;
  void head(PartitionId partition, std::function<void(Result<Version>)> done) override;
  std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) override;
  Result<std::vector<PartitionId>> partitions(PartitionId after) override;
  Result<> remove_partition(PartitionId partition) override;
  Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                 std::string place) override;
  Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) override;
  Result<> remove_blob(BlobId id) override;
  Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) override;
  void close() override;

 private:
  class Writer;
  struct State;
  // Shared with the blob writers, which may be destroyed after the engine.
  std::shared_ptr<State> state_;
};

}  // namespace eilpost::engine
