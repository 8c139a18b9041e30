#include "store/page_cache.h"

#include <algorithm>

namespace eilpost::store {

namespace {

// Of an entry itself, in the map and in the list.
constexpr size_t entry_bytes = 256;

size_t bytes_of(const PageData& data) {
  size_t bytes = sizeof(PageData) + data.messages.size() * sizeof(PageData::Message);
  for (const auto& octets : data.octets) {
    bytes += sizeof(PageData::Octets);
    for (const std::string& o : *octets) bytes += sizeof(std::string) + o.size();
  }
  return bytes;
}

size_t bytes_of(const HeaderTexts& texts) {
  size_t bytes = sizeof(HeaderTexts);
  for (const auto& [slot, text] : texts.by_slot) bytes += 80 + text.size();
  return bytes;
}

}  // namespace

const PageData::Message* PageData::find(uint8_t slot) const {
  const auto at = std::lower_bound(messages.begin(), messages.end(), slot,
                                   [](const Message& m, uint8_t s) { return m.slot < s; });
  return at != messages.end() && at->slot == slot ? &*at : nullptr;
}

PageDataPtr PageCache::data(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, at->second.place);
  return at->second.data;
}

HeaderTextsPtr PageCache::texts(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, at->second.place);
  return at->second.texts;
}

uint64_t PageCache::moment() const {
  std::lock_guard lock(mutex_);
  return moment_;
}

PageCache::Entry& PageCache::touch(const Key& key) {
  const auto [at, made] = entries_.try_emplace(key);
  if (made) {
    order_.push_front(key);
    at->second.place = order_.begin();
    bytes_ += entry_bytes;
  } else {
    order_.splice(order_.begin(), order_, at->second.place);
  }
  return at->second;
}

void PageCache::keep(const Key& key, PageDataPtr data, uint64_t moment) {
  const size_t bytes = bytes_of(*data);
  std::lock_guard lock(mutex_);
  if (moment != moment_) return;
  Entry& entry = touch(key);
  bytes_ += bytes - entry.data_bytes;
  entry.data = std::move(data);
  entry.data_bytes = bytes;
  trim();
}

void PageCache::keep(const Key& key, const HeaderTexts& texts, uint64_t moment) {
  std::lock_guard lock(mutex_);
  if (moment != moment_) return;
  Entry& entry = touch(key);
  auto together = std::make_shared<HeaderTexts>(texts);
  if (entry.texts) {
    together->by_slot.insert(entry.texts->by_slot.begin(), entry.texts->by_slot.end());
  }
  const size_t bytes = bytes_of(*together);
  bytes_ += bytes - entry.texts_bytes;
  entry.texts = std::move(together);
  entry.texts_bytes = bytes;
  trim();
}

PageCache::Entries::iterator PageCache::erase(Entries::iterator at) {
  bytes_ -= entry_bytes + at->second.data_bytes + at->second.texts_bytes;
  order_.erase(at->second.place);
  return entries_.erase(at);
}

void PageCache::trim() {
  while (bytes_ > bytes_max_ && !order_.empty()) erase(entries_.find(order_.back()));
}

void PageCache::forget(const Key& key) {
  std::lock_guard lock(mutex_);
  ++moment_;
  if (const auto at = entries_.find(key); at != entries_.end()) erase(at);
}

void PageCache::forget(PartitionId partition) {
  std::lock_guard lock(mutex_);
  ++moment_;
  auto at = entries_.lower_bound(Key{partition, MailboxId(0), 0});
  while (at != entries_.end() && at->first.partition == partition) at = erase(at);
}

size_t PageCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace eilpost::store
