// Hot pages and the persistent tree over them. A page holds what changes about up to 128 messages
// of one fixed uid range; a tree is chunks of 64 pages. Pages, chunks and trees are immutable and
// shared: changing one message copies one page, one chunk and the list of chunks, so a mailbox of a
// million costs what one of a hundred costs, and two trees are compared by comparing pointers.
// Values only; any thread.
#pragma once

#include <bitset>
#include <functional>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/keys.h"
#include "store/types.h"

namespace eilpost::store {

// Keyword indexes of the mailbox's KeywordTable, ascending.
using KeywordSet = std::vector<uint16_t>;

struct HotPage {
  uint32_t page = 0;
  std::vector<HotEntry> entries;         // ascending by slot
  std::vector<KeywordSet> keyword_sets;  // [0] is the empty set
  uint32_t unseen = 0;                   // messages without \Seen; set by freeze()

  HotPage() : keyword_sets(1) {}
  Uid uid(const HotEntry& entry) const { return keys::uid_at(page, entry.slot); }
  const HotEntry* find(uint8_t slot) const;
  HotEntry* find(uint8_t slot);
  // The entry of `slot`, made if absent.
  HotEntry& insert(uint8_t slot);
  bool erase(uint8_t slot);
  const KeywordSet& keywords(const HotEntry& entry) const {
    return keyword_sets[entry.keyword_set];
  }
  // The index of `set` in keyword_sets, added if need be. A page has at most 255 different sets
  // besides the empty one: it holds 128 messages, and sets no longer used are dropped first.
  uint8_t intern(const KeywordSet& set);
};

// Value of a P row, columns run-length encoded: some 60 octets for a page whose messages are alike.
std::string encode(const HotPage& page);
Result<HotPage> decode_hot_page(uint32_t page, std::string_view value);

using PagePtr = std::shared_ptr<const HotPage>;  // shared by trees of several versions and views
// The page as trees hold it, with what is derived from its entries counted.
PagePtr freeze(HotPage page);

class MessageTree {
 public:
  static constexpr uint32_t chunk_pages = 64;

  uint32_t exists() const { return exists_; }
  uint32_t unseen() const { return unseen_; }

  // Null when absent.
  PagePtr page(uint32_t page) const;
  const HotEntry* find(Uid uid) const;
  // 0 when absent.
  Seq seq_of(Uid uid) const;
  Uid uid_of(Seq seq) const;
  // The seq that `uid` has or would have: 1 + the number of messages with a lower uid.
  Seq lower_bound(Uid uid) const;
  Uid last_uid() const;  // 0 when empty
  // 0 when every message is \Seen.
  Seq first_unseen() const;

  // A tree with `page` in place of the page of that number; an empty page removes it.
  MessageTree with(PagePtr page) const;
  // The same for many pages at once, ascending by number.
  MessageTree with(const std::vector<PagePtr>& pages) const;

  // Calls f(seq of its first message, page) for pages in order, from the one that holds or follows
  // `from`; stops when f answers false.
  void for_pages(Uid from, const std::function<bool(Seq, const PagePtr&)>& f) const;

  // Calls f(old page or null, new page or null) for each page that is not the same object in both.
  static void diff(const MessageTree& before, const MessageTree& after,
                   const std::function<void(const PagePtr&, const PagePtr&)>& f);

 private:
  struct Chunk {
    uint32_t number = 0;  // page / chunk_pages
    uint32_t exists = 0;
    uint32_t unseen = 0;
    std::vector<PagePtr> pages;  // ascending by page
  };
  using ChunkPtr = std::shared_ptr<const Chunk>;  // shared like pages
  static ChunkPtr rebuild(const Chunk* old, uint32_t number, const PagePtr* first,
                          const PagePtr* last);
  void sum_up();
  size_t chunk_at(Seq seq) const;
  size_t chunk_index(uint32_t number) const;  // lower bound

  std::vector<ChunkPtr> chunks_;  // ascending by number
  std::vector<uint32_t> before_;  // messages before chunk i
  uint32_t exists_ = 0;
  uint32_t unseen_ = 0;
};

// A mailbox at one version: what SELECT, FETCH FLAGS, SEARCH and views work on.
struct MailboxSnapshot {
  MailboxId id;
  engine::Version version = 0;
  MailboxCounters counters;
  std::shared_ptr<const KeywordTable> keywords;  // shared by snapshots until a keyword is added
  MessageTree tree;
};
using SnapshotPtr = std::shared_ptr<const MailboxSnapshot>;  // shared by the cache and sessions

}  // namespace eilpost::store
