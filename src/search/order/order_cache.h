// What sorting and threading have made of mailboxes and will be asked for again: rankings by key,
// and who refers to whom. Either holds for its uids as long as they live, whatever else happens to
// the mailbox; whoever finds one that lacks messages adds them and keeps the result. Bounded by
// octets, least recently used first. Thread safe; never blocks on anything but its mutex.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <mutex>

#include "base/ids.h"
#include "search/order/ranking.h"
#include "search/order/references.h"

namespace eilpost::search {

class OrderCache {
 public:
  // `seed`: any number that senders of mail cannot know.
  OrderCache(size_t bytes_max, uint64_t seed) : bytes_max_(bytes_max), seed_(seed) {}

  struct Key {
    PartitionId partition;
    MailboxId mailbox;
    uint32_t uid_validity = 0;
    uint8_t what = 0;       // which key, by the caller's numbers
    uint8_t collation = 0;  // of texts
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Null when nothing is kept.
  RankingPtr ranking(const Key& key);
  ReferencesPtr references(const Key& key);
  // In place of what is kept; what is larger than all may be is not kept.
  void keep(const Key& key, RankingPtr ranking);
  void keep(const Key& key, ReferencesPtr references);
  uint64_t seed() const { return seed_; }
  size_t bytes() const;

 private:
  struct Entry {
    RankingPtr ranking;  // one of the two
    ReferencesPtr references;
    size_t bytes = 0;
    std::list<Key>::iterator place;
  };
  Entry find(const Key& key);
  void keep(const Key& key, Entry entry);
  void erase(std::map<Key, Entry>::iterator at);

  mutable std::mutex mutex_;
  const size_t bytes_max_;
  const uint64_t seed_;
  size_t bytes_ = 0;
  std::list<Key> order_;  // the most recently used first
  std::map<Key, Entry> entries_;
};

}  // namespace eilpost::search
