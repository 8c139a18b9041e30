#include "search/order/ranking.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace eilpost::search {

namespace {

// The first eight octets as a number that compares as they do.
uint64_t prefix_of(std::string_view text) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) {
    out = (out << 8) | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
  }
  return out;
}

struct Sortable {
  uint64_t prefix = 0;
  uint32_t at = 0;
};

std::vector<Sortable> sorted(const Keys& keys) {
  std::vector<Sortable> out(keys.size());
  for (size_t i = 0; i < out.size(); ++i) {
    // The sign bit turned: numbers then compare as they do unsigned.
    const uint64_t prefix = keys.texts() ? prefix_of(keys.text(i))
                                         : static_cast<uint64_t>(keys.number(i)) ^ (1ULL << 63);
    out[i] = {prefix, static_cast<uint32_t>(i)};
  }
  const auto by_number = [](const Sortable& a, const Sortable& b) { return a.prefix < b.prefix; };
  const auto by_text = [&](const Sortable& a, const Sortable& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return keys.text(a.at) < keys.text(b.at);
  };
  if (keys.texts()) {
    std::sort(out.begin(), out.end(), by_text);
  } else {
    std::sort(out.begin(), out.end(), by_number);
  }
  return out;
}

// One pass of a counting sort, which keeps the order of what is equal.
void pass(const OrderBy& by, std::vector<uint32_t>& order) {
  std::vector<uint32_t> begins(by.ranks_end + 1, 0);
  const auto bucket = [&](uint32_t row) {
    return by.reverse ? by.ranks_end - 1 - by.ranks[row] : by.ranks[row];
  };
  for (const uint32_t row : order) ++begins[bucket(row) + 1];
  for (size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
  std::vector<uint32_t> out(order.size());
  for (const uint32_t row : order) out[begins[bucket(row)]++] = row;
  order = std::move(out);
}

}  // namespace

void Keys::add(std::string_view text) {
  octets_ += text;
  add_octets();
}

void Keys::add(const Keys& other, size_t at) {
  if (texts_) {
    add(other.text(at));
  } else {
    add(other.number(at));
  }
}

int Keys::compare(const Keys& a, size_t at_a, const Keys& b, size_t at_b) {
  if (a.texts_) return a.text(at_a).compare(b.text(at_b));
  const int64_t one = a.number(at_a);
  const int64_t other = b.number(at_b);
  return one < other ? -1 : static_cast<int>(one > other);
}

size_t Keys::bytes() const {
  return numbers_.capacity() * sizeof(int64_t) + octets_.capacity() +
         ends_.capacity() * sizeof(uint64_t);
}

void Keys::shrink() {
  numbers_.shrink_to_fit();
  octets_.shrink_to_fit();
  ends_.shrink_to_fit();
}

size_t Ranking::bytes() const {
  return sizeof(Ranking) + (uids.capacity() + ranks.capacity()) * sizeof(uint32_t) + keys.bytes();
}

Ranking rank(std::vector<uint32_t> uids, const Keys& keys) {
  CHECK(uids.size() == keys.size());
  Ranking out;
  out.uids = std::move(uids);
  out.ranks.resize(out.uids.size());
  out.keys = keys.texts() ? Keys::of_texts() : Keys::of_numbers();
  uint32_t before = 0;
  for (const Sortable& next : sorted(keys)) {
    if (out.keys.size() == 0 || Keys::compare(keys, before, keys, next.at) != 0) {
      out.keys.add(keys, next.at);
    }
    before = next.at;
    out.ranks[next.at] = static_cast<uint32_t>(out.keys.size() - 1);
  }
  out.keys.shrink();
  return out;
}

Ranking merge(const Ranking& one, const Ranking& other) {
  Ranking out;
  out.keys = one.keys.texts() ? Keys::of_texts() : Keys::of_numbers();
  // What each rank of the two becomes.
  std::vector<uint32_t> of_one(one.keys.size());
  std::vector<uint32_t> of_other(other.keys.size());
  for (size_t a = 0, b = 0; a < of_one.size() || b < of_other.size();) {
    int compared = a == of_one.size() ? 1 : -1;
    if (a < of_one.size() && b < of_other.size()) {
      compared = Keys::compare(one.keys, a, other.keys, b);
    }
    const auto rank = static_cast<uint32_t>(out.keys.size());
    if (compared <= 0) {
      out.keys.add(one.keys, a);
    } else {
      out.keys.add(other.keys, b);
    }
    if (compared <= 0) of_one[a++] = rank;
    if (compared >= 0) of_other[b++] = rank;
  }
  out.keys.shrink();
  const size_t size = one.uids.size() + other.uids.size();
  out.uids.reserve(size);
  out.ranks.reserve(size);
  for (size_t a = 0, b = 0; a < one.uids.size() || b < other.uids.size();) {
    const bool first =
        b == other.uids.size() || (a < one.uids.size() && one.uids[a] < other.uids[b]);
    out.uids.push_back(first ? one.uids[a] : other.uids[b]);
    out.ranks.push_back(first ? of_one[one.ranks[a]] : of_other[other.ranks[b]]);
    ++(first ? a : b);
  }
  return out;
}

Ranking restrict(const Ranking& ranking, const std::vector<uint32_t>& kept) {
  std::vector<uint32_t> uids;
  std::set_intersection(ranking.uids.begin(), ranking.uids.end(), kept.begin(), kept.end(),
                        std::back_inserter(uids));
  Ranking out;
  out.ranks = ranks_of(ranking, uids);
  out.uids = std::move(uids);
  out.keys = ranking.keys.texts() ? Keys::of_texts() : Keys::of_numbers();
  constexpr uint32_t unused = UINT32_MAX;
  std::vector<uint32_t> renamed(ranking.keys.size(), unused);
  for (const uint32_t r : out.ranks) renamed[r] = 0;
  for (size_t r = 0; r < renamed.size(); ++r) {
    if (renamed[r] == unused) continue;
    renamed[r] = static_cast<uint32_t>(out.keys.size());
    out.keys.add(ranking.keys, r);
  }
  for (uint32_t& r : out.ranks) r = renamed[r];
  out.keys.shrink();
  return out;
}

std::vector<uint32_t> unknown_to(const Ranking& ranking, const std::vector<uint32_t>& uids) {
  std::vector<uint32_t> out;
  std::set_difference(uids.begin(), uids.end(), ranking.uids.begin(), ranking.uids.end(),
                      std::back_inserter(out));
  return out;
}

std::vector<uint32_t> ranks_of(const Ranking& ranking, const std::vector<uint32_t>& uids) {
  std::vector<uint32_t> out;
  out.reserve(uids.size());
  // A few are looked up, many are merged.
  const bool few = uids.size() < ranking.uids.size() / 32;
  auto at = ranking.uids.begin();
  for (const uint32_t uid : uids) {
    if (few) {
      at = std::lower_bound(at, ranking.uids.end(), uid);
    } else {
      while (at != ranking.uids.end() && *at < uid) ++at;
    }
    CHECK(at != ranking.uids.end() && *at == uid);
    out.push_back(ranking.ranks[static_cast<size_t>(at - ranking.uids.begin())]);
  }
  return out;
}

std::vector<uint32_t> ordered(size_t size, const std::vector<OrderBy>& by) {
  std::vector<uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  size_t buckets = 0;
  for (const OrderBy& key : by) buckets += key.ranks_end;
  // A counting sort costs what there are ranks; few of many messages are compared instead.
  if (buckets / 16 <= size) {
    for (auto key = by.rbegin(); key != by.rend(); ++key) pass(*key, order);
    return order;
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    for (const OrderBy& key : by) {
      if (key.ranks[a] != key.ranks[b]) return (key.ranks[a] < key.ranks[b]) != key.reverse;
    }
    return false;
  });
  return order;
}

}  // namespace eilpost::search
