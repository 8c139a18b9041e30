#include "engine/rocksdb/segment_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/bytes.h"

namespace eilpost::engine {
namespace {

// Whether a page, or the part of one that [from, from + octets) covers, is all zeros.
bool has_missing_page(std::string_view octets, uint64_t from) {
  while (!octets.empty()) {
    const uint64_t in_page = std::min<uint64_t>(segment_page - from % segment_page, octets.size());
    if (octets.substr(0, in_page).find_first_not_of('\0') == std::string_view::npos) return true;
    octets.remove_prefix(in_page);
    from += in_page;
  }
  return false;
}

uint64_t chunk_size(const RecordHeader& header, uint64_t index) {
  return std::min(segment_chunk, header.size - index * segment_chunk);
}

}  // namespace

Result<> walk_records(const SegmentIo& file, uint64_t salt, uint64_t end,
                      const std::function<bool(const RecordHeader&, uint64_t)>& each) {
  uint64_t at = segment_page;
  while (at < end) {
    const std::string page = TRY(file.read(at, segment_page - at % segment_page));
    if (page.empty()) return {};
    const uint64_t page_at = at;
    bool empty = true;
    while (at < end && at - page_at < page.size()) {
      const auto octets = std::string_view(page).substr(at - page_at, segment_unit);
      const auto header = parse_record_header(octets, RecordPlace{salt, at});
      if (header) {
        if (!each(*header, at)) return {};
        at += record_bytes(*header);
        empty = false;
        break;
      }
      empty = empty && header.error().code == Code::not_found;
      at += segment_unit;
    }
    if (!empty) continue;
    const auto next = file.next_data(at);
    if (!next) return {};
    at = std::max(at, *next / segment_unit * segment_unit);
  }
  return {};
}

Result<RecordStart> read_record_start(const SegmentIo& file, const RecordPlace& at) {
  RecordStart start;
  start.octets = TRY(file.read(at.offset, segment_page - at.offset % segment_page));
  start.header =
      TRY(parse_record_header(std::string_view(start.octets).substr(0, segment_unit), at));
  return start;
}

namespace {

tl::unexpected<Error> wrong_check(uint64_t record_offset) {
  return fail(Code::corrupt, fmt::format("checksum of blob content at {} is wrong", record_offset));
}

// A record of one chunk that `start` holds whole; `span` lies inside it.
Result<> read_small(const RecordStart& start, uint64_t record_offset, Span span,
                    std::string& into) {
  const RecordHeader& header = start.header;
  const auto stored =
      std::string_view(start.octets).substr(record_header_bytes(header.place), header.size + 4);
  const auto chunk = stored.substr(0, header.size);
  if (load_u32le(stored.substr(header.size)) != chunk_check(header.nonce, 0, chunk)) {
    return wrong_check(record_offset);
  }
  into = chunk.substr(span.offset, span.length);
  return {};
}

}  // namespace

Result<> read_record(const SegmentIo& file, const RecordStart& start, uint64_t record_offset,
                     Span span, std::string& into) {
  const RecordHeader& header = start.header;
  if (span.offset >= header.size || span.length == 0) {
    into.clear();
    return {};
  }
  span.length = std::min(span.length, header.size - span.offset);
  if (record_header_bytes(header.place) + header.size + 4 <= start.octets.size()) {
    return read_small(start, record_offset, span, into);
  }
  const uint64_t first = span.offset / segment_chunk;
  const uint64_t last = (span.offset + span.length - 1) / segment_chunk;
  const uint64_t content_end = std::min(header.size, (last + 1) * segment_chunk);

  // Content lands where it is answered from; the checksums between the chunks land beside.
  into.resize(content_end - first * segment_chunk);
  std::vector<std::array<char, 4>> checks(last - first + 1);
  std::vector<iovec> places;
  places.reserve(checks.size() * 2);
  for (uint64_t i = first; i <= last; ++i) {
    places.push_back({into.data() + (i - first) * segment_chunk, chunk_size(header, i)});
    places.push_back({checks[i - first].data(), 4});
  }
  const uint64_t content = record_offset + record_header_bytes(header.place);
  TRY(file.read_into(content + first * (segment_chunk + 4), std::move(places)));
  for (uint64_t i = first; i <= last; ++i) {
    const auto chunk =
        std::string_view(into).substr((i - first) * segment_chunk, chunk_size(header, i));
    const auto& check = checks[i - first];
    if (load_u32le(std::string_view(check.data(), 4)) != chunk_check(header.nonce, i, chunk)) {
      return wrong_check(record_offset);
    }
  }
  into.resize(span.offset + span.length - first * segment_chunk);
  into.erase(0, span.offset - first * segment_chunk);
  return {};
}

Result<RecordState> verify_record(const SegmentIo& file, const RecordHeader& header,
                                  uint64_t record_offset) {
  const uint64_t content = record_offset + record_header_bytes(header.place);
  const uint64_t chunks = round_up(header.size, segment_chunk) / segment_chunk;
  for (uint64_t i = 0; i < chunks; ++i) {
    const uint64_t at = content + i * (segment_chunk + 4);
    const uint64_t size = chunk_size(header, i);
    const std::string octets = TRY(file.read(at, size + 4));
    if (octets.size() < size + 4) return RecordState::torn;
    const auto chunk = std::string_view(octets).substr(0, size);
    if (load_u32le(std::string_view(octets).substr(size)) == chunk_check(header.nonce, i, chunk)) {
      continue;
    }
    return has_missing_page(octets, at) ? RecordState::torn : RecordState::corrupt;
  }
  return RecordState::whole;
}

}  // namespace eilpost::engine
