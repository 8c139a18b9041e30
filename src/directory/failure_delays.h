// Slows guessing down: after some failures every further attempt on the same account, or from the
// same source, has to wait before its credentials are looked at, each time twice as long up to a
// cap. In memory and bounded. An account's delay is kept short, since strangers can cause it; a
// source's grows longer, and attempts that come while others wait queue behind them, so that many
// connections guess no faster than one. Thread safe; does not block: the caller waits (on a timer,
// holding no thread).
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"

namespace eilpost::directory {

// IPv4 address, or the /64 of an IPv6 one, in text; whatever else comes (a Unix socket) as it is.
std::string source_key(std::string_view address);

class FailureDelays {
 public:
  struct Options {
    int free_failures = 3;                 // cost nothing
    int64_t first_delay_micros = 500'000;  // then doubled
    int64_t account_delay_max_micros = 4'000'000;
    int64_t source_delay_max_micros = 32'000'000;
    int64_t forget_micros = 900'000'000;  // without a failure for so long, all is forgotten
    size_t entries_max = 65'536;          // of accounts and of sources; the oldest goes
    // source_key()s of proxies and webmail servers, behind which many people sit: never delayed.
    std::set<std::string, std::less<>> exempt_sources;
  };
  struct Who {
    std::string_view account;  // folded name, whether it exists or not
    std::string_view source;   // source_key()
  };
  FailureDelays(Options options, const Clock& clock);

  // Microseconds that an attempt which begins at this moment must wait, mostly 0. Code::limit: so
  // many from this source are waiting already that this one is not even queued.
  Result<int64_t> admit(const Who& who);
  void failed(const Who& who);
  // Forgets the account's failures; the source's stay, since it may own one account and guess at
  // others.
  void succeeded(const Who& who);
  size_t size() const;

 private:
  struct Entry {
    int failures = 0;
    int64_t last = 0;       // steady micros of the last failure
    int64_t next_free = 0;  // when the queue of waiting attempts is through
  };
  struct Table {
    std::list<std::pair<std::string, Entry>> by_age;  // longest unused first
    std::unordered_map<std::string_view, std::list<std::pair<std::string, Entry>>::iterator> by_key;
  };
  Entry* touch(Table& table, std::string_view key, int64_t at);
  Entry& make(Table& table, std::string_view key);
  int64_t delay(const Entry& entry, int64_t most) const;

  Options options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  Table accounts_;
  Table sources_;
};

}  // namespace eilpost::directory
