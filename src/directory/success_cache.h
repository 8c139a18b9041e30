// Remembers for a while which passwords were right, so that a client that logs in again and again
// costs no argon2. Safe because: what is kept is HMAC-SHA-256 under a key that lives in this
// process only, over the account id, its stored hash and the password; memory that leaks gives no
// password without the key, and with the key no more than the stored hash would. A changed password
// changes the stored hash, so old entries fit nothing at once, on every node. Only successes are
// kept: guessing stays as slow as argon2. Thread safe; does not block.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"

namespace eilpost::directory {

class SuccessCache {
 public:
  struct Options {
    int64_t lifetime_seconds = 600;  // 0: nothing is remembered
    size_t entries_max = 100'000;    // the oldest goes
  };
  struct Claim {
    AccountId account;
    std::string_view stored_hash;
    std::string_view password;
  };
  SuccessCache(Options options, const Clock& clock, Random& random);

  bool contains(const Claim& claim);
  void insert(const Claim& claim);
  size_t size() const;

 private:
  std::string tag(const Claim& claim) const;
  void drop_expired(int64_t steady_now);

  struct Entry {
    std::string tag;
    int64_t expires = 0;  // Clock::steady_micros
  };
  Options options_;
  const Clock& clock_;
  std::string key_;
  mutable std::mutex mutex_;
  std::list<Entry> by_age_;  // oldest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_tag_;
};

}  // namespace eilpost::directory
