// Orders messages of a mailbox by SORT's keys (RFC 5256 3, RFC 5957), whose values come from the
// snapshot's rows: no message is read. What it learns about a whole mailbox goes into the
// OrderCache, and what is there already is not read again: an arrival costs its own row. To add a
// key: a value of SortBy and what it is made of in the table of sorter.cc. Blocks on the engine:
// call step() on a pool thread, by one thread at a time, any thread each time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "mime/collation.h"
#include "search/order/order_cache.h"
#include "store/account.h"
#include "store/digest.h"

namespace eilpost::search {

enum class SortBy : uint8_t {
  arrival,
  cc,
  date,
  from,
  size,
  subject,
  to,
  display_from,
  display_to,
  relevancy,  // no key of its own: its ranks are the caller's
};

struct SortCriterion {
  SortBy by = SortBy::arrival;
  bool reverse = false;
};

struct SorterOptions {
  mime::Collation collation = mime::Collation::unicode_casemap;
  OrderCache* cache = nullptr;  // must outlive the Sorter
  bool references = false;      // what THREAD wants is asked for as well
};

// Rankings of messages by some keys, and who refers to whom.
class Sorter {
 public:
  // Ranks `wanted`, or more where that pays later. Reads nothing; takes some milliseconds for a
  // mailbox of a million.
  Sorter(store::AccountPtr account, store::SnapshotPtr snapshot, const UidSet& wanted,
         const std::vector<SortBy>& keys, SorterOptions options);

  // Goes on over so many pages; true when everything is known. Errors are the engine's; messages
  // that are damaged or gone have empty keys.
  Result<bool> step(size_t pages_max);
  // Nothing is left to read.
  bool done() const { return done_; }

  // After step() said true. The ranks of the wanted messages by one of the keys.
  std::vector<uint32_t> ranks(SortBy by) const;
  // The wanted messages, in order. `relevancy`: a rank for each, where a criterion asks for it.
  std::vector<Uid> order(const std::vector<SortCriterion>& criteria,
                         const std::vector<uint32_t>& relevancy = {}) const;
  // What the threading algorithms want to know of wanted(), but for `arrival` (no SortBy::arrival).
  // Needs SortBy::date, SortBy::subject and references.
  ThreadInput thread_input() const;
  const std::vector<uint32_t>& wanted() const { return wanted_; }
  const UidSet& unreadable() const { return unreadable_; }

 private:
  struct Column {
    SortBy by = SortBy::arrival;
    RankingPtr known;               // from the cache, or what was made
    std::vector<uint32_t> missing;  // uids, ascending
    size_t at = 0;                  // how many of them have keys
    Keys keys = Keys::of_numbers();
    bool keep = false;
  };
  struct ReferenceColumn {
    ReferencesPtr known;
    std::vector<uint32_t> missing;
    size_t at = 0;
    std::shared_ptr<References> made;  // becomes `known`
    bool keep = false;
  };
  OrderCache::Key cache_key(uint8_t what) const;
  OrderCache::Key cache_key(SortBy by) const;
  Column plan(SortBy by, const std::vector<uint32_t>& all) const;
  void plan_references(const std::vector<uint32_t>& all);
  std::optional<uint32_t> next_page() const;
  Result<> load(uint32_t page);
  std::vector<uint32_t> wanted_of(uint32_t page) const;
  void take(uint32_t uid, const store::PageData::Message* found);
  void take(Column& column, const store::PageData::Message* found,
            const store::DigestKeysView& keys);
  void finish();

  store::AccountPtr account_;  // shared with the session
  store::SnapshotPtr snapshot_;
  mime::Collation collation_;
  OrderCache* cache_;
  std::vector<uint32_t> wanted_;  // ascending
  std::vector<Column> columns_;
  std::optional<ReferenceColumn> references_;
  uint8_t digests_ = 0;  // ReadColumns of all that is to be read
  bool large_ = false;   // too much to be kept with the pages
  UidSet unreadable_;
  bool done_ = false;
};

// Every uid of a tree, ascending.
std::vector<uint32_t> uids_of(const store::MessageTree& tree);

}  // namespace eilpost::search
