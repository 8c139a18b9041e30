// The engine as a node uses it, whichever it is: every operation is counted and timed, and a
// partition can be closed for writing, which is how a store is handed over to another while it is
// still read. Everything else passes through to the engine within. Thread safe; costs two looks at
// the clock and a few counters for each operation, no lock while nothing is closed.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "engine/engine.h"

namespace eilpost::engine {

class Gate final : public Engine {
 public:
  // The metrics are eilpost_engine_operations_total, _octets_total and _operation_seconds. Clock
  // and Metrics outlive the gate.
  Gate(std::unique_ptr<Engine> inner, const Clock& clock, Metrics& metrics);
  ~Gate() override;

  // From the return of close_partition() on no commit to the partition and no blob for it is begun:
  // they are refused with Code::unavailable. What was begun before may still be decided. Reading
  // goes on.
  void close_partition(PartitionId partition);
  void open_partition(PartitionId partition);
  size_t closed_partitions() const;

  Engine& inner() { return *inner_; }

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override;
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override;
  Result<ReadResult> read(PartitionId partition, const Range& range) override;
  void take_turn(PartitionId partition, std::function<void()> go) override;
  bool reachable() const override;
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
  enum class Operation { commit, read_rows, head, stage, write_blob, read_blob, remove_blob, scan };
  static constexpr size_t operation_count = 8;
  // How an operation ended, as the label says it.
  enum class Ending { done, conflict, unknown, refused, unavailable, failed };
  static constexpr size_t ending_count = 6;
  struct Meter {
    std::array<Counter*, ending_count> count{};
    Counter* octets = nullptr;
    Histogram* seconds = nullptr;
  };

  static Ending ending_of(const Error& error);
  static Ending ending_of(const CommitResult& result);
  bool is_closed(PartitionId partition) const;
  void note(Operation operation, Ending ending, int64_t begin, size_t octets);
  template <class T>
  Result<T> measured(Operation operation, int64_t begin, Result<T> result, size_t octets);

  std::unique_ptr<Engine> inner_;
  const Clock& clock_;
  std::array<Meter, operation_count> meters_;
  std::atomic<size_t> closed_count_{0};
  mutable std::mutex mutex_;
  std::unordered_set<PartitionId> closed_;
};

}  // namespace eilpost::engine
