// An ordered result that changes, as its client is told of it: which messages go from which places,
// and which come to which (RFC 5267 4.3.3, 4.3.4). Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/interval_set.h"

namespace eilpost::server {

// Messages in neighbouring places, in order; the first is at `position`, from 1, once all that was
// told before has been done.
struct OrderChange {
  uint32_t position = 0;
  std::vector<Uid> uids;
};

// Takes `lost` out of `order`; what to tell, in this order.
std::vector<OrderChange> take_out(std::vector<Uid>& order, const UidSet& lost);

// Puts a message into `order`: behind the one at index `behind` - 1, or first of all when that is
// 0; those of the same place in the order of the list. Ascending by `behind`. What to tell, in this
// order.
struct Insertion {
  size_t behind = 0;
  Uid uid;
};
std::vector<OrderChange> put_in(std::vector<Uid>& order, const std::vector<Insertion>& insertions);

// To find the places of a few messages in a long order, only some of it is compared with them:
// first every so many-th, then what lies between two of these.
size_t probe_distance(size_t order_size);

}  // namespace eilpost::server
