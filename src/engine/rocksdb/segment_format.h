// The octets of a segment file. Page 0 holds the segment's header (twice) and, once it is full and
// durable, its seal. Behind it lie records: header, then content in chunks of 64 KiB, each followed
// by its CRC32C. A record begins on a 512-octet unit; one that does not fit into the rest of a page
// begins on the next page. It exists when its header is there and right: a removed one is zeros.
// Header checks depend on the segment's random salt and the record's place, so that no content can
// pass for a header. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

inline constexpr uint64_t segment_page = 4096;  // what a hole is made of
inline constexpr uint64_t segment_unit = 512;
inline constexpr uint64_t segment_chunk = 64 * 1024;
inline constexpr uint64_t segment_seal_at = 512;
inline constexpr uint64_t segment_copy_at = 2048;  // the header's second copy
inline constexpr uint32_t segment_schema = 1;

struct SegmentHeader {
  uint32_t number = 0;  // from 1
  uint64_t salt = 0;
};
// Page 0 of a segment that is not sealed.
std::string print_segment_header(const SegmentHeader& header);
// Reads either copy. Code::corrupt when both are wrong, Code::invalid when it is of a newer schema.
Result<SegmentHeader> parse_segment_header(std::string_view page);

std::string print_segment_seal(uint64_t salt, uint64_t end);
// Where the records of a sealed segment end; Code::not_found when it is not sealed.
Result<uint64_t> parse_segment_seal(std::string_view page, uint64_t salt);

struct RecordHeader {
  PartitionId partition;
  Timestamp staged;
  std::string place;
  uint64_t size = 0;   // octets of content
  uint64_t nonce = 0;  // the lower half of the blob's id
};
// Where in which segment a record lies: what its header's check depends on besides its content.
struct RecordPlace {
  uint64_t salt = 0;
  uint64_t offset = 0;
};
std::string print_record_header(const RecordHeader& header, const RecordPlace& at);
// `octets` are the first at most segment_unit ones of the record. Code::not_found for zeros.
Result<RecordHeader> parse_record_header(std::string_view octets, const RecordPlace& at);

// Octets of a record's header, of `size` octets of content with their checksums, of the whole.
uint64_t record_header_bytes(std::string_view place);
uint64_t stored_bytes(uint64_t size);
uint64_t record_bytes(const RecordHeader& header);

uint32_t chunk_check(uint64_t nonce, uint64_t index, std::string_view chunk);

BlobId blob_id(uint32_t segment, uint64_t offset, uint64_t nonce);
uint32_t blob_segment(BlobId id);
uint64_t blob_offset(BlobId id);

constexpr uint64_t round_up(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace eilpost::engine
