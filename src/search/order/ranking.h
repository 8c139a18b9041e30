// The order of messages by one key, apart from whose key it is: each message has the rank of its
// key among the different keys. Ranks of several keys are what SORT orders by, and equality of
// ranks is what THREAD groups by. Rankings of two sets of messages merge into one, so that an
// arrival costs no look at the others. Values only; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::search {

// Keys in a row: numbers or texts, never both.
class Keys {
 public:
  static Keys of_numbers() { return Keys(false); }
  static Keys of_texts() { return Keys(true); }

  void add(int64_t number) { numbers_.push_back(number); }
  void add(std::string_view text);
  // Adds what octets() has grown by since the last add.
  std::string& octets() { return octets_; }
  void add_octets() { ends_.push_back(octets_.size()); }
  // Adds key `at` of other keys of the same kind.
  void add(const Keys& other, size_t at);

  bool texts() const { return texts_; }
  size_t size() const { return texts_ ? ends_.size() : numbers_.size(); }
  int64_t number(size_t at) const { return numbers_[at]; }
  std::string_view text(size_t at) const {
    const uint64_t begin = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(octets_).substr(begin, ends_[at] - begin);
  }
  // Less than 0, 0, more than 0.
  static int compare(const Keys& a, size_t at_a, const Keys& b, size_t at_b);
  size_t bytes() const;
  void shrink();

 private:
  explicit Keys(bool texts) : texts_(texts) {}
  bool texts_ = false;
  std::vector<int64_t> numbers_;
  std::string octets_;
  std::vector<uint64_t> ends_;
};

struct Ranking {
  std::vector<uint32_t> uids;      // ascending
  std::vector<uint32_t> ranks;     // of uids[i]
  Keys keys = Keys::of_numbers();  // keys of ranks 0, 1, ...: ascending, no two equal

  size_t bytes() const;
};
using RankingPtr = std::shared_ptr<const Ranking>;  // shared by the cache and commands

// keys[i] is that of uids[i].
Ranking rank(std::vector<uint32_t> uids, const Keys& keys);
// One ranking of both sets of uids, which have none in common and the same kind of keys.
Ranking merge(const Ranking& one, const Ranking& other);
// The ranking of those of its uids that are in `kept` (ascending).
Ranking restrict(const Ranking& ranking, const std::vector<uint32_t>& kept);
// Those of `uids` (ascending) that the ranking does not know.
std::vector<uint32_t> unknown_to(const Ranking& ranking, const std::vector<uint32_t>& uids);
// The ranks of `uids` (ascending), all of which it knows.
std::vector<uint32_t> ranks_of(const Ranking& ranking, const std::vector<uint32_t>& uids);

// What to order by: the ranks of messages 0, 1, ... and how many different ranks there may be.
struct OrderBy {
  std::vector<uint32_t> ranks;
  size_t ranks_end = 0;
  bool reverse = false;
};
// 0, 1, ... size - 1 in the order of the first, where that is equal of the second, and so on; where
// all are equal as they were, reversed or not (RFC 5256 3, REVERSE).
std::vector<uint32_t> ordered(size_t size, const std::vector<OrderBy>& by);

}  // namespace eilpost::search
