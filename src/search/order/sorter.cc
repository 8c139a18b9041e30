#include "search/order/sorter.h"

#include <algorithm>

#include "base/check.h"
#include "store/keys.h"

namespace eilpost::search {

namespace {

using store::DigestKeysView;

// What a key is made of: a number of the cold entry and the digest, or a text of the digest.
struct Source {
  int64_t (*number)(const store::Cold&, const DigestKeysView&) = nullptr;
  std::string_view DigestKeysView::*text = nullptr;
  bool digest = true;  // false: the cold entry alone
};

int64_t arrival(const store::Cold& cold, const DigestKeysView&) {
  return cold.internal_date.seconds;
}
int64_t size(const store::Cold& cold, const DigestKeysView&) {
  return static_cast<int64_t>(std::min<uint64_t>(cold.size, INT64_MAX));
}
// RFC 5256 2.2: as UTC; the internal date stands in for a Date that is not there or cannot be read.
int64_t sent(const store::Cold& cold, const DigestKeysView& keys) {
  return keys.sent ? keys.sent->seconds : cold.internal_date.seconds;
}

Source source_of(SortBy by) {
  switch (by) {
    case SortBy::arrival: return {.number = arrival, .digest = false};
    case SortBy::size: return {.number = size, .digest = false};
    case SortBy::date: return {.number = sent};
    case SortBy::cc: return {.text = &DigestKeysView::cc_mailbox};
    case SortBy::from: return {.text = &DigestKeysView::from_mailbox};
    case SortBy::to: return {.text = &DigestKeysView::to_mailbox};
    case SortBy::subject: return {.text = &DigestKeysView::base_subject};
    case SortBy::display_from: return {.text = &DigestKeysView::from_display};
    case SortBy::display_to: return {.text = &DigestKeysView::to_display};
    case SortBy::relevancy: break;
  }
  CHECK(!"a sort key without a source");
  return {};
}

// Beyond so many messages what is read of pages is not kept with the pages: it would drive out
// everybody's, and the ranking is kept.
constexpr size_t kept_messages_max = 200'000;

// OrderCache::Key::what of who refers to whom; the keys have their own numbers.
constexpr uint8_t what_references = 255;

uint32_t page_of(uint32_t uid) {
  return store::keys::page_of(Uid(uid));
}

size_t ranks_end(const std::vector<uint32_t>& ranks) {
  return ranks.empty() ? 0 : size_t{*std::max_element(ranks.begin(), ranks.end())} + 1;
}

// What concerns some messages and not the whole command.
bool is_of_messages(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::not_found;
}

}  // namespace

std::vector<uint32_t> uids_of(const store::MessageTree& tree) {
  std::vector<uint32_t> out;
  out.reserve(tree.exists());
  tree.for_pages(Uid(1), [&](Seq, const store::PagePtr& page) {
    for (const store::HotEntry& entry : page->entries) out.push_back(page->uid(entry).value);
    return true;
  });
  return out;
}

Sorter::Sorter(store::AccountPtr account, store::SnapshotPtr snapshot, const UidSet& wanted,
               const std::vector<SortBy>& keys, SorterOptions options)
    : account_(std::move(account)),
      snapshot_(std::move(snapshot)),
      collation_(options.collation),
      cache_(options.cache) {
  wanted_.reserve(wanted.count());
  wanted.for_each([&](Uid uid) { wanted_.push_back(uid.value); });
  const std::vector<uint32_t> all = uids_of(snapshot_->tree);
  done_ = true;
  for (const SortBy by : keys) {
    columns_.push_back(plan(by, all));
    const size_t missing = columns_.back().missing.size();
    done_ = done_ && missing == 0;
    large_ = large_ || missing > kept_messages_max;
    if (missing > 0 && source_of(by).digest) digests_ = store::read_keys;
  }
  if (options.references) plan_references(all);
}

OrderCache::Key Sorter::cache_key(uint8_t what) const {
  OrderCache::Key key;
  key.partition = account_->partition();
  key.mailbox = snapshot_->id;
  key.uid_validity = snapshot_->counters.uid_validity;
  key.what = what;
  return key;
}

OrderCache::Key Sorter::cache_key(SortBy by) const {
  OrderCache::Key key = cache_key(static_cast<uint8_t>(by));
  if (source_of(by).text) key.collation = static_cast<uint8_t>(collation_);
  return key;
}

Sorter::Column Sorter::plan(SortBy by, const std::vector<uint32_t>& all) const {
  Column column;
  column.by = by;
  column.keys = source_of(by).text ? Keys::of_texts() : Keys::of_numbers();
  if (cache_) column.known = cache_->ranking(cache_key(by));
  if (!column.known) {
    // Who wants a good part of a mailbox will want it again.
    column.keep = cache_ && wanted_.size() >= all.size() / 4;
    column.missing = column.keep ? all : wanted_;
    return column;
  }
  column.missing = unknown_to(*column.known, wanted_);
  if (column.missing.empty()) return column;
  std::vector<uint32_t> of_all = unknown_to(*column.known, all);
  constexpr size_t worth_reading = 1024;
  column.keep = of_all.size() <= std::max(worth_reading, 4 * column.missing.size());
  if (column.keep) column.missing = std::move(of_all);
  return column;
}

void Sorter::plan_references(const std::vector<uint32_t>& all) {
  ReferenceColumn column;
  if (cache_) column.known = cache_->references(cache_key(what_references));
  const std::vector<uint32_t>* known = column.known ? &column.known->uids() : nullptr;
  // What is known grows at its end only, and is made afresh when most of it is gone.
  const bool stale = known && known->size() > 2 * all.size() + 1024;
  std::vector<uint32_t> missing;
  if (known) {
    std::set_difference(wanted_.begin(), wanted_.end(), known->begin(), known->end(),
                        std::back_inserter(missing));
  }
  if (known && missing.empty()) {
    references_ = std::move(column);
    return;
  }
  if (!known || stale || missing.front() < known->back()) {
    column.keep = cache_ && (!known || stale) && wanted_.size() >= all.size() / 4;
    column.missing = column.keep ? all : wanted_;
    column.made = std::make_shared<References>(cache_ ? cache_->seed() : 0);
  } else {
    column.keep = true;
    column.missing.assign(std::upper_bound(all.begin(), all.end(), known->back()), all.end());
    column.made = std::make_shared<References>(*column.known);
  }
  column.known = nullptr;
  done_ = done_ && column.missing.empty();
  large_ = large_ || column.missing.size() > kept_messages_max;
  digests_ = store::read_keys;
  references_ = std::move(column);
}

std::optional<uint32_t> Sorter::next_page() const {
  std::optional<uint32_t> next;
  const auto consider = [&](const std::vector<uint32_t>& missing, size_t at) {
    if (at == missing.size()) return;
    const uint32_t page = page_of(missing[at]);
    next = next ? std::min(*next, page) : page;
  };
  for (const Column& column : columns_) consider(column.missing, column.at);
  if (references_) consider(references_->missing, references_->at);
  return next;
}

// The uids of a page that some key lacks.
std::vector<uint32_t> Sorter::wanted_of(uint32_t page) const {
  std::vector<uint32_t> uids;
  const auto add = [&](const std::vector<uint32_t>& missing, size_t at) {
    const size_t before = uids.size();
    for (; at < missing.size() && page_of(missing[at]) == page; ++at) uids.push_back(missing[at]);
    std::inplace_merge(uids.begin(), uids.begin() + static_cast<ptrdiff_t>(before), uids.end());
  };
  for (const Column& column : columns_) add(column.missing, column.at);
  if (references_) add(references_->missing, references_->at);
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  return uids;
}

void Sorter::take(Column& column, const store::PageData::Message* found,
                  const DigestKeysView& keys) {
  const Source source = source_of(column.by);
  if (source.number) {
    column.keys.add(found ? source.number(found->cold, keys) : 0);
  } else {
    if (found) mime::append_collation_key(collation_, keys.*source.text, column.keys.octets());
    column.keys.add_octets();
  }
  ++column.at;
}

void Sorter::take(uint32_t uid, const store::PageData::Message* found) {
  DigestKeysView keys;
  if (found && digests_ != 0) {
    const auto octets = found->digest[static_cast<size_t>(store::Column::keys)];
    auto viewed = store::view_digest_keys(octets);
    if (viewed) keys = *viewed;
    if (!viewed) found = nullptr;
  }
  if (!found) unreadable_.add(Uid(uid));
  const auto is_next = [uid](const std::vector<uint32_t>& missing, size_t at) {
    return at < missing.size() && missing[at] == uid;
  };
  for (Column& column : columns_) {
    if (is_next(column.missing, column.at)) take(column, found, keys);
  }
  if (!references_ || !is_next(references_->missing, references_->at)) return;
  references_->made->add(uid, found ? &keys : nullptr);
  ++references_->at;
}

Result<> Sorter::load(uint32_t page) {
  const std::vector<uint32_t> uids = wanted_of(page);
  std::vector<uint8_t> slots;
  for (const uint32_t uid : uids) slots.push_back(store::keys::slot_of(Uid(uid)));
  store::PageDataPtr data = account_->cached_slots(snapshot_->id, page, digests_, slots);
  if (!data) {
    auto read = large_ ? account_->read_page(snapshot_->id, page, digests_)
                       : account_->read_slots(snapshot_->id, page, digests_, slots);
    if (!read && !is_of_messages(read.error())) return tl::unexpected(read.error());
    if (read) data = std::move(*read);
  }
  for (const uint32_t uid : uids) {
    take(uid, data ? data->find(store::keys::slot_of(Uid(uid))) : nullptr);
  }
  return {};
}

void Sorter::finish() {
  for (Column& column : columns_) {
    if (column.missing.empty()) continue;
    Ranking made = rank(std::move(column.missing), column.keys);
    column.missing.clear();
    column.keys = Keys::of_numbers();
    if (column.known) {
      // What is gone is left out when it is most of what is known.
      const bool stale = column.known->uids.size() > 2 * size_t{snapshot_->tree.exists()} + 1024;
      const Ranking* before = column.known.get();
      Ranking alive;
      if (stale) {
        alive = restrict(*before, uids_of(snapshot_->tree));
        before = &alive;
      }
      made = merge(*before, made);
    }
    column.known = std::make_shared<const Ranking>(std::move(made));
    if (column.keep) cache_->keep(cache_key(column.by), column.known);
  }
  if (references_ && references_->made) {
    references_->known = std::move(references_->made);
    if (references_->keep) cache_->keep(cache_key(what_references), references_->known);
  }
  done_ = true;
}

Result<bool> Sorter::step(size_t pages_max) {
  if (done_) return true;
  for (size_t pages = 0; pages < std::max<size_t>(pages_max, 1); ++pages) {
    const auto page = next_page();
    if (!page) {
      finish();
      return true;
    }
    TRY(load(*page));
  }
  return false;
}

std::vector<uint32_t> Sorter::ranks(SortBy by) const {
  const auto at = std::find_if(columns_.begin(), columns_.end(),
                               [by](const Column& column) { return column.by == by; });
  CHECK(done_ && at != columns_.end());
  // Nothing was missing and nothing is known: no message was wanted.
  return at->known ? ranks_of(*at->known, wanted_) : std::vector<uint32_t>();
}

ThreadInput Sorter::thread_input() const {
  CHECK(done_ && references_);
  ThreadInput input;
  OrderBy sent;
  sent.ranks = ranks(SortBy::date);
  sent.ranks_end = ranks_end(sent.ranks);
  input.by_sent = ordered(wanted_.size(), {std::move(sent)});
  input.subject = ranks(SortBy::subject);
  input.subjects_end = static_cast<uint32_t>(ranks_end(input.subject));
  if (!wanted_.empty()) references_->known->describe(wanted_, input);
  return input;
}

std::vector<Uid> Sorter::order(const std::vector<SortCriterion>& criteria,
                               const std::vector<uint32_t>& relevancy) const {
  std::vector<OrderBy> by;
  for (const SortCriterion& criterion : criteria) {
    OrderBy next;
    next.ranks = criterion.by == SortBy::relevancy ? relevancy : ranks(criterion.by);
    next.ranks_end = ranks_end(next.ranks);
    next.reverse = criterion.reverse;
    by.push_back(std::move(next));
  }
  std::vector<Uid> out;
  out.reserve(wanted_.size());
  for (const uint32_t row : ordered(wanted_.size(), by)) out.emplace_back(wanted_[row]);
  return out;
}

}  // namespace eilpost::search
