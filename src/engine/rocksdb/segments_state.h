// What Segments and its writers share: the table of segment files, which of them are being written,
// and the removals held back for a backup. Private to segments.cc and segment_writer.cc. Thread
// safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "engine/rocksdb/segment_file.h"
#include "engine/rocksdb/segment_format.h"
#include "engine/rocksdb/segments.h"

namespace eilpost::engine {

// Sealed segments that are kept open for reading.
inline constexpr size_t open_segments_max = 512;
// Asked of the file system at a time, so that most syncs have no extents to allocate.
inline constexpr uint64_t preallocation_bytes = 16ULL * 1024 * 1024;
// How long an answer about free space is believed, while so much more than asked for is free.
inline constexpr auto space_age = std::chrono::milliseconds(20);
inline constexpr uint64_t space_margin_bytes = 256ULL * 1024 * 1024;

struct Segment {
  uint32_t number = 0;
  uint64_t salt = 0;
  bool broken = false;  // its header is lost
  // Counts finished short blobs, and how many of them the latest sync has covered.
  std::atomic<uint64_t> finished{0};
  std::atomic<uint64_t> synced{0};
  // Below: guarded by SegmentsState::mutex.
  std::shared_ptr<SegmentIo> file;  // shared with readers; null when a sealed one is not open
  bool sealed = false;
  bool retired = false;  // takes no more records
  int writing = 0;       // slots handed out and not given back
  uint64_t tail = segment_page;
  uint64_t allocated = 0;
};

// Room for one record in a segment, to be given back by finish_slot().
struct Slot {
  std::shared_ptr<Segment> segment;
  std::shared_ptr<SegmentIo> file;
  uint64_t offset = 0;
  // Octets of a short blob's room. That of more than a page ends with a page, which is written to
  // its end: of a page written in part the file system writes the next one as well.
  uint64_t bytes = 0;
};

struct SegmentsState {
  explicit SegmentsState(SegmentsOptions o) : options(std::move(o)), random(Random::from_os()) {}

  SegmentsOptions options;
  Random random;  // salts and nonces decide nothing that a test could want to repeat
  std::mutex mutex;
  std::condition_variable changed;
  // Shared with whoever writes or reads one while it is being deleted.
  std::map<uint32_t, std::shared_ptr<Segment>> segments;
  std::deque<std::shared_ptr<Segment>> open_sealed;
  std::shared_ptr<Segment> common;                // where short blobs go
  std::vector<std::shared_ptr<Segment>> streams;  // idle segments of long blobs
  uint32_t last_number = 0;
  int sealing = 0;
  bool closed = false;
  int pauses = 0;
  std::unordered_set<BlobId> held_removals;

  std::string path(uint32_t number) const;
  // Whether the disk has room for `wanted` octets and `reserve` besides; always when that is 0. Of
  // a disk that is far from full an answer is believed for space_age.
  bool has_space(uint64_t wanted, uint64_t reserve) const;

  // Room for `bytes` octets in the common segment.
  Result<Slot> take_slot(uint64_t bytes);
  // The end of a segment for one writer alone.
  Result<Slot> take_stream();
  // The slot's record lies in [offset, end); end == offset: nothing was written. Seals if it is
  // time.
  void finish_slot(const Slot& slot, uint64_t end);
  // Adds the file to the table of open ones. Code::not_found when there is no such segment.
  Result<std::shared_ptr<SegmentIo>> open_file(const std::shared_ptr<Segment>& segment);
  std::shared_ptr<Segment> find(uint32_t number);
  void sync(Segment& segment, SegmentIo& file);
  void seal(const std::shared_ptr<Segment>& segment);
  // Deletes a sealed segment without data. Needs `mutex`.
  void drop_if_dead(std::shared_ptr<Segment> segment);

 private:
  // What the disk said last; guarded by space_mutex_.
  mutable std::mutex space_mutex_;
  mutable uint64_t space_free_ = 0;
  mutable std::chrono::steady_clock::time_point space_asked_;

  Result<std::shared_ptr<Segment>> create();                    // needs `mutex`
  void remember_open(const std::shared_ptr<Segment>& segment);  // needs `mutex`
};

}  // namespace eilpost::engine
