// A page of a result: "PARTIAL 1:500" from its beginning, "PARTIAL -1:-100" from its end. RFC 9394
// 3.1, 4. Of SEARCH, SORT and UID FETCH. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/interval_set.h"
#include "protocol/imap/cursor.h"

namespace eilpost::imap {

// As it was written: answers repeat it.
struct PartialRange {
  uint32_t first = 1;
  uint32_t last = 1;
  bool from_end = false;  // both are counted from the last result
  friend bool operator==(const PartialRange&, const PartialRange&) = default;

  // The places, from 1, that it names of `count` results; nothing when none of them is there.
  std::optional<Interval> places(uint64_t count) const;
};

// partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number
Result<PartialRange> parse_partial_range(Cursor& cursor);
void append_partial_range(std::string& out, const PartialRange& range);

// The numbers of `set` at those places of it, in ascending order.
IntervalSet page_of(const IntervalSet& set, const PartialRange& range);

}  // namespace eilpost::imap
