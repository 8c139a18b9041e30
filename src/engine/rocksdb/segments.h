// Blobs in append-only segment files, segments/NNNNNNNN.seg (layout: segment_format.h). A blob of
// up to 256 KiB is gathered in memory and written with one pwrite() into the segment that all
// share; a longer one streams into a segment that it has for itself meanwhile, and is durable at
// finish(). Removing makes a hole, and deletes a sealed segment that is one hole. After a crash
// open() drops what was never finished or is torn. A failed fdatasync() ends the process: nobody
// knows what is on the disk then. Thread safe; everything here blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

struct SegmentsOptions {
  std::string directory;
  uint64_t segment_bytes = 256ULL * 1024 * 1024;
  // Less than this free on the disk: blobs are refused with Code::io. 0: no such check.
  uint64_t reserve_bytes = 0;
};

// What a backup copies. A sealed file changes only by holes: copy it once. Another is copied afresh
// each time. Never hard-link one: a hole would reach the copy.
struct SegmentFile {
  std::string name;  // within the directory
  uint64_t length = 0;
  bool sealed = false;
};

struct SegmentsState;

class Segments {
 public:
  // A segment whose header is lost is kept, and its blobs read as corrupt.
  static Result<std::unique_ptr<Segments>> open(SegmentsOptions options);
  ~Segments();

  // Writers must not outlive close(); finish() and append() fail after it.
  Result<std::unique_ptr<BlobWriter>> stage(PartitionId partition, Timestamp now,
                                            std::string place);
  Result<std::string> read(BlobId id, uint64_t offset, uint64_t length);
  Result<> read_into(BlobId id, uint64_t offset, uint64_t length, std::string& into);
  Result<> remove(BlobId id);
  Result<> scan(const std::function<bool(const BlobRecord&)>& each);

  // Whether there is a segment that the blob can lie in.
  bool has(BlobId id) const;
  // Makes them durable; one fdatasync() a segment. Code::io when a segment is not there.
  Result<> sync(const std::vector<BlobId>& ids);

  // While paused, removed blobs read as removed but keep their octets on disk. Nests.
  void pause_removals();
  void resume_removals();
  std::vector<SegmentFile> files();
  // Whether rows may still be written: half of the reserve is kept for them.
  bool has_space_for_rows() const;

  // Makes everything durable and seals all segments. Idempotent.
  void close();

 private:
  explicit Segments(std::shared_ptr<SegmentsState> state);
  // Shared with the writers, which may be destroyed after this.
  std::shared_ptr<SegmentsState> state_;
};

}  // namespace eilpost::engine
