// The file that says what an account's index consists of, in one piece: which segments, which
// messages are in which block, how far the change log has been read. Sealed with a checksum; what
// it does not name does not belong to the index. Values only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/interval_set.h"
#include "base/result.h"
#include "search/index/placement.h"

namespace eilpost::search {

// What the index was made of and by which rules; another one makes it worthless.
struct IndexOrigin {
  uint64_t epoch = 0;
  uint32_t inbox_uid_validity = 0;
  int64_t inbox_created_seconds = 0;
  std::string rules;
  friend bool operator==(const IndexOrigin&, const IndexOrigin&) = default;
};

struct SegmentInfo {
  uint64_t number = 0;  // names its file
  BlockId base = 0;     // its blocks are [base, base + blocks)
  uint32_t blocks = 0;
  uint64_t messages = 0;  // when it was made
  uint64_t live = 0;      // of them are in a mailbox
  uint64_t bytes = 0;
  uint64_t text_bytes = 0;  // of the folded texts that it was made of
  uint32_t checksum = 0;    // CRC-32C of the file
  friend bool operator==(const SegmentInfo&, const SegmentInfo&) = default;
};

struct Manifest {
  IndexOrigin origin;
  ModSeq cursor;  // the log has been read up to here
  uint64_t next_number = 1;
  BlockId next_block = 1;
  std::vector<SegmentInfo> segments;  // ascending by base
  std::map<MailboxId, Placement> placements;
  std::map<MailboxId, UidSet> pending;  // known and not indexed
};

std::string encode(const Manifest& manifest);
Result<Manifest> decode_manifest(std::string_view octets);

}  // namespace eilpost::search
