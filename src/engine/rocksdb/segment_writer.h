// The BlobWriter of segment files: gathers a short blob, streams a long one. Holds at most
// stream_bytes and a little. Not thread safe; blocks.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "engine/rocksdb/segment_format.h"

namespace eilpost::engine {

struct SegmentsState;

// What is gathered before a write; a blob that is longer streams.
inline constexpr uint64_t stream_bytes = 4 * segment_chunk;

std::unique_ptr<BlobWriter> make_segment_writer(std::shared_ptr<SegmentsState> state,
                                                RecordHeader header);

}  // namespace eilpost::engine
