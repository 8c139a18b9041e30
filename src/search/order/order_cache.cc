#include "search/order/order_cache.h"

namespace eilpost::search {

OrderCache::Entry OrderCache::find(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto at = entries_.find(key);
  if (at == entries_.end()) return {};
  order_.splice(order_.begin(), order_, at->second.place);
  return at->second;
}

RankingPtr OrderCache::ranking(const Key& key) {
  return find(key).ranking;
}
ReferencesPtr OrderCache::references(const Key& key) {
  return find(key).references;
}

void OrderCache::keep(const Key& key, Entry entry) {
  std::lock_guard lock(mutex_);
  if (const auto at = entries_.find(key); at != entries_.end()) erase(at);
  if (entry.bytes > bytes_max_) return;
  order_.push_front(key);
  entry.place = order_.begin();
  bytes_ += entry.bytes;
  entries_[key] = std::move(entry);
  while (bytes_ > bytes_max_) erase(entries_.find(order_.back()));
}

void OrderCache::keep(const Key& key, RankingPtr ranking) {
  const size_t bytes = ranking->bytes();
  keep(key, Entry{std::move(ranking), nullptr, bytes, {}});
}
void OrderCache::keep(const Key& key, ReferencesPtr references) {
  const size_t bytes = references->bytes();
  keep(key, Entry{nullptr, std::move(references), bytes, {}});
}

void OrderCache::erase(std::map<Key, Entry>::iterator at) {
  bytes_ -= at->second.bytes;
  order_.erase(at->second.place);
  entries_.erase(at);
}

size_t OrderCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace eilpost::search
