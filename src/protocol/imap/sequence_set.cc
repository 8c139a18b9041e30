#include "protocol/imap/sequence_set.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

tl::unexpected<Error> expected_at(std::string_view what, size_t offset) {
  std::string detail = "expected ";
  detail += what;
  detail += " at column ";
  append_number(detail, offset + 1);
  return fail(Code::invalid, std::move(detail));
}

// seq-number = nz-number / "*". 0 for "*".
Result<uint32_t> read_seq_number(std::string_view text, size_t& at) {
  constexpr std::string_view what = "a number above 0 or \"*\"";
  if (at < text.size() && text[at] == '*') {
    ++at;
    return 0;
  }
  size_t start = at;
  uint64_t value = 0;
  while (at < text.size() && is_digit(text[at])) {
    value = value * 10 + static_cast<uint64_t>(text[at] - '0');
    if (value > std::numeric_limits<uint32_t>::max()) {
      at = start;
      return expected_at("a number below 4294967296", start);
    }
    ++at;
  }
  if (at == start || value == 0) {
    at = start;
    return expected_at(what, start);
  }
  return static_cast<uint32_t>(value);
}

void append_seq_number(std::string& out, uint32_t value) {
  if (value == 0) {
    out += '*';
  } else {
    append_number(out, value);
  }
}

}  // namespace

IntervalSet SequenceSet::resolve(uint32_t max) const {
  std::vector<Interval> sorted;
  sorted.reserve(ranges.size());
  for (const SequenceRange& range : ranges) {
    if (max == 0 && (range.first == 0 || range.last == 0)) continue;
    uint32_t first = range.first == 0 ? max : range.first;
    uint32_t last = range.last == 0 ? max : range.last;
    sorted.push_back(Interval{std::min(first, last), std::max(first, last)});
  }
  // Ascending, so that each add() is O(1) however the client wrote it.
  std::sort(sorted.begin(), sorted.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  IntervalSet set;
  for (const Interval& interval : sorted) set.add(interval.first, interval.last);
  return set;
}

bool SequenceSet::has_star() const {
  return std::any_of(ranges.begin(), ranges.end(),
                     [](const SequenceRange& r) { return r.first == 0 || r.last == 0; });
}

uint32_t SequenceSet::largest_number() const {
  uint32_t largest = 0;
  for (const SequenceRange& range : ranges) {
    largest = std::max({largest, range.first, range.last});
  }
  return largest;
}

SequenceSet SequenceSet::of(const IntervalSet& set) {
  SequenceSet out;
  out.ranges.reserve(set.intervals().size());
  for (const Interval& interval : set.intervals()) {
    out.ranges.push_back(SequenceRange{interval.first, interval.last});
  }
  return out;
}

SequenceSet SequenceSet::in_order(const std::vector<uint32_t>& numbers) {
  SequenceSet out;
  for (const uint32_t number : numbers) {
    if (!out.ranges.empty() && out.ranges.back().last + 1 == number) {
      out.ranges.back().last = number;
    } else {
      out.ranges.push_back({number, number});
    }
  }
  return out;
}

// RFC 9051 9: sequence-set = (seq-number / seq-range) ["," sequence-set] / seq-last-command
Result<SequenceSet> read_sequence_set(std::string_view text, size_t& used) {
  SequenceSet set;
  used = 0;
  if (!text.empty() && text.front() == '$') {
    used = 1;
    set.saved = true;
    return set;
  }
  for (;;) {
    uint32_t first = TRY(read_seq_number(text, used));
    uint32_t last = first;
    if (used < text.size() && text[used] == ':') {
      ++used;
      last = TRY(read_seq_number(text, used));
    }
    if (set.ranges.size() >= limits::set_ranges_max) {
      return fail(Code::too_big, "too many ranges in the set");
    }
    set.ranges.push_back(SequenceRange{first, last});
    if (used >= text.size() || text[used] != ',') return set;
    ++used;
  }
}

Result<SequenceSet> parse_sequence_set(std::string_view text) {
  size_t used = 0;
  SequenceSet set = TRY(read_sequence_set(text, used));
  if (used < text.size()) return expected_at("\",\", \":\" or the end of the set", used);
  return set;
}

void append_sequence_set(std::string& out, const SequenceSet& set) {
  if (set.saved) {
    out += '$';
    return;
  }
  bool first = true;
  for (const SequenceRange& range : set.ranges) {
    if (!first) out += ',';
    first = false;
    append_seq_number(out, range.first);
    if (range.last == range.first) continue;
    out += ':';
    append_seq_number(out, range.last);
  }
}

std::string print_sequence_set(const SequenceSet& set) {
  std::string out;
  append_sequence_set(out, set);
  return out;
}

}  // namespace eilpost::imap
