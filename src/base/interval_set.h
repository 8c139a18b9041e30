// A set of 32-bit numbers as sorted, disjoint, non-adjacent closed intervals: what a sequence set
// of RFC 9051 denotes once "*" has been replaced, and how uids travel between store, search and
// protocol. Adding in ascending order is O(1). Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace eilpost {

struct Interval {
  uint32_t first = 0;
  uint32_t last = 0;  // >= first
  friend bool operator==(const Interval&, const Interval&) = default;
};

class IntervalSet {
 public:
  IntervalSet() = default;

  void add(uint32_t value) { add(value, value); }
  void add(uint32_t first, uint32_t last);
  void add(const IntervalSet& other);
  void remove(uint32_t first, uint32_t last);
  void clear() { intervals_.clear(); }

  bool contains(uint32_t value) const;
  bool empty() const { return intervals_.empty(); }
  uint64_t count() const;  // how many numbers
  uint32_t min() const;    // needs !empty()
  uint32_t max() const;    // needs !empty()
  const std::vector<Interval>& intervals() const { return intervals_; }
  IntervalSet intersect(const IntervalSet& other) const;
  IntervalSet subtract(const IntervalSet& other) const;
  // Takes the lowest `count` numbers out and answers them; all when there are fewer.
  IntervalSet take_first(uint64_t count);

  // "1:3,7,9:12"; "" when empty.
  std::string to_string() const;

  template <class F>
  void for_each(F&& f) const {
    for (const auto& i : intervals_) {
      for (uint64_t v = i.first; v <= i.last; ++v) f(static_cast<uint32_t>(v));
    }
  }

  friend bool operator==(const IntervalSet&, const IntervalSet&) = default;

 private:
  std::vector<Interval> intervals_;
};

// The same with the type of its numbers.
template <class Id>
class IdSet {
 public:
  IdSet() = default;
  explicit IdSet(IntervalSet set) : set_(std::move(set)) {}
  void add(Id id) { set_.add(id.value); }
  void add(Id first, Id last) { set_.add(first.value, last.value); }
  void add(const IdSet& other) { set_.add(other.set_); }
  void remove(Id id) { set_.remove(id.value, id.value); }
  bool contains(Id id) const { return set_.contains(id.value); }
  bool empty() const { return set_.empty(); }
  uint64_t count() const { return set_.count(); }
  Id min() const { return Id(set_.min()); }
  Id max() const { return Id(set_.max()); }
  void clear() { set_.clear(); }
  std::string to_string() const { return set_.to_string(); }
  const IntervalSet& raw() const { return set_; }
  IntervalSet& raw() { return set_; }
  template <class F>
  void for_each(F&& f) const {
    set_.for_each([&](uint32_t v) { f(Id(v)); });
  }
  friend bool operator==(const IdSet&, const IdSet&) = default;

 private:
  IntervalSet set_;
};

using UidSet = IdSet<Uid>;
using SeqSet = IdSet<Seq>;

}  // namespace eilpost
