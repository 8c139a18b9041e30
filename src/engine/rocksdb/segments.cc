#include "engine/rocksdb/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "engine/rocksdb/segment_record.h"
#include "engine/rocksdb/segment_writer.h"
#include "engine/rocksdb/segments_state.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

// The number in "00000042.seg"; 0 for any other name.
uint32_t segment_number(const std::string& name) {
  if (name.size() < 12 || name.substr(name.size() - 4) != ".seg") return 0;
  const auto digits = std::string_view(name).substr(0, name.size() - 4);
  uint64_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(c - '0');
    if (number > UINT32_MAX) return 0;
  }
  return static_cast<uint32_t>(number);
}

// What is live in a segment that was not sealed, and which octets belong to nothing.
struct Recovered {
  uint64_t end = segment_page;
  std::vector<std::pair<uint64_t, uint64_t>> garbage;
  size_t torn = 0;
  size_t corrupt = 0;
};

Result<Recovered> survey(const SegmentIo& file, uint64_t salt, uint64_t size) {
  Recovered found;
  Result<> failed;
  const auto judge = [&](const RecordHeader& header, uint64_t offset) {
    const auto state = verify_record(file, header, offset);
    if (!state) {
      failed = tl::unexpected(state.error());
      return false;
    }
    if (*state == RecordState::torn) {
      ++found.torn;
      return true;  // stays within a stretch of garbage
    }
    if (*state == RecordState::corrupt) ++found.corrupt;
    if (offset > found.end) found.garbage.emplace_back(found.end, offset);
    found.end = offset + record_bytes(header);
    return true;
  };
  TRY(walk_records(file, salt, size, judge));
  TRY(failed);
  return found;
}

// Brings a segment that a crash left open into the state that seal() leaves.
Result<> recover(const Segment& segment) {
  auto& file = *segment.file;
  const uint64_t size = TRY(file.size());
  const Recovered found = TRY(survey(file, segment.salt, size));
  for (const auto& [from, to] : found.garbage) TRY(file.clear(from, to));
  TRY(file.truncate(found.end));
  file.sync();
  TRY(file.write(segment_seal_at, print_segment_seal(segment.salt, found.end)));
  file.sync();
  if (found.torn + found.corrupt > 0) {
    log::write(log::Level::warn, "engine", "",
               fmt::format("segment {}: dropped {} unfinished blobs, {} are damaged",
                           segment.number, found.torn, found.corrupt));
  }
  return {};
}

Result<> load_segment(SegmentsState& state, uint32_t number) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  segment->sealed = true;
  segment->file = TRY(SegmentIo::open(state.path(number), {}));
  const std::string page = TRY(segment->file->read(0, segment_page));
  const auto header = parse_segment_header(page);
  if (!header && header.error().code == Code::invalid) return tl::unexpected(header.error());
  segment->broken = !header || header->number != number;
  if (segment->broken) {
    log::write(log::Level::error, "engine", "", state.path(number) + ": its header is damaged");
  } else {
    segment->salt = header->salt;
    if (!parse_segment_seal(page, segment->salt)) TRY(recover(*segment));
  }
  state.segments[number] = segment;
  state.drop_if_dead(segment);
  segment->file.reset();
  return {};
}

bool held(SegmentsState& state, BlobId id) {
  const std::lock_guard lock(state.mutex);
  return state.pauses > 0 && state.held_removals.contains(id);
}

// Where a blob lies. Code::not_found when it is removed, or its segment is.
struct Found {
  std::shared_ptr<Segment> segment;
  std::shared_ptr<SegmentIo> file;
  RecordStart start;
};
Result<Found> find_blob(SegmentsState& state, BlobId id) {
  Found found;
  found.segment = state.find(blob_segment(id));
  if (!found.segment) return fail(Code::not_found, "no such blob");
  if (found.segment->broken) return fail(Code::corrupt, "a blob's segment has lost its header");
  found.file = TRY(state.open_file(found.segment));
  const RecordPlace at{found.segment->salt, blob_offset(id)};
  found.start = TRY(read_record_start(*found.file, at));
  if (found.start.header.nonce != id.lo) return fail(Code::not_found, "no such blob");
  return found;
}

Result<> remove_now(SegmentsState& state, BlobId id) {
  const auto found = find_blob(state, id);
  if (!found) {
    if (found.error().code == Code::not_found) return {};
    return tl::unexpected(found.error());
  }
  const uint64_t offset = blob_offset(id);
  TRY(found->file->clear(offset, offset + record_bytes(found->start.header)));
  const std::lock_guard lock(state.mutex);
  if (found->segment->file) state.drop_if_dead(found->segment);
  return {};
}

}  // namespace

Segments::Segments(std::shared_ptr<SegmentsState> state) : state_(std::move(state)) {}
Segments::~Segments() {
  close();
}

Result<std::unique_ptr<Segments>> Segments::open(SegmentsOptions options) {
  auto state = std::make_shared<SegmentsState>(std::move(options));
  std::error_code error;
  std::filesystem::create_directories(state->options.directory, error);
  std::vector<uint32_t> numbers;
  std::filesystem::directory_iterator at(state->options.directory, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const uint32_t number = segment_number(at->path().filename().string());
    if (number > 0) numbers.push_back(number);
  }
  if (error) return fail(Code::io, state->options.directory + ": " + error.message());
  std::sort(numbers.begin(), numbers.end());
  if (!numbers.empty()) state->last_number = numbers.back();
  for (const uint32_t number : numbers) {
    if (auto loaded = load_segment(*state, number); !loaded) {
      return wrap(std::move(loaded).error(), state->path(number));
    }
  }
  return std::unique_ptr<Segments>(new Segments(std::move(state)));
}

Result<std::unique_ptr<BlobWriter>> Segments::stage(PartitionId partition, Timestamp now,
                                                    std::string place) {
  if (place.size() > place_bytes_max) return fail(Code::too_big, "a blob's place is too long");
  if (!state_->has_space(0, state_->options.reserve_bytes))
    return fail(Code::io, "the disk is full: no space for a blob");
  RecordHeader header{.partition = partition, .staged = now, .place = std::move(place)};
  return make_segment_writer(state_, std::move(header));
}

Result<std::string> Segments::read(BlobId id, uint64_t offset, uint64_t length) {
  std::string octets;
  TRY(read_into(id, offset, length, octets));
  return octets;
}

Result<> Segments::read_into(BlobId id, uint64_t offset, uint64_t length, std::string& into) {
  if (held(*state_, id)) return fail(Code::not_found, "no such blob");
  const Found found = TRY(find_blob(*state_, id));
  auto done = read_record(*found.file, found.start, blob_offset(id), {offset, length}, into);
  if (!done && done.error().code == Code::corrupt) {
    // Removed while it was read: its header says so.
    TRY(read_record_start(*found.file, {found.segment->salt, blob_offset(id)}));
  }
  return done;
}

Result<> Segments::remove(BlobId id) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return fail(Code::closed, "engine is closed");
    if (state_->pauses > 0) {
      state_->held_removals.insert(id);
      return {};
    }
  }
  return remove_now(*state_, id);
}

void Segments::pause_removals() {
  const std::lock_guard lock(state_->mutex);
  ++state_->pauses;
}

void Segments::resume_removals() {
  std::unordered_set<BlobId> removals;
  {
    const std::lock_guard lock(state_->mutex);
    if (--state_->pauses > 0) return;
    removals.swap(state_->held_removals);
  }
  for (const auto& id : removals) {
    const auto removed = remove_now(*state_, id);
    if (!removed) log::write(log::Level::warn, "engine", "", "removal: " + removed.error().detail);
  }
}

Result<> Segments::scan(const std::function<bool(const BlobRecord&)>& each) {
  std::vector<std::shared_ptr<Segment>> segments;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& entry : state_->segments) segments.push_back(entry.second);
  }
  bool more = true;
  for (const auto& segment : segments) {
    if (!more) break;
    if (segment->broken) continue;
    const auto file = state_->open_file(segment);
    if (!file && file.error().code == Code::not_found) continue;  // deleted meanwhile
    if (!file) return tl::unexpected(file.error());
    const uint64_t end = TRY((*file)->size());
    TRY(walk_records(**file, segment->salt, end, [&](const RecordHeader& header, uint64_t offset) {
      const BlobId id = blob_id(segment->number, offset, header.nonce);
      if (held(*state_, id)) return true;
      more = each(BlobRecord{id, header.partition, header.staged, header.place, header.size});
      return more;
    }));
  }
  return {};
}

Result<> Segments::sync(const std::vector<BlobId>& ids) {
  std::vector<uint32_t> numbers;
  for (const auto& id : ids) numbers.push_back(blob_segment(id));
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  for (const uint32_t number : numbers) {
    const auto segment = state_->find(number);
    if (!segment) return fail(Code::io, "a blob to sync is not there");
    if (segment->synced.load() >= segment->finished.load()) continue;
    const auto file = TRY(state_->open_file(segment));
    state_->sync(*segment, *file);
  }
  return {};
}

std::vector<SegmentFile> Segments::files() {
  std::vector<SegmentFile> files;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [number, segment] : state_->segments) {
    std::error_code error;
    const std::filesystem::path path = state_->path(number);
    const auto length = std::filesystem::file_size(path, error);
    if (!error) files.push_back({path.filename().string(), length, segment->sealed});
  }
  return files;
}

bool Segments::has_space_for_rows() const {
  return state_->has_space(0, state_->options.reserve_bytes / 2);
}

bool Segments::has(BlobId id) const {
  return state_->find(blob_segment(id)) != nullptr;
}

void Segments::close() {
  std::vector<std::shared_ptr<Segment>> open;
  {
    std::unique_lock lock(state_->mutex);
    if (state_->closed) return;
    state_->closed = true;
    open.swap(state_->streams);
    if (state_->common) {
      auto& common = *state_->common;
      common.retired = true;
      // Whoever finishes the last slot seals; when there is none, this does.
      if (common.writing == 0) open.push_back(state_->common);
      state_->changed.wait(lock, [&common] { return common.writing == 0; });
      state_->common.reset();
    }
    state_->sealing += static_cast<int>(open.size());
  }
  for (const auto& segment : open) state_->seal(segment);
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [this] { return state_->sealing == 0; });
}

}  // namespace eilpost::engine
