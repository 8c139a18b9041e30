#include "client/session/uid_sets.h"

#include <algorithm>

namespace eilpost::client {

std::vector<UidSet> in_pieces(const UidSet& uids) {
  constexpr size_t ranges_per_command = 300;
  std::vector<UidSet> out;
  const std::vector<Interval>& all = uids.raw().intervals();
  for (size_t at = 0; at < all.size(); at += ranges_per_command) {
    IntervalSet part;
    for (size_t i = at; i < std::min(all.size(), at + ranges_per_command); ++i) {
      part.add(all[i].first, all[i].last);
    }
    out.emplace_back(std::move(part));
  }
  return out;
}

std::vector<Uid> in_written_order(const imap::SequenceSet& set, uint64_t count_max) {
  std::vector<Uid> out;
  for (const imap::SequenceRange& range : set.ranges) {
    const bool up = range.first <= range.last;
    const uint64_t count = uint64_t{up ? range.last - range.first : range.first - range.last} + 1;
    if (range.first == 0 || range.last == 0 || count > count_max - out.size()) return {};
    for (uint64_t i = 0; i < count; ++i) {
      const auto step = static_cast<uint32_t>(i);
      out.emplace_back(up ? range.first + step : range.first - step);
    }
  }
  return out;
}

}  // namespace eilpost::client
