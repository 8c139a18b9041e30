#include "directory/outside/entry_cache.h"

namespace eilpost::directory {

std::optional<std::vector<Entry>> EntryCache::get(const std::string& question) {
  const std::lock_guard lock(mutex_);
  const auto at = by_question_.find(question);
  if (at == by_question_.end() || at->second->expires <= clock_.steady_micros()) {
    return std::nullopt;
  }
  return at->second->entries;
}

void EntryCache::put(const std::string& question, const std::vector<Entry>& answer) {
  const int64_t seconds = answer.empty() ? options_.negative_seconds : options_.lifetime_seconds;
  if (seconds <= 0) return;
  const std::lock_guard lock(mutex_);
  if (const auto at = by_question_.find(question); at != by_question_.end()) {
    by_age_.erase(at->second);
    by_question_.erase(at);
  }
  while (by_age_.size() >= options_.answers_max) {
    by_question_.erase(by_age_.front().question);
    by_age_.pop_front();
  }
  by_age_.push_back({question, answer, clock_.steady_micros() + seconds * 1'000'000});
  by_question_[question] = std::prev(by_age_.end());
}

void EntryCache::forget() {
  const std::lock_guard lock(mutex_);
  by_question_.clear();
  by_age_.clear();
}

}  // namespace eilpost::directory
