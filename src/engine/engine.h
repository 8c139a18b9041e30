// The engine: where bytes lie. A partition is an ordered map of byte strings that changes
// atomically; a blob is an immutable run of octets. What stands here is all that any engine
// promises, and nothing beyond it may leak upwards (a RADOS object per partition has to be able to
// keep it):
//  1. commit() is atomic and durable, guarded by the version the caller expects, and asynchronous.
//  2. one read() is atomic and says the version it saw; no snapshot spans two calls.
//  3. a blob is durable before the batch that names it commits (the commit sees to that:
//  sync_blobs).
//  4. watch() wakes after commits by anyone; a wake may be late, doubled or lost, and may say the
//  version that its commit made.
// All functions are thread safe. read(), blob reads and Blob writes block (disk pool); commit(),
// head() and watch() do not. Callbacks run on an engine thread or inline, must not block, only
// post.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace eilpost::engine {

// Counts the commits of one partition: 0 is "no such partition", the first commit makes 1.
using Version = uint64_t;

// Names a blob for ever, opaque above the engine; all zero is "none".
struct BlobId {
  uint64_t hi = 0;
  uint64_t lo = 0;
  friend auto operator<=>(const BlobId&, const BlobId&) = default;
  explicit operator bool() const { return hi != 0 || lo != 0; }
};

// Row keys are 1 to 250 octets. A put replaces; deleting an absent key is fine. Puts and deletes of
// one batch name different keys.
struct Batch {
  std::vector<std::pair<std::string, std::string>> puts;
  std::vector<std::string> deletes;
  // Blobs that this batch is the first to name: durable before it is.
  std::vector<BlobId> sync_blobs;

  // What counts against limits::batch_bytes_max.
  size_t bytes() const;
};

enum class Outcome {
  done,      // durable; `version` is the partition's new one
  conflict,  // nothing written; `version` is the partition's present one
  // With Code::unknown in `error`: it may have happened or not. It is decided when it is reported:
  // a batch that had not happened by then never happens. With any other code: a refusal, nothing
  // was written.
  unknown,
  // Not decided: the storage has not answered for limits::commit_stall_ms. The callback comes a
  // second time, with one of the others, when it is. Of one commit this comes once at most, and
  // only from engines whose storage is elsewhere.
  stalled,
};

struct CommitResult {
  Outcome outcome = Outcome::unknown;
  Version version = 0;
  Error error;  // for `unknown` and `stalled`: why

  // Nothing was written, and the same may be refused again: `error` says why.
  bool was_refused() const { return outcome == Outcome::unknown && error.code != Code::unknown; }
};
using CommitCallback = std::function<void(CommitResult)>;
// The version is of the commit that it tells of, or 0: something may have happened.
using Wake = std::function<void(Version)>;

// Rows from `first` (inclusive) to `last` (exclusive; empty: to the end), ascending.
struct Range {
  std::string first;
  std::string last;
  size_t rows_max = SIZE_MAX;  // besides limits::read_bytes_max
};

struct Row {
  std::string key;
  std::string value;
};

struct ReadResult {
  Version version = 0;
  std::vector<Row> rows;
  bool more = false;  // a range was cut: go on behind the last key, and compare versions
};

// What a sweep reads of a blob when every index is lost.
struct BlobRecord {
  BlobId id;
  PartitionId partition;
  Timestamp staged;
  std::string place;  // as given to stage_blob()
  uint64_t size = 0;
};

// One blob being written. Not thread safe. Destroyed before finish(): nothing is left.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  virtual Result<> append(std::string_view octets) = 0;
  // The id to name in a batch's sync_blobs. Not durable yet. No append() afterwards.
  virtual Result<BlobId> finish() = 0;
};

// Ends the watch when destroyed; after that no callback runs.
class Watch {
 public:
  virtual ~Watch() = default;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Writes `batch` if the partition's version is `expected`. Larger than limits::batch_bytes_max:
  // refused.
  virtual void commit(PartitionId partition, Version expected, Batch batch,
                      CommitCallback done) = 0;

  // The rows that exist among `keys` (any order; answered ascending), or those of `range`.
  virtual Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) = 0;
  virtual Result<ReadResult> read(PartitionId partition, const Range& range) = 0;

  // A hint, for a writer whose commits have lost to others again and again: calls `go` when the
  // partition is this engine's to write next (others hold back until its next commit, or until
  // limits::turn_ms have passed), or when asking did not help. The guard of commit() decides as
  // ever.
  virtual void take_turn(PartitionId partition, std::function<void()> go);

  // False while the storage does not answer: calls are refused at once with Code::unavailable.
  virtual bool reachable() const { return true; }

  // The partition's present version, for the cost of one small message at most.
  virtual void head(PartitionId partition, std::function<void(Result<Version>)> done) = 0;

  // Calls `wake` after commits to the partition. Followers also compare versions every 30 s.
  virtual std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) = 0;

  // Every partition there is, ascending, from `after` (exclusive); at most 1,000 a call.
  virtual Result<std::vector<PartitionId>> partitions(PartitionId after) = 0;
  // Removes every row of a partition, not its blobs. Its id is never used again.
  virtual Result<> remove_partition(PartitionId partition) = 0;

  // `place` (at most 200 octets) says where the blob was meant to go; kept in its record.
  virtual Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                         std::string place) = 0;
  // Octets [offset, offset + length), fewer at the end. Checks the checksums of what it reads.
  virtual Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) = 0;
  // The same in place of what `into` holds, whose memory is used again.
  virtual Result<> read_blob_into(BlobId id, uint64_t offset, uint64_t length, std::string& into);
  // Gives the disk its space back. Call only after the commit that forgot the blob. Idempotent.
  virtual Result<> remove_blob(BlobId id) = 0;
  // Calls `each` for every blob; stops when it answers false.
  virtual Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) = 0;

  // Waits until everything asked for is done or refused. Afterwards only destruction.
  virtual void close() = 0;
};

// commit() for callers that may wait (tools, tests): blocks the calling thread until it is decided.
CommitResult commit_wait(Engine& engine, PartitionId partition, Version expected, Batch batch);
Result<Version> head_wait(Engine& engine, PartitionId partition);

}  // namespace eilpost::engine

template <>
struct std::hash<eilpost::engine::BlobId> {
  size_t operator()(const eilpost::engine::BlobId& id) const noexcept {
    return std::hash<uint64_t>{}(id.hi * 0x9e3779b97f4a7c15ULL ^ id.lo);
  }
};
