// UIDBATCHES: the uids that part a mailbox into batches of about the same size. RFC 10022. Any
// thread.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct UidBatches {
  uint32_t size = 0;  // messages of one batch, above 0
  struct Range {
    uint32_t first = 0;  // counted from 1, the batch with the highest uids
    uint32_t last = 0;   // may be below `first`: the server refuses that
    friend bool operator==(const Range&, const Range&) = default;
  };
  std::optional<Range> range;  // of batches; nullopt: all
  friend bool operator==(const UidBatches&, const UidBatches&) = default;
};
Result<UidBatches> parse_uid_batches(Cursor& cursor);
void print_uid_batches(CommandWriter& out, const UidBatches& command);

}  // namespace eilpost::imap
