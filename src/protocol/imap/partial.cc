#include "protocol/imap/partial.h"

#include <algorithm>

#include "protocol/imap/writer.h"

namespace eilpost::imap {

std::optional<Interval> PartialRange::places(uint64_t count) const {
  const uint64_t low = std::min(first, last);
  const uint64_t high = std::min<uint64_t>(std::max(first, last), count);
  if (low > high) return std::nullopt;
  if (!from_end) return Interval{static_cast<uint32_t>(low), static_cast<uint32_t>(high)};
  return Interval{static_cast<uint32_t>(count - high + 1), static_cast<uint32_t>(count - low + 1)};
}

Result<PartialRange> parse_partial_range(Cursor& cursor) {
  PartialRange range;
  range.from_end = cursor.accept('-');
  range.first = TRY(cursor.nz_number("a place above 0"));
  TRY(cursor.expect(':'));
  if (range.from_end) TRY(cursor.expect('-'));
  range.last = TRY(cursor.nz_number("a place above 0"));
  return range;
}

void append_partial_range(std::string& out, const PartialRange& range) {
  const char* sign = range.from_end ? "-" : "";
  out += sign;
  append_number(out, range.first);
  out += ':';
  out += sign;
  append_number(out, range.last);
}

IntervalSet page_of(const IntervalSet& set, const PartialRange& range) {
  const auto places = range.places(set.count());
  if (!places) return {};
  IntervalSet rest = set;
  rest.take_first(places->first - 1);
  return rest.take_first(uint64_t{places->last} - places->first + 1);
}

}  // namespace eilpost::imap
