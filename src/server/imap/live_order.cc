#include "server/imap/live_order.h"

#include <algorithm>
#include <cmath>

namespace eilpost::server {

std::vector<OrderChange> take_out(std::vector<Uid>& order, const UidSet& lost) {
  std::vector<OrderChange> out;
  std::vector<Uid> kept;
  kept.reserve(order.size());
  for (const Uid uid : order) {
    if (!lost.contains(uid)) {
      kept.push_back(uid);
      continue;
    }
    // Told from the first on: what lay before is gone already, so that this run begins where the
    // messages that stay end.
    const auto position = static_cast<uint32_t>(kept.size() + 1);
    if (out.empty() || out.back().position != position) out.push_back({position, {}});
    out.back().uids.push_back(uid);
  }
  order = std::move(kept);
  return out;
}

std::vector<OrderChange> put_in(std::vector<Uid>& order, const std::vector<Insertion>& insertions) {
  std::vector<OrderChange> out;
  std::vector<Uid> whole;
  whole.reserve(order.size() + insertions.size());
  size_t next = 0;
  const auto add_at = [&](size_t index) {
    bool first = true;
    for (; next < insertions.size() && insertions[next].behind == index; ++next) {
      if (first) out.push_back({static_cast<uint32_t>(whole.size() + 1), {}});
      first = false;
      out.back().uids.push_back(insertions[next].uid);
      whole.push_back(insertions[next].uid);
    }
  };
  for (size_t i = 0; i < order.size(); ++i) {
    add_at(i);
    whole.push_back(order[i]);
  }
  add_at(order.size());
  order = std::move(whole);
  return out;
}

size_t probe_distance(size_t order_size) {
  return std::max<size_t>(1, static_cast<size_t>(std::sqrt(static_cast<double>(order_size))));
}

}  // namespace eilpost::server
