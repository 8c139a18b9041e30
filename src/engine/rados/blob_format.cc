#include "engine/rados/blob_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"

namespace eilpost::engine {
namespace {

constexpr uint8_t record_format = 1;
constexpr size_t sum_octets = 4;
constexpr size_t id_digits = 16;

bool parse_hex(std::string_view text, uint64_t& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

std::string rados_blob_object(BlobId id, uint64_t stripe) {
  const std::string first = fmt::format("b.{:016x}{:016x}", id.hi, id.lo);
  return stripe == 0 ? first : fmt::format("{}.{}", first, stripe);
}

std::optional<BlobId> rados_blob_of(std::string_view object) {
  if (object.size() != 2 + 2 * id_digits || object.substr(0, 2) != "b.") return std::nullopt;
  BlobId id;
  if (!parse_hex(object.substr(2, id_digits), id.hi)) return std::nullopt;
  if (!parse_hex(object.substr(2 + id_digits), id.lo)) return std::nullopt;
  return id;
}

std::string rados_blob_record(const BlobRecord& record) {
  std::string payload;
  put_u64le(payload, record.partition.value);
  put_u64le(payload, static_cast<uint64_t>(record.staged.micros));
  put_u64le(payload, record.size);
  put_bytes(payload, record.place);
  return seal_value(record_format, payload);
}

Result<BlobRecord> rados_parse_blob_record(std::string_view text) {
  const auto unsealed = TRY(unseal_value(text));
  if (unsealed.format != record_format) {
    return fail(Code::corrupt, "a blob's record has an unknown format");
  }
  Reader reader(unsealed.payload);
  BlobRecord record;
  record.partition = PartitionId(TRY(reader.u64le()));
  record.staged = Timestamp{static_cast<int64_t>(TRY(reader.u64le()))};
  record.size = TRY(reader.u64le());
  record.place = std::string(TRY(reader.bytes()));
  return record;
}

std::string rados_blob_sums(std::string_view stripe) {
  std::string sums;
  for (size_t at = 0; at < stripe.size(); at += rados_sum_bytes) {
    put_u32le(sums, crc32c(stripe.substr(at, rados_sum_bytes)));
  }
  return sums;
}

Result<> rados_check_sums(std::string_view sums, std::string_view octets, uint64_t first,
                          uint64_t end) {
  const uint64_t chunks = sums.size() / sum_octets;
  const uint64_t wanted = std::min(chunks, end / rados_sum_bytes);
  for (uint64_t chunk = first / rados_sum_bytes; chunk < wanted; ++chunk) {
    const std::string_view piece = octets.substr(0, rados_sum_bytes);
    const bool whole = piece.size() == rados_sum_bytes || chunk + 1 == chunks;
    if (!whole || crc32c(piece) != load_u32le(sums.substr(chunk * sum_octets))) {
      return fail(Code::corrupt, "a blob's checksum is wrong");
    }
    octets.remove_prefix(piece.size());
  }
  if (!octets.empty()) return fail(Code::corrupt, "a blob is longer than its checksums");
  return {};
}

}  // namespace eilpost::engine
