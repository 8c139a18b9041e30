// The embedded engine: rows in RocksDB, blobs in segment files (segments.h), one committer thread
// that makes whatever waits durable with one fdatasync() a segment and one write of the log. A
// failed fsync ends the process. When the disk is full, commits and blobs are refused with
// Code::io, reads go on, and commits work again once there is space. Thread safe; the contract is
// in engine.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "engine/rocksdb/segments.h"

namespace eilpost::engine {

struct RocksdbOptions {
  std::string path;
  // The one memory setting: bounds RocksDB's block cache with indexes, filters and memtables (which
  // are charged to it), and sizes the table of versions. Not in it: commits that wait
  // (queue_bytes_max) and blob writers (256 KiB each). At least 16 MiB are used.
  uint64_t memory_bytes = 256ULL * 1024 * 1024;
  const Clock* clock = nullptr;  // with metrics: for commit latency; outlives the engine
  Metrics* metrics = nullptr;    // outlives the engine
  // Commits that wait, in octets. Beyond: Outcome::unknown with Code::unavailable, nothing written.
  uint64_t queue_bytes_max = 64ULL * 1024 * 1024;
  uint64_t segment_bytes = 256ULL * 1024 * 1024;
  // With less free space on the disk blobs are refused, with less than half of it commits too: so
  // that what frees space (expunging) still works when mail no longer fits. 0: no such check.
  uint64_t reserve_bytes = 64ULL * 1024 * 1024;
};

// While it lives, removed blobs stay on the disk (they read as removed): for a backup.
class RemovalPause {
 public:
  virtual ~RemovalPause() = default;
};

// What a backup needs besides. To back up, also while it serves: take a pause; checkpoint() into a
// fresh directory; then copy into its segments/ every file of segment_files() - a sealed one once
// and for all, another one afresh each time, never by hard link; end the pause. That order has
// every blob that the rows name. To restore, copy such a directory to the engine's path and open
// it.
class EmbeddedEngine : public Engine {
 public:
  // Consistent rows and FORMAT in `directory`, which must not exist. SST files are hard links where
  // the file system allows it; they never change.
  virtual Result<> checkpoint(const std::string& directory) = 0;
  virtual std::unique_ptr<RemovalPause> pause_removals() = 0;
  virtual std::vector<SegmentFile> segment_files() = 0;
  virtual std::string segment_directory() const = 0;
};

// Code::in_use: another process has it. Code::invalid: written by a newer release.
Result<std::unique_ptr<EmbeddedEngine>> open_rocksdb(RocksdbOptions options);

}  // namespace eilpost::engine
