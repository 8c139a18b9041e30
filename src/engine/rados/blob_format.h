// How a blob lies in RADOS objects: their names, the record on the first, the checksums on each.
// Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

inline constexpr uint64_t rados_stripe_bytes = 4 * 1024 * 1024;
inline constexpr uint64_t rados_sum_bytes = 64 * 1024;
// The size in the record of a blob that is being written.
inline constexpr uint64_t rados_size_unknown = UINT64_MAX;
inline constexpr const char* rados_record_attribute = "r";
inline constexpr const char* rados_sums_attribute = "c";

// The lowest bit of an id says whether the blob may have more than one stripe.
inline bool rados_is_striped(BlobId id) {
  return (id.lo & 1) != 0;
}
std::string rados_blob_object(BlobId id, uint64_t stripe);
// The blob whose first object is named so.
std::optional<BlobId> rados_blob_of(std::string_view object);

std::string rados_blob_record(const BlobRecord& record);
// The id is not in it.
Result<BlobRecord> rados_parse_blob_record(std::string_view text);

std::string rados_blob_sums(std::string_view stripe);
// Whether `octets`, which begin at a multiple of 64 KiB within the stripe, are what was written. At
// the end of the stripe they are shorter than was asked for: `end` is what was asked for.
Result<> rados_check_sums(std::string_view sums, std::string_view octets, uint64_t first,
                          uint64_t end);

}  // namespace eilpost::engine
