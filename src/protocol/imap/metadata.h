// GETMETADATA, SETMETADATA and the METADATA response (RFC 5464), and what LIST's RETURN (METADATA)
// shares with them (RFC 9590). Entry names keep the spelling they came in; they compare without
// case. A mailbox of "" is the server. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/data.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

// How far below a named entry others are wanted too.
enum class MetadataDepth : uint8_t { zero, one, infinity };

struct MetadataOptions {
  std::optional<uint64_t> max_size;  // values longer than this are left out
  MetadataDepth depth = MetadataDepth::zero;
  friend bool operator==(const MetadataOptions&, const MetadataOptions&) = default;
};

struct GetMetadata {
  std::string mailbox;
  MetadataOptions options;
  std::vector<std::string> entries;  // at least one
  friend bool operator==(const GetMetadata&, const GetMetadata&) = default;
};
// The options are taken before the mailbox, where the grammar has them, and behind it, where the
// RFC's own examples and clients made after them do.
Result<GetMetadata> parse_getmetadata(Cursor& cursor);
void print_getmetadata(CommandWriter& out, const GetMetadata& command);

struct SetMetadata {
  std::string mailbox;
  std::vector<MetadataEntry> entries;  // at least one; no value: to be removed
  friend bool operator==(const SetMetadata&, const SetMetadata&) = default;
};
Result<SetMetadata> parse_setmetadata(Cursor& cursor);
void print_setmetadata(CommandWriter& out, const SetMetadata& command);

// RFC 5464 3.2: slashes part components that are not empty, the first is "private" or "shared"; no
// "*", no "%", no control character, nothing but ASCII. Also of tops like "/shared/vendor".
bool is_metadata_entry(std::string_view name);

// What stands behind METADATA in LIST's RETURN: [options SP] entries.
struct MetadataRequest {
  MetadataOptions options;
  std::vector<std::string> entries;
  friend bool operator==(const MetadataRequest&, const MetadataRequest&) = default;
};
Result<MetadataRequest> parse_metadata_request(Cursor& cursor);
void append_metadata_request(std::string& out, const MetadataRequest& request);

// "* METADATA ..." without its name, and as it is sent.
Result<MetadataData> parse_metadata_data(Cursor& cursor);
void append_metadata(std::string& out, const MetadataData& data, WriteStyle style);

}  // namespace eilpost::imap
