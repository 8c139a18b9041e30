#include "engine/rocksdb/segment_format.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"

namespace eilpost::engine {
namespace {

constexpr std::string_view header_magic = "eilsegm\n";
constexpr std::string_view seal_magic = "eilseal\n";
constexpr uint32_t record_magic = 0x626c6965;  // "eilb"
constexpr uint8_t record_format = 1;
constexpr uint8_t codec_raw = 0;
constexpr size_t header_size = 28;  // magic, schema, number, salt, check
constexpr size_t seal_size = 20;    // magic, end, check
constexpr size_t record_fixed = 48;

uint32_t salted(uint64_t salt, uint64_t offset, std::string_view octets) {
  std::string prefix;
  put_u64le(prefix, salt);
  put_u64le(prefix, offset);
  return crc32c(octets, crc32c(prefix));
}

bool all_zero(std::string_view octets) {
  return octets.find_first_not_of('\0') == std::string_view::npos;
}

Result<SegmentHeader> parse_copy(std::string_view octets) {
  if (octets.substr(0, header_magic.size()) != header_magic) {
    return fail(Code::corrupt, "segment file has no header");
  }
  const auto body = octets.substr(0, header_size - 4);
  if (load_u32le(octets.substr(body.size())) != crc32c(body)) {
    return fail(Code::corrupt, "checksum of a segment header is wrong");
  }
  const uint32_t schema = load_u32le(octets.substr(8));
  if (schema > segment_schema) {
    return fail(Code::invalid,
                fmt::format("segment file has schema {}, newer than {}", schema, segment_schema));
  }
  return SegmentHeader{load_u32le(octets.substr(12)), load_u64le(octets.substr(16))};
}

}  // namespace

std::string print_segment_header(const SegmentHeader& header) {
  std::string copy(header_magic);
  put_u32le(copy, segment_schema);
  put_u32le(copy, header.number);
  put_u64le(copy, header.salt);
  put_u32le(copy, crc32c(copy));
  CHECK(copy.size() == header_size);
  std::string page = copy;
  page.resize(segment_copy_at, '\0');
  page += copy;
  page.resize(segment_page, '\0');
  return page;
}

Result<SegmentHeader> parse_segment_header(std::string_view page) {
  if (page.size() < segment_page) return fail(Code::corrupt, "segment file is shorter than a page");
  auto first = parse_copy(page);
  if (first || first.error().code == Code::invalid) return first;
  return parse_copy(page.substr(segment_copy_at));
}

std::string print_segment_seal(uint64_t salt, uint64_t end) {
  std::string out(seal_magic);
  put_u64le(out, end);
  put_u32le(out, salted(salt, segment_seal_at, out));
  CHECK(out.size() == seal_size);
  return out;
}

Result<uint64_t> parse_segment_seal(std::string_view page, uint64_t salt) {
  const auto seal = page.substr(segment_seal_at, seal_size);
  const auto body = seal.substr(0, seal_size - 4);
  if (body.substr(0, seal_magic.size()) != seal_magic ||
      load_u32le(seal.substr(body.size())) != salted(salt, segment_seal_at, body)) {
    return fail(Code::not_found, "segment is not sealed");
  }
  return load_u64le(body.substr(seal_magic.size()));
}

std::string print_record_header(const RecordHeader& header, const RecordPlace& at) {
  std::string out;
  put_u32le(out, record_magic);
  put_u8(out, record_format);
  put_u8(out, codec_raw);
  put_u16be(out, static_cast<uint16_t>(header.place.size()));
  put_u64le(out, header.partition.value);
  put_u64le(out, static_cast<uint64_t>(header.staged.micros));
  put_u64le(out, header.size);
  put_u64le(out, header.nonce);
  put_u32le(out, 0);
  put_u32le(out, salted(at.salt, at.offset, out + header.place));
  CHECK(out.size() == record_fixed);
  out += header.place;
  out.resize(record_header_bytes(header.place), '\0');
  return out;
}

Result<RecordHeader> parse_record_header(std::string_view octets, const RecordPlace& at) {
  if (octets.size() < record_fixed || all_zero(octets.substr(0, record_fixed))) {
    return fail(Code::not_found, "no such blob");
  }
  const auto wrong = [&at] {
    return fail(Code::corrupt, fmt::format("blob header at {} is damaged", at.offset));
  };
  const auto fixed = octets.substr(0, record_fixed - 4);
  if (load_u32le(fixed) != record_magic) return wrong();
  const size_t place_size = static_cast<uint8_t>(fixed[6]) << 8 | static_cast<uint8_t>(fixed[7]);
  if (record_fixed + place_size > octets.size()) return wrong();
  const auto place = octets.substr(record_fixed, place_size);
  std::string checked(fixed);
  checked += place;
  if (load_u32le(octets.substr(fixed.size())) != salted(at.salt, at.offset, checked)) {
    return wrong();
  }
  if (fixed[4] != record_format || fixed[5] != codec_raw) {
    return fail(Code::invalid, fmt::format("blob at {} is of a newer format", at.offset));
  }
  RecordHeader header;
  header.partition = PartitionId(load_u64le(fixed.substr(8)));
  header.staged = Timestamp{static_cast<int64_t>(load_u64le(fixed.substr(16)))};
  header.size = load_u64le(fixed.substr(24));
  header.nonce = load_u64le(fixed.substr(32));
  header.place = std::string(place);
  return header;
}

uint64_t record_header_bytes(std::string_view place) {
  return round_up(record_fixed + place.size(), 8);
}

uint64_t stored_bytes(uint64_t size) {
  return size + 4 * (round_up(size, segment_chunk) / segment_chunk);
}

uint64_t record_bytes(const RecordHeader& header) {
  return round_up(record_header_bytes(header.place) + stored_bytes(header.size), segment_unit);
}

uint32_t chunk_check(uint64_t nonce, uint64_t index, std::string_view chunk) {
  return crc32c(chunk, static_cast<uint32_t>(nonce ^ (index * 0x9e3779b97f4a7c15ULL >> 32)));
}

BlobId blob_id(uint32_t segment, uint64_t offset, uint64_t nonce) {
  return BlobId{uint64_t{segment} << 32 | offset / segment_unit, nonce};
}

uint32_t blob_segment(BlobId id) {
  return static_cast<uint32_t>(id.hi >> 32);
}
uint64_t blob_offset(BlobId id) {
  return (id.hi & 0xffffffff) * segment_unit;
}

}  // namespace eilpost::engine
