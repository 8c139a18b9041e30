// Where the messages of one mailbox are in an account's index: runs of uids by block, ascending. A
// block is some messages whose grams are indexed together; its number never changes its meaning.
// What stands here is true for ever, since neither a uid nor a block ever gets another text.
// Values only; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/interval_set.h"
#include "base/result.h"

namespace eilpost::search {

using BlockId = uint32_t;
// Messages that are too large to be indexed or cannot be read: every search looks into them.
inline constexpr BlockId always_block = 0;

class Placement {
 public:
  struct Run {
    uint32_t first = 0;
    uint32_t last = 0;
    BlockId block = always_block;
    friend bool operator==(const Run&, const Run&) = default;
  };

  const std::vector<Run>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }
  uint64_t count() const;
  bool contains(uint32_t uid) const;
  IntervalSet uids() const;

  // A uid that is in no run.
  void place(uint32_t uid, BlockId block);
  // Calls gone(block, how many) for what was there.
  void remove(uint32_t first, uint32_t last, const std::function<void(BlockId, uint32_t)>& gone);
  // Takes out the uids of blocks in [first, last) and answers them.
  IntervalSet take_blocks(BlockId first, BlockId last);
  // The uids that are in blocks which `may` denies.
  IntervalSet denied(const std::function<bool(BlockId)>& may) const;

  void encode(std::string& out) const;
  static Result<Placement> decode(Reader& reader);

 private:
  size_t lower_bound(uint32_t uid) const;  // the first run that ends at it or behind

  std::vector<Run> runs_;
};

}  // namespace eilpost::search
