// What was read of messages' rows and will be asked for again: decoded cold entries and digests, by
// page, and beside them folded header texts that a search has made. A message's row never changes
// while its uid lives, except when a purge removes it, a seal moves it or a check repairs it: the
// account forgets the page then. Another node's repair is seen when the page has been dropped.
// Bounded by octets, least recently used first. Thread safe; never blocks on the engine.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "store/records.h"

namespace eilpost::store {

// Cold entries and digest columns of one page, by slot. Views point into `octets`.
struct PageData {
  uint32_t page = 0;
  uint8_t columns = 0;  // ReadColumns that every message here has
  struct Message {
    uint8_t slot = 0;
    Cold cold;
    std::array<std::string_view, column_count> digest{};  // by Column
  };
  std::vector<Message>
      messages;  // ascending by slot; what was expunged but not purged is there too
  using Octets = std::vector<std::string>;
  std::vector<std::shared_ptr<const Octets>> octets;  // shared with the pages this was made of

  const Message* find(uint8_t slot) const;
};
using PageDataPtr = std::shared_ptr<const PageData>;  // shared by the cache and readers

// Of one page, what a search made of headers: by slot, in a form that is the search's own.
struct HeaderTexts {
  std::map<uint8_t, std::string> by_slot;
};
using HeaderTextsPtr = std::shared_ptr<const HeaderTexts>;  // shared by the cache and searches

class PageCache {
 public:
  explicit PageCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  struct Key {
    PartitionId partition;
    MailboxId mailbox;
    uint32_t page = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Null when nothing is kept.
  PageDataPtr data(const Key& key);
  HeaderTextsPtr texts(const Key& key);

  // Take it before reading what is to be kept: what was forgotten meanwhile is not kept.
  uint64_t moment() const;
  void keep(const Key& key, PageDataPtr data, uint64_t moment);
  // Adds to the texts of the page.
  void keep(const Key& key, const HeaderTexts& texts, uint64_t moment);
  void forget(const Key& key);
  void forget(PartitionId partition);

  size_t bytes() const;

 private:
  struct Entry {
    PageDataPtr data;
    HeaderTextsPtr texts;
    size_t data_bytes = 0;
    size_t texts_bytes = 0;
    std::list<Key>::iterator place;
  };
  using Entries = std::map<Key, Entry>;

  Entry& touch(const Key& key);
  Entries::iterator erase(Entries::iterator at);
  void trim();

  mutable std::mutex mutex_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  uint64_t moment_ = 0;
  std::list<Key> order_;  // the most recently used first
  Entries entries_;
};

}  // namespace eilpost::store
