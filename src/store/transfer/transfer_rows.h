// Which rows of an account name blobs, and how they look with other ids. Values only; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::store {

enum class RowKind {
  plain,    // as it is in every engine
  message,  // kind M: its value names blobs
  holders,  // kind B: its key names a blob
  map,      // kind X: of a transfer that is not finished
};
// Code::corrupt: of a kind, or a schema, that this release does not know.
Result<RowKind> row_kind(std::string_view key);

// The other engine's id of a blob that holds so many octets.
using RenameBlob = std::function<Result<engine::BlobId>(engine::BlobId blob, uint64_t size)>;
// The value of an M row with every id renamed.
Result<std::string> rename_blobs(const engine::Row& row, const RenameBlob& rename);
// The kinds of rows that name blobs: messages, and what blobs became in a copy that is not
// finished, whose messages are yet to come. (The holders of a blob are behind its messages.)
inline constexpr char naming_kinds[] = {'M', 'X'};
// Calls f(blob) for each blob of this engine that a row of those kinds names.
Result<> for_each_blob(const engine::Row& row, const std::function<void(engine::BlobId)>& f);
engine::BlobId blob_of_holders(std::string_view key);

// Rows of kind X: what blobs became.
struct BlobMapping {
  engine::BlobId from;
  engine::BlobId to;
  uint64_t size = 0;
  uint32_t crc = 0;  // CRC32C of its octets
};
std::string map_key(uint64_t number);
uint64_t map_number(std::string_view key);
std::string encode_map(const std::vector<BlobMapping>& mappings);
Result<std::vector<BlobMapping>> decode_map(std::string_view value);

}  // namespace eilpost::store
