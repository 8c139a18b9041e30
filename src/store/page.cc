#include "store/page.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace eilpost::store {

namespace {

constexpr uint8_t hot_format = 1;

bool slot_less(const HotEntry& e, uint8_t slot) {
  return e.slot < slot;
}

// Runs of equal values: value, count, value, count ... over all entries.
template <class Get, class Put>
void put_runs(std::string& out, const std::vector<HotEntry>& entries, Get get, Put put) {
  for (size_t i = 0; i < entries.size();) {
    size_t end = i + 1;
    while (end < entries.size() && get(end) == get(i)) ++end;
    put(out, get(i));
    put_varint(out, end - i);
    i = end;
  }
}

template <class Take, class Set>
Result<> take_runs(size_t count, Take take, Reader& in, Set set) {
  for (size_t i = 0; i < count;) {
    const auto value = TRY(take());
    const uint64_t run = TRY(in.varint());
    if (run == 0 || run > count - i) return fail(Code::corrupt, "hot page: run is too long");
    for (uint64_t k = 0; k < run; ++k) TRY(set(i++, value));
  }
  return {};
}

}  // namespace

const HotEntry* HotPage::find(uint8_t slot) const {
  const auto at = std::lower_bound(entries.begin(), entries.end(), slot, slot_less);
  return at != entries.end() && at->slot == slot ? &*at : nullptr;
}

HotEntry* HotPage::find(uint8_t slot) {
  return const_cast<HotEntry*>(static_cast<const HotPage*>(this)->find(slot));
}

HotEntry& HotPage::insert(uint8_t slot) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), slot, slot_less);
  if (at != entries.end() && at->slot == slot) return *at;
  HotEntry fresh;
  fresh.slot = slot;
  return *entries.insert(at, fresh);
}

bool HotPage::erase(uint8_t slot) {
  const auto at = std::lower_bound(entries.begin(), entries.end(), slot, slot_less);
  if (at == entries.end() || at->slot != slot) return false;
  entries.erase(at);
  return true;
}

uint8_t HotPage::intern(const KeywordSet& set) {
  const auto at = std::find(keyword_sets.begin(), keyword_sets.end(), set);
  if (at != keyword_sets.end()) return static_cast<uint8_t>(at - keyword_sets.begin());
  if (keyword_sets.size() >= 255) {
    std::vector<KeywordSet> used(1);
    std::vector<uint8_t> renumbered(keyword_sets.size(), 0);
    for (HotEntry& e : entries) {
      if (e.keyword_set != 0 && renumbered[e.keyword_set] == 0) {
        renumbered[e.keyword_set] = static_cast<uint8_t>(used.size());
        used.push_back(keyword_sets[e.keyword_set]);
      }
      e.keyword_set = renumbered[e.keyword_set];
    }
    keyword_sets = std::move(used);
    return intern(set);
  }
  keyword_sets.push_back(set);
  return static_cast<uint8_t>(keyword_sets.size() - 1);
}

PagePtr freeze(HotPage page) {
  page.unseen = static_cast<uint32_t>(
      std::count_if(page.entries.begin(), page.entries.end(),
                    [](const HotEntry& e) { return (e.flags & flag_seen) == 0; }));
  return std::make_shared<const HotPage>(std::move(page));
}

std::string encode(const HotPage& page) {
  const auto& e = page.entries;
  std::string out;
  // Slots as runs of consecutive numbers.
  put_varint(out, e.size());
  for (size_t i = 0; i < e.size();) {
    size_t end = i + 1;
    while (end < e.size() && e[end].slot == e[end - 1].slot + 1) ++end;
    put_u8(out, e[i].slot);
    put_varint(out, end - i);
    i = end;
  }
  put_varint(out, page.keyword_sets.size() - 1);
  for (size_t k = 1; k < page.keyword_sets.size(); ++k) {
    put_varint(out, page.keyword_sets[k].size());
    for (const uint16_t index : page.keyword_sets[k]) put_varint(out, index);
  }
  const auto octet = [](std::string& o, uint8_t v) { put_u8(o, v); };
  put_runs(
      out, e, [&](size_t i) { return e[i].flags; }, octet);
  put_runs(
      out, e, [&](size_t i) { return e[i].keyword_set; }, octet);
  put_runs(
      out, e,
      [&](size_t i) {
        return static_cast<int64_t>(e[i].modseq.value - (i == 0 ? 0 : e[i - 1].modseq.value));
      },
      [](std::string& o, int64_t v) { put_svarint(o, v); });
  put_runs(
      out, e, [&](size_t i) { return e[i].deleted_at; },
      [](std::string& o, uint32_t v) { put_varint(o, v); });
  return seal_value(hot_format, out);
}

namespace {

Result<> decode_slots(Reader& in, HotPage& page) {
  const uint64_t count = TRY(in.varint());
  if (count > keys::page_slots) return fail(Code::corrupt, "hot page: too many entries");
  page.entries.reserve(count);
  int last = -1;
  while (page.entries.size() < count) {
    const uint8_t slot = TRY(in.u8());
    const uint64_t run = TRY(in.varint());
    if (run == 0 || int{slot} <= last || slot + run > keys::page_slots ||
        run > count - page.entries.size()) {
      return fail(Code::corrupt, "hot page: slots out of order");
    }
    for (uint64_t k = 0; k < run; ++k) {
      HotEntry entry;
      entry.slot = static_cast<uint8_t>(slot + k);
      page.entries.push_back(entry);
    }
    last = static_cast<int>(slot + run - 1);
  }
  return {};
}

Result<> decode_keyword_sets(Reader& in, HotPage& page) {
  const uint64_t sets = TRY(in.varint());
  if (sets > 254) return fail(Code::corrupt, "hot page: too many keyword sets");
  for (uint64_t k = 0; k < sets; ++k) {
    KeywordSet set;
    const uint64_t length = TRY(in.varint());
    if (length > UINT16_MAX) return fail(Code::corrupt, "hot page: keyword set is too long");
    for (uint64_t i = 0; i < length; ++i) set.push_back(static_cast<uint16_t>(TRY(in.varint())));
    page.keyword_sets.push_back(std::move(set));
  }
  return {};
}

}  // namespace

Result<HotPage> decode_hot_page(uint32_t number, std::string_view value) {
  const Unsealed row = TRY(unseal_value(value));
  if (row.format != hot_format) return fail(Code::corrupt, "hot page: unknown format");
  Reader in(row.payload);
  HotPage page;
  page.page = number;
  TRY(decode_slots(in, page));
  TRY(decode_keyword_sets(in, page));
  auto& e = page.entries;
  const auto u8 = [&] { return in.u8(); };
  TRY(take_runs(e.size(), u8, in, [&](size_t i, uint8_t v) -> Result<> {
    e[i].flags = v;
    return {};
  }));
  TRY(take_runs(e.size(), u8, in, [&](size_t i, uint8_t v) -> Result<> {
    if (v >= page.keyword_sets.size()) return fail(Code::corrupt, "hot page: no such keyword set");
    e[i].keyword_set = v;
    return {};
  }));
  TRY(take_runs(
      e.size(), [&] { return in.svarint(); }, in,
      [&](size_t i, int64_t v) -> Result<> {
        e[i].modseq = ModSeq((i == 0 ? 0 : e[i - 1].modseq.value) + static_cast<uint64_t>(v));
        return {};
      }));
  TRY(take_runs(
      e.size(), [&] { return in.varint(); }, in,
      [&](size_t i, uint64_t v) -> Result<> {
        e[i].deleted_at = static_cast<uint32_t>(v);
        return {};
      }));
  return page;
}

// MessageTree

size_t MessageTree::chunk_index(uint32_t number) const {
  return static_cast<size_t>(
      std::lower_bound(chunks_.begin(), chunks_.end(), number,
                       [](const ChunkPtr& c, uint32_t n) { return c->number < n; }) -
      chunks_.begin());
}

size_t MessageTree::chunk_at(Seq seq) const {
  const auto at = std::upper_bound(before_.begin(), before_.end(), seq.value - 1);
  return static_cast<size_t>(at - before_.begin()) - 1;
}

void MessageTree::sum_up() {
  before_.resize(chunks_.size());
  exists_ = 0;
  unseen_ = 0;
  for (size_t i = 0; i < chunks_.size(); ++i) {
    before_[i] = exists_;
    exists_ += chunks_[i]->exists;
    unseen_ += chunks_[i]->unseen;
  }
}

PagePtr MessageTree::page(uint32_t page) const {
  const size_t i = chunk_index(page / chunk_pages);
  if (i == chunks_.size() || chunks_[i]->number != page / chunk_pages) return nullptr;
  const auto& pages = chunks_[i]->pages;
  const auto at = std::lower_bound(pages.begin(), pages.end(), page,
                                   [](const PagePtr& p, uint32_t n) { return p->page < n; });
  return at != pages.end() && (*at)->page == page ? *at : nullptr;
}

const HotEntry* MessageTree::find(Uid uid) const {
  const PagePtr p = page(keys::page_of(uid));
  return p ? p->find(keys::slot_of(uid)) : nullptr;
}

Seq MessageTree::lower_bound(Uid uid) const {
  const uint32_t page = keys::page_of(uid);
  const size_t i = chunk_index(page / chunk_pages);
  if (i == chunks_.size()) return Seq(exists_ + 1);
  uint32_t count = before_[i];
  if (chunks_[i]->number != page / chunk_pages) return Seq(count + 1);
  for (const PagePtr& p : chunks_[i]->pages) {
    if (p->page > page) break;
    if (p->page < page) {
      count += static_cast<uint32_t>(p->entries.size());
      continue;
    }
    const auto at =
        std::lower_bound(p->entries.begin(), p->entries.end(), keys::slot_of(uid), slot_less);
    count += static_cast<uint32_t>(at - p->entries.begin());
  }
  return Seq(count + 1);
}

Seq MessageTree::seq_of(Uid uid) const {
  return find(uid) ? lower_bound(uid) : Seq(0);
}

Uid MessageTree::uid_of(Seq seq) const {
  if (seq.value == 0 || seq.value > exists_) return Uid(0);
  const size_t i = chunk_at(seq);
  uint32_t left = seq.value - 1 - before_[i];
  for (const PagePtr& p : chunks_[i]->pages) {
    if (left < p->entries.size()) return p->uid(p->entries[left]);
    left -= static_cast<uint32_t>(p->entries.size());
  }
  return Uid(0);
}

Uid MessageTree::last_uid() const {
  if (chunks_.empty()) return Uid(0);
  const HotPage& last = *chunks_.back()->pages.back();
  return last.uid(last.entries.back());
}

Seq MessageTree::first_unseen() const {
  if (unseen_ == 0) return Seq(0);
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i]->unseen == 0) continue;
    uint32_t seq = before_[i] + 1;
    for (const PagePtr& p : chunks_[i]->pages) {
      for (const HotEntry& e : p->entries) {
        if ((e.flags & flag_seen) == 0) return Seq(seq);
        ++seq;
      }
    }
  }
  return Seq(0);
}

// The chunk `old` (or none) with the pages of [first, last) in place of theirs; null when it is
// empty.
MessageTree::ChunkPtr MessageTree::rebuild(const Chunk* old, uint32_t number, const PagePtr* first,
                                           const PagePtr* last) {
  auto chunk = std::make_shared<Chunk>();
  chunk->number = number;
  const std::vector<PagePtr> none;
  const std::vector<PagePtr>& before = old ? old->pages : none;
  chunk->pages.reserve(before.size() + static_cast<size_t>(last - first));
  auto b = before.begin();
  for (const PagePtr* p = first; p != last; ++p) {
    while (b != before.end() && (*b)->page < (*p)->page) chunk->pages.push_back(*b++);
    if (b != before.end() && (*b)->page == (*p)->page) ++b;
    if (!(*p)->entries.empty()) chunk->pages.push_back(*p);
  }
  chunk->pages.insert(chunk->pages.end(), b, before.end());
  if (chunk->pages.empty()) return nullptr;
  for (const PagePtr& p : chunk->pages) {
    chunk->exists += static_cast<uint32_t>(p->entries.size());
    chunk->unseen += p->unseen;
  }
  return chunk;
}

MessageTree MessageTree::with(PagePtr page) const {
  return with(std::vector<PagePtr>{page});
}

MessageTree MessageTree::with(const std::vector<PagePtr>& pages) const {
  MessageTree out;
  out.chunks_.reserve(chunks_.size() + 1);
  size_t old = 0;
  for (size_t i = 0; i < pages.size();) {
    const uint32_t number = pages[i]->page / chunk_pages;
    size_t end = i + 1;
    while (end < pages.size() && pages[end]->page / chunk_pages == number) ++end;
    while (old < chunks_.size() && chunks_[old]->number < number) {
      out.chunks_.push_back(chunks_[old++]);
    }
    const bool replaces = old < chunks_.size() && chunks_[old]->number == number;
    ChunkPtr fresh = rebuild(replaces ? chunks_[old].get() : nullptr, number, pages.data() + i,
                             pages.data() + end);
    if (replaces) ++old;
    if (fresh) out.chunks_.push_back(std::move(fresh));
    i = end;
  }
  out.chunks_.insert(out.chunks_.end(), chunks_.begin() + static_cast<ptrdiff_t>(old),
                     chunks_.end());
  out.sum_up();
  return out;
}

void MessageTree::for_pages(Uid from, const std::function<bool(Seq, const PagePtr&)>& f) const {
  const uint32_t first_page = keys::page_of(from);
  for (size_t i = chunk_index(first_page / chunk_pages); i < chunks_.size(); ++i) {
    uint32_t seq = before_[i] + 1;
    for (const PagePtr& p : chunks_[i]->pages) {
      if (p->page >= first_page && !f(Seq(seq), p)) return;
      seq += static_cast<uint32_t>(p->entries.size());
    }
  }
}

void MessageTree::diff(const MessageTree& before, const MessageTree& after,
                       const std::function<void(const PagePtr&, const PagePtr&)>& f) {
  const auto walk = [&f](const std::vector<PagePtr>& a, const std::vector<PagePtr>& b) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.size() || j < b.size()) {
      if (j == b.size() || (i < a.size() && a[i]->page < b[j]->page)) {
        f(a[i++], nullptr);
      } else if (i == a.size() || b[j]->page < a[i]->page) {
        f(nullptr, b[j++]);
      } else {
        if (a[i] != b[j]) f(a[i], b[j]);
        ++i;
        ++j;
      }
    }
  };
  static const std::vector<PagePtr> none;
  size_t i = 0;
  size_t j = 0;
  const auto& a = before.chunks_;
  const auto& b = after.chunks_;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i]->number < b[j]->number)) {
      walk(a[i++]->pages, none);
    } else if (i == a.size() || b[j]->number < a[i]->number) {
      walk(none, b[j++]->pages);
    } else {
      if (a[i] != b[j]) walk(a[i]->pages, b[j]->pages);
      ++i;
      ++j;
    }
  }
}

}  // namespace eilpost::store
