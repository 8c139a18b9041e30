#include "engine/rocksdb/segments_state.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace eilpost::engine {

std::string SegmentsState::path(uint32_t number) const {
  return fmt::format("{}/{:08}.seg", options.directory, number);
}

bool SegmentsState::has_space(uint64_t wanted, uint64_t reserve) const {
  if (reserve == 0) return true;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(space_mutex_);
  if (space_free_ < wanted + reserve + space_margin_bytes || now - space_asked_ >= space_age) {
    struct statvfs about {};
    if (::statvfs(options.directory.c_str(), &about) != 0) return true;
    space_free_ = uint64_t{about.f_bavail} * about.f_frsize;
    space_asked_ = now;
  }
  return space_free_ >= wanted + reserve;
}

Result<std::shared_ptr<Segment>> SegmentsState::create() {
  auto segment = std::make_shared<Segment>();
  segment->number = last_number + 1;
  segment->salt = random.next();
  const std::string name = path(segment->number);
  segment->file = TRY(SegmentIo::open(name, {.create = true}));
  const auto written =
      segment->file->write(0, print_segment_header({segment->number, segment->salt}));
  if (!written) {
    ::unlink(name.c_str());
    return tl::unexpected(written.error());
  }
  segment->file->sync();
  sync_directory(options.directory);
  const auto previous = segments.find(last_number);
  last_number = segment->number;
  if (previous != segments.end()) drop_if_dead(previous->second);
  segments[segment->number] = segment;
  return segment;
}

Result<Slot> SegmentsState::take_slot(uint64_t bytes) {
  bytes = round_up(bytes, bytes > segment_page ? segment_page : segment_unit);
  std::shared_ptr<Segment> full;
  Slot slot;
  {
    const std::lock_guard lock(mutex);
    if (closed) return fail(Code::closed, "engine is closed");
    if (common && common->tail + bytes > options.segment_bytes) {
      common->retired = true;
      if (common->writing == 0) full = common;
      if (full) ++sealing;
      common.reset();
    }
    if (!common) common = TRY(create());
    auto& tail = common->tail;
    const uint64_t room = round_up(tail, segment_page) - tail;
    if (bytes > room) tail += room;
    if (tail + bytes > common->allocated) {
      const uint64_t ahead = std::max(bytes, preallocation_bytes);
      // A disk that has no space for the next ones may have some for this one.
      if (common->file->preallocate(tail, ahead)) {
        common->allocated = tail + ahead;
      } else {
        TRY(common->file->preallocate(tail, bytes));
      }
    }
    slot = Slot{common, common->file, tail, bytes};
    tail += bytes;
    ++common->writing;
  }
  if (full) seal(full);
  return slot;
}

Result<Slot> SegmentsState::take_stream() {
  const std::lock_guard lock(mutex);
  if (closed) return fail(Code::closed, "engine is closed");
  std::shared_ptr<Segment> segment;
  if (streams.empty()) {
    segment = TRY(create());
  } else {
    // The fullest first, so that after a burst of many writers the segments still fill up.
    const auto fullest =
        std::max_element(streams.begin(), streams.end(),
                         [](const auto& a, const auto& b) { return a->tail < b->tail; });
    segment = *fullest;
    streams.erase(fullest);
  }
  segment->tail = round_up(segment->tail, segment_page);
  ++segment->writing;
  return Slot{segment, segment->file, segment->tail, 0};
}

void SegmentsState::finish_slot(const Slot& slot, uint64_t end) {
  const auto& segment = slot.segment;
  {
    const std::lock_guard lock(mutex);
    --segment->writing;
    changed.notify_all();
    const bool streamed = segment != common && !segment->retired;
    if (streamed) {
      segment->tail = std::max(segment->tail, round_up(end, segment_unit));
      segment->retired = closed || segment->tail >= options.segment_bytes;
      if (!segment->retired) streams.push_back(segment);
    }
    if (!segment->retired || segment->writing > 0 || segment->sealed) return;
    ++sealing;
  }
  seal(segment);
}

void SegmentsState::sync(Segment& segment, SegmentIo& file) {
  const uint64_t finished = segment.finished.load();
  if (segment.synced.load() >= finished) return;
  file.sync();
  uint64_t synced = segment.synced.load();
  while (synced < finished && !segment.synced.compare_exchange_weak(synced, finished)) {
  }
}

// Who calls this has counted itself in `sealing`, under the lock that found nobody writing.
void SegmentsState::seal(const std::shared_ptr<Segment>& segment) {
  auto& file = *segment->file;
  sync(*segment, file);
  auto sealed = file.truncate(segment->tail);
  if (sealed) {
    // The seal says that all before `end` is durable; so it follows a sync of the new length.
    file.sync();
    sealed = file.write(segment_seal_at, print_segment_seal(segment->salt, segment->tail));
  }
  if (sealed) file.sync();
  const std::lock_guard lock(mutex);
  --sealing;
  changed.notify_all();
  if (!sealed) {
    log::write(log::Level::warn, "engine", "", "segment not sealed: " + sealed.error().detail);
    return;  // the next open() does it
  }
  segment->sealed = true;
  remember_open(segment);
  drop_if_dead(segment);
}

void SegmentsState::remember_open(const std::shared_ptr<Segment>& segment) {
  open_sealed.push_back(segment);
  if (open_sealed.size() <= open_segments_max) return;
  open_sealed.front()->file.reset();
  open_sealed.pop_front();
}

std::shared_ptr<Segment> SegmentsState::find(uint32_t number) {
  const std::lock_guard lock(mutex);
  const auto found = segments.find(number);
  return found == segments.end() ? nullptr : found->second;
}

Result<std::shared_ptr<SegmentIo>> SegmentsState::open_file(
    const std::shared_ptr<Segment>& segment) {
  const std::lock_guard lock(mutex);
  if (!segment->file) {
    segment->file = TRY(SegmentIo::open(path(segment->number), {}));
    remember_open(segment);
  }
  return segment->file;
}

void SegmentsState::drop_if_dead(std::shared_ptr<Segment> segment) {
  // The last number stays in use, so that no later segment gets it and is taken for this one.
  if (!segment->sealed || segment->broken || !segment->file || segment->number == last_number) {
    return;
  }
  if (segment->file->next_data(segment_page)) return;
  segments.erase(segment->number);
  std::erase(open_sealed, segment);
  segment->file.reset();
  ::unlink(path(segment->number).c_str());
}

}  // namespace eilpost::engine
