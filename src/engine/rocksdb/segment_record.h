// Reads records of one segment file: finds them, verifies them, answers ranges of their content.
// Thread safe; blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "engine/rocksdb/segment_file.h"
#include "engine/rocksdb/segment_format.h"

namespace eilpost::engine {

// Calls `each` with every record header in [page 1, end), ascending, until it answers false. Skips
// holes, garbage, and what has no right header.
Result<> walk_records(const SegmentIo& file, uint64_t salt, uint64_t end,
                      const std::function<bool(const RecordHeader&, uint64_t offset)>& each);

// A record's header with what of the record lies in the same page: a small record is there whole,
// so that one read serves it.
struct RecordStart {
  RecordHeader header;
  std::string octets;
};
Result<RecordStart> read_record_start(const SegmentIo& file, const RecordPlace& at);

// Octets [offset, offset + length) of a record's content, fewer at its end, verified.
struct Span {
  uint64_t offset = 0;
  uint64_t length = 0;
};
// In place of what `into` holds; of a string that has held as much before nothing is allocated or
// cleared.
Result<> read_record(const SegmentIo& file, const RecordStart& start, uint64_t record_offset,
                     Span span, std::string& into);

// torn: a page of it never reached the disk before a crash; corrupt: it did, and is wrong.
enum class RecordState { whole, torn, corrupt };
Result<RecordState> verify_record(const SegmentIo& file, const RecordHeader& header,
                                  uint64_t record_offset);

}  // namespace eilpost::engine
