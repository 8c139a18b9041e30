// Remembers for a while what a directory elsewhere has answered, entries and "nobody" alike, so
// that a busy server does not ask for every message and login. Never passwords. Thread safe; does
// not block.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "directory/outside/source.h"

namespace eilpost::directory {

class EntryCache {
 public:
  struct Options {
    int64_t lifetime_seconds = 60;  // 0: nothing is remembered
    int64_t negative_seconds = 10;  // of "nobody"
    size_t answers_max = 50'000;    // the oldest goes
  };
  EntryCache(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  std::optional<std::vector<Entry>> get(const std::string& question);
  void put(const std::string& question, const std::vector<Entry>& answer);
  void forget();

 private:
  struct Answer {
    std::string question;
    std::vector<Entry> entries;
    int64_t expires = 0;  // Clock::steady_micros
  };
  Options options_;
  const Clock& clock_;
  std::mutex mutex_;
  std::list<Answer> by_age_;  // oldest first
  std::unordered_map<std::string, std::list<Answer>::iterator> by_question_;
};

}  // namespace eilpost::directory
