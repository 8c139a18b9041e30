#include "base/interval_set.h"

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace eilpost {

void IntervalSet::add(uint32_t first, uint32_t last) {
  CHECK(first <= last);
  if (intervals_.empty() ||
      (first > intervals_.back().last && first - intervals_.back().last > 1)) {
    intervals_.push_back({first, last});
    return;
  }
  // The first interval that touches or follows [first - 1, ...].
  auto begin =
      std::lower_bound(intervals_.begin(), intervals_.end(), first,
                       [](const Interval& i, uint32_t v) { return i.last < v && v - i.last > 1; });
  auto end = begin;
  while (end != intervals_.end() && (end->first <= last || end->first - last == 1)) {
    first = std::min(first, end->first);
    last = std::max(last, end->last);
    ++end;
  }
  if (begin == end) {
    intervals_.insert(begin, {first, last});
    return;
  }
  *begin = {first, last};
  intervals_.erase(begin + 1, end);
}

void IntervalSet::add(const IntervalSet& other) {
  for (const auto& i : other.intervals_) add(i.first, i.last);
}

void IntervalSet::remove(uint32_t first, uint32_t last) {
  CHECK(first <= last);
  auto begin = std::lower_bound(intervals_.begin(), intervals_.end(), first,
                                [](const Interval& i, uint32_t v) { return i.last < v; });
  std::vector<Interval> kept;
  auto end = begin;
  for (; end != intervals_.end() && end->first <= last; ++end) {
    if (end->first < first) kept.push_back({end->first, first - 1});
    if (end->last > last) kept.push_back({last + 1, end->last});
  }
  const auto at = intervals_.erase(begin, end);
  intervals_.insert(at, kept.begin(), kept.end());
}

bool IntervalSet::contains(uint32_t value) const {
  const auto at = std::lower_bound(intervals_.begin(), intervals_.end(), value,
                                   [](const Interval& i, uint32_t v) { return i.last < v; });
  return at != intervals_.end() && at->first <= value;
}

uint64_t IntervalSet::count() const {
  uint64_t total = 0;
  for (const auto& i : intervals_) total += uint64_t{i.last} - i.first + 1;
  return total;
}

uint32_t IntervalSet::min() const {
  CHECK(!intervals_.empty());
  return intervals_.front().first;
}

uint32_t IntervalSet::max() const {
  CHECK(!intervals_.empty());
  return intervals_.back().last;
}

IntervalSet IntervalSet::intersect(const IntervalSet& other) const {
  IntervalSet out;
  auto a = intervals_.begin();
  auto b = other.intervals_.begin();
  while (a != intervals_.end() && b != other.intervals_.end()) {
    const uint32_t first = std::max(a->first, b->first);
    const uint32_t last = std::min(a->last, b->last);
    if (first <= last) out.add(first, last);
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return out;
}

IntervalSet IntervalSet::subtract(const IntervalSet& other) const {
  IntervalSet out;
  auto b = other.intervals_.begin();
  for (const auto& i : intervals_) {
    uint64_t at = i.first;
    while (b != other.intervals_.end() && b->last < at) ++b;
    for (auto c = b; c != other.intervals_.end() && c->first <= i.last && at <= i.last; ++c) {
      if (c->first > at) out.add(static_cast<uint32_t>(at), c->first - 1);
      at = std::max<uint64_t>(at, uint64_t{c->last} + 1);
    }
    if (at <= i.last) out.add(static_cast<uint32_t>(at), i.last);
  }
  return out;
}

IntervalSet IntervalSet::take_first(uint64_t count) {
  IntervalSet out;
  size_t whole = 0;
  for (; whole < intervals_.size() && count > 0; ++whole) {
    Interval& i = intervals_[whole];
    const uint64_t size = uint64_t{i.last} - i.first + 1;
    if (size > count) {
      out.add(i.first, static_cast<uint32_t>(i.first + count - 1));
      i.first = static_cast<uint32_t>(i.first + count);
      break;
    }
    out.add(i.first, i.last);
    count -= size;
  }
  intervals_.erase(intervals_.begin(), intervals_.begin() + static_cast<std::ptrdiff_t>(whole));
  return out;
}

std::string IntervalSet::to_string() const {
  std::string out;
  for (const auto& i : intervals_) {
    if (!out.empty()) out += ',';
    out += std::to_string(i.first);
    if (i.last != i.first) {
      out += ':';
      out += std::to_string(i.last);
    }
  }
  return out;
}

}  // namespace eilpost
