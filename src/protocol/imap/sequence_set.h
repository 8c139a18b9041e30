// RFC 9051 sequence-set as a value: ranges in the order they were written, "*" as 0, or "$" (RFC
// 5182). Whether the numbers are uids or message numbers is the command's business. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"

namespace eilpost::imap {

struct SequenceRange {
  uint32_t first = 0;  // 0 is "*"
  uint32_t last = 0;   // 0 is "*"; equal to first for a single number
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

struct SequenceSet {
  std::vector<SequenceRange> ranges;
  // "$": the saved result of the last SEARCH; `ranges` is empty.
  bool saved = false;

  // The numbers, with "*" as `max` and ranges written backwards turned round (RFC 9051 9,
  // seq-range). With max 0 (an empty mailbox) a range that names "*" is empty. "$" gives the empty
  // set.
  IntervalSet resolve(uint32_t max) const;
  bool has_star() const;
  // The largest number written out, 0 if none.
  uint32_t largest_number() const;

  static SequenceSet of(const IntervalSet& set);
  // The numbers in their order, those that follow each other upwards as ranges (RFC 5267 3).
  static SequenceSet in_order(const std::vector<uint32_t>& numbers);
  friend bool operator==(const SequenceSet&, const SequenceSet&) = default;
};

// The whole of `text`. Code::invalid with column from 1; Code::too_big above
// limits::set_ranges_max.
Result<SequenceSet> parse_sequence_set(std::string_view text);

// The set that `text` begins with. `used` is how far it reaches, or where the error is.
Result<SequenceSet> read_sequence_set(std::string_view text, size_t& used);
void append_sequence_set(std::string& out, const SequenceSet& set);
std::string print_sequence_set(const SequenceSet& set);

}  // namespace eilpost::imap
