// An engine that does everything that the contract allows and nobody hopes for: commits late,
// conflicts that were none, answers that get lost (written or not), commits that stall, storage
// that cannot be reached, wakes late, doubled or lost, reads and blob writes that fail, removals
// that a crash undoes. Wraps a MemoryEngine and draws every decision from one seed, so that a run
// can be repeated when one thread drives it. Thread safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "engine/watches.h"

namespace eilpost::engine {

// Each is a chance in 1,000.
struct FaultyOptions {
  uint64_t seed = 1;
  uint32_t delay_commit = 0;     // queued until step(), or until something behind it is not delayed
  uint32_t conflict = 0;         // Outcome::conflict with the true version, though nobody was first
  uint32_t unknown_written = 0;  // Outcome::unknown with Code::unknown, and it happened
  uint32_t unknown_lost = 0;     // the same, and it did not
  uint32_t refuse_commit = 0;    // Outcome::unknown with Code::io
  uint32_t stall_commit = 0;     // Outcome::stalled; decided at a later step()
  uint32_t fail_head = 0;        // Code::unavailable
  uint32_t fail_read = 0;        // Code::unavailable, of rows, partitions and blobs
  uint32_t fail_blob_write = 0;  // Code::io from append() or finish()
  uint32_t lose_wake = 0;
  uint32_t double_wake = 0;
  uint32_t delay_wake = 0;   // comes at a later step()
  uint32_t undo_remove = 0;  // a removed blob is back after crash()
  // A thread steps all the time: for callers that wait. Runs cannot be repeated exactly then.
  bool steps_by_itself = false;

  // Some of everything that callers must survive without being told of an error.
  static FaultyOptions unkind(uint64_t seed);
};

class FaultyEngine final : public Engine {
 public:
  FaultyEngine(std::unique_ptr<MemoryEngine> inner, FaultyOptions options);
  ~FaultyEngine() override;

  // Applies and answers what is delayed, oldest first: at most so many, and decides what is
  // stalled. Answers how many were left. Nothing happens while the storage is not reachable.
  size_t step(size_t count = SIZE_MAX);
  // While false every call is refused with Code::unavailable, and all wakes are lost.
  void set_reachable(bool reachable);
  // The process dies and comes back: back to the last durable state. What was delayed is applied or
  // dropped by the seed and never answered; unsynced blobs are gone; all watches are dead.
  void crash();
  // Changes what happens from here on; the seed is not taken again.
  void set_options(const FaultyOptions& options);
  // How often take_turn() was called.
  uint64_t turns() const { return turns_; }

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override;
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override;
  Result<ReadResult> read(PartitionId partition, const Range& range) override;
  void take_turn(PartitionId partition, std::function<void()> go) override;
  bool reachable() const override { return reachable_; }
  void head(PartitionId partition, std::function<void(Result<Version>)> done) override;
  std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) override;
  Result<std::vector<PartitionId>> partitions(PartitionId after) override;
  Result<> remove_partition(PartitionId partition) override;
  Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                 std::string place) override;
  Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) override;
  Result<> remove_blob(BlobId id) override;
  Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) override;
  // Applies and answers what is delayed.
  void close() override;

 private:
  class Writer;
  struct Delayed {
    PartitionId partition;
    Version expected = 0;
    Batch batch;
    CommitCallback done;
  };

  bool chance(uint32_t FaultyOptions::*of);
  void apply(Delayed job);
  size_t apply_delayed(size_t count);
  void decide_stalled();
  void wake(PartitionId partition, Version version);
  void flush_wakes();
  void step_by_itself();

  std::unique_ptr<MemoryEngine> inner_;
  Random random_;
  // Replaced by crash(), so that the watches of an earlier life hear nothing.
  std::shared_ptr<Watches> watches_;
  std::mutex mutex_;
  FaultyOptions options_;
  std::deque<Delayed> delayed_;
  std::deque<Delayed> stalled_;
  std::atomic<bool> reachable_{true};
  std::atomic<uint64_t> turns_{0};
  std::deque<std::pair<PartitionId, Version>> delayed_wakes_;
  std::unordered_set<BlobId> half_removed_;  // read as removed, back after a crash
  bool closing_ = false;
  std::condition_variable closes_;
  std::thread stepper_;
};

}  // namespace eilpost::engine
