#include "search/index/placement.h"

#include <algorithm>

namespace eilpost::search {

size_t Placement::lower_bound(uint32_t uid) const {
  const auto at = std::lower_bound(runs_.begin(), runs_.end(), uid,
                                   [](const Run& run, uint32_t u) { return run.last < u; });
  return static_cast<size_t>(at - runs_.begin());
}

uint64_t Placement::count() const {
  uint64_t count = 0;
  for (const Run& run : runs_) count += uint64_t{run.last} - run.first + 1;
  return count;
}

bool Placement::contains(uint32_t uid) const {
  const size_t at = lower_bound(uid);
  return at < runs_.size() && runs_[at].first <= uid;
}

IntervalSet Placement::uids() const {
  IntervalSet out;
  for (const Run& run : runs_) out.add(run.first, run.last);
  return out;
}

void Placement::place(uint32_t uid, BlockId block) {
  const size_t at = lower_bound(uid);
  const bool follows = at > 0 && runs_[at - 1].block == block && runs_[at - 1].last + 1 == uid;
  if (follows) {
    runs_[at - 1].last = uid;
  } else {
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(at), Run{uid, uid, block});
  }
}

void Placement::remove(uint32_t first, uint32_t last,
                       const std::function<void(BlockId, uint32_t)>& gone) {
  const size_t begin = lower_bound(first);
  size_t end = begin;
  std::vector<Run> kept;
  for (; end < runs_.size() && runs_[end].first <= last; ++end) {
    const Run run = runs_[end];
    const uint32_t from = std::max(run.first, first);
    const uint32_t to = std::min(run.last, last);
    if (run.first < from) kept.push_back({run.first, from - 1, run.block});
    if (to < run.last) kept.push_back({to + 1, run.last, run.block});
    gone(run.block, to - from + 1);
  }
  const auto at = runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(begin),
                              runs_.begin() + static_cast<std::ptrdiff_t>(end));
  runs_.insert(at, kept.begin(), kept.end());
}

IntervalSet Placement::take_blocks(BlockId first, BlockId last) {
  IntervalSet out;
  const auto taken = [&](const Run& run) {
    const bool in = run.block >= first && run.block < last;
    if (in) out.add(run.first, run.last);
    return in;
  };
  runs_.erase(std::remove_if(runs_.begin(), runs_.end(), taken), runs_.end());
  return out;
}

IntervalSet Placement::denied(const std::function<bool(BlockId)>& may) const {
  IntervalSet out;
  for (const Run& run : runs_) {
    if (!may(run.block)) out.add(run.first, run.last);
  }
  return out;
}

void Placement::encode(std::string& out) const {
  put_varint(out, runs_.size());
  uint32_t uid = 0;
  int64_t block = 0;
  for (const Run& run : runs_) {
    put_varint(out, run.first - uid);
    put_varint(out, run.last - run.first);
    put_svarint(out, int64_t{run.block} - block);
    uid = run.last;
    block = run.block;
  }
}

Result<Placement> Placement::decode(Reader& reader) {
  Placement out;
  const uint64_t count = TRY(reader.varint());
  uint64_t uid = 0;
  int64_t block = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = uid + TRY(reader.varint());
    const uint64_t last = first + TRY(reader.varint());
    block += TRY(reader.svarint());
    const bool ascends = first > uid || (i == 0 && first == 0);
    if (!ascends || last > UINT32_MAX || block < 0 || block > UINT32_MAX) {
      return fail(Code::corrupt, "a placement's runs are out of order");
    }
    out.runs_.push_back(
        {static_cast<uint32_t>(first), static_cast<uint32_t>(last), static_cast<BlockId>(block)});
    uid = last;
  }
  return out;
}

}  // namespace eilpost::search
