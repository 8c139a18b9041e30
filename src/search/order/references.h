// Which messages name which: Message-IDs and References of a mailbox's messages as numbers, for
// THREAD (RFC 5256 3). Equal ids have equal numbers. Values only; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "search/order/ranking.h"
#include "search/order/threads.h"
#include "store/digest.h"

namespace eilpost::search {

// Ids in the order in which they came.
class IdNumbers {
 public:
  // `seed` keeps senders from choosing ids that collide.
  explicit IdNumbers(uint64_t seed) : seed_(seed) {}
  // The number of an id, from here on.
  uint32_t number(std::string_view id);
  uint32_t size() const { return static_cast<uint32_t>(ids_.size()); }
  size_t bytes() const { return ids_.bytes() + table_.capacity() * sizeof(uint32_t); }

 private:
  uint64_t hash(std::string_view id) const;
  void grow();

  uint64_t seed_;
  Keys ids_ = Keys::of_texts();
  std::vector<uint32_t> table_;  // number + 1, or 0
};

class References {
 public:
  explicit References(uint64_t seed) : ids_(seed) {}

  // Uids ascend. Without keys: a message that cannot be read.
  void add(uint32_t uid, const store::DigestKeysView* keys);
  const std::vector<uint32_t>& uids() const { return uids_; }
  size_t bytes() const;
  // Fills in what the algorithms want to know of `uids` (ascending), all of which are known.
  void describe(const std::vector<uint32_t>& uids, ThreadInput& out) const;

 private:
  enum Bit : uint8_t { reply = 1, no_subject = 2 };
  uint32_t number(std::string_view id);
  IdNumbers ids_;
  std::vector<uint32_t> uids_;
  std::vector<uint32_t> id_;
  std::vector<uint8_t> bits_;
  std::vector<uint32_t> references_;
  std::vector<uint32_t> reference_ends_;
};
using ReferencesPtr = std::shared_ptr<const References>;  // shared by the cache and commands

}  // namespace eilpost::search
