// Slows guessing down. Three things are counted across connections: the account that is guessed at,
// the source that guesses, and the known device, which is a network from which the account's owner
// has logged in before. After some failures every further attempt waits before its credentials are
// looked at, each time twice as long up to a cap, and attempts that come while others wait queue
// behind them, so that many connections guess no faster than one.
//
// Who comes from a known device waits for that device's own failures only: strangers can neither
// slow the owner nor lock him out there. The same wrong password again is no further guess and
// counts once; it is known by a keyed hash that lives in this process. In memory and bounded.
// Thread safe; does not block: the caller waits (on a timer, holding no thread).
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "net/address.h"

namespace eilpost::directory {

// IPv4 address, or the /64 of an IPv6 one, in text; whatever else comes (a Unix socket) as it is.
std::string source_key(std::string_view address);
// Where a device is known by: the /24 of an IPv4 address, the /56 of an IPv6 one.
std::string device_key(std::string_view address);

class FailureDelays {
 public:
  struct Options {
    int free_failures = 3;                 // cost nothing
    int64_t first_delay_micros = 500'000;  // then doubled
    int64_t account_delay_max_micros = 4'000'000;
    int64_t source_delay_max_micros = 32'000'000;
    int64_t device_delay_max_micros = 4'000'000;
    // An attempt that would wait longer in a queue is refused at once.
    int64_t queue_max_micros = 32'000'000;
    int64_t forget_micros = 900'000'000;  // without a failure for so long, all is forgotten
    size_t entries_max = 65'536;          // of accounts, of sources, of devices; the oldest goes
    size_t devices_per_account_max = 16;  // the longest unused goes
    // Proxies and webmail servers, behind which many people sit: never delayed as a source.
    std::vector<net::Network> exempt_networks;
  };
  struct Who {
    std::string_view account;  // folded name, whether it exists or not
    std::string_view address;  // the peer's, as text
    std::string_view wrong;    // tag_of() the password, where it is known; else empty
    bool pending = false;      // as admit() said
  };
  // What is counted, for metrics and `eilpost abuse list`.
  struct Counts {
    size_t accounts = 0;
    size_t sources = 0;
    size_t devices = 0;     // known ones with failures
    size_t known = 0;       // accounts with known devices
    uint64_t failures = 0;  // from here on up to now, since the start
    uint64_t repeats = 0;   // the same wrong password again
    uint64_t refused = 0;   // for a full queue
  };
  struct Line {
    std::string kind;  // "account", "source" or "device"
    std::string key;
    int failures = 0;
    int64_t wait_micros = 0;  // of an attempt that came at this moment
  };
  FailureDelays(Options options, const Clock& clock, Random& random);

  // Applies to what comes.
  void set_options(Options options);

  struct Admission {
    int64_t wait_micros = 0;  // mostly 0
    // It counts against the account until its outcome is told; not so from a known device.
    bool pending = false;
  };
  // What an attempt which begins at this moment must wait. Code::limit: so many are waiting already
  // that this one is not even queued.
  Result<Admission> admit(const Who& who);
  // Of a password that is tried for an account; of no use outside this process.
  std::string tag_of(std::string_view account, std::string_view password) const;
  void failed(const Who& who);
  // The attempt came to no end that says anything about a password, or about whose it is.
  void abandoned(const Who& who);
  // The account has a known device there from here on, whose failures are forgotten. What others
  // did to the account, and what its source did to others, stays.
  void succeeded(const Who& who);

  // Whether an attempt would have to wait that might be of a device which only disk remembers.
  bool asks_for_devices(const Who& who) const;
  // What disk remembers of the account's devices, device_key()s.
  void learn(std::string_view account, const std::vector<std::string>& devices);

  // Forgets the failures of an account, or of a source; false: there are none.
  bool forget(std::string_view key);
  Counts counts() const;
  // Those with the most failures first.
  std::vector<Line> list(size_t most) const;
  size_t size() const;

 private:
  struct Entry {
    int failures = 0;
    // Attempts whose outcome is not known: they count as failures until it is, so that many at once
    // are not free. Of an account only: a whole office may log in at once from one source.
    int pending = 0;
    int64_t last = 0;                // steady micros of the last failure
    int64_t next_free = 0;           // when the queue of waiting attempts is through
    std::deque<std::string> wrongs;  // tags of the last wrong passwords, of an account
  };
  struct Devices {
    std::vector<std::string> keys;  // the latest last
    bool learned = false;           // disk was asked
  };
  template <class T>
  struct Table {
    std::list<std::pair<std::string, T>> by_age;  // longest unused first
    std::unordered_map<std::string_view, typename std::list<std::pair<std::string, T>>::iterator>
        by_key;
  };
  Entry* touch(Table<Entry>& table, std::string_view key, int64_t at);
  template <class T>
  T& make(Table<T>& table, std::string_view key);
  template <class T>
  static bool drop(Table<T>& table, std::string_view key);
  int64_t delay(const Entry& entry, int64_t most) const;
  int64_t waiting(const Entry* entry, int64_t most, int64_t at) const;
  void queue(Entry* entry, int64_t most, int64_t at) const;
  void begin(std::string_view account, int64_t at);
  void settle(const Who& who);
  void count(Table<Entry>& table, std::string_view key, int64_t most, int64_t at);
  bool is_known(std::string_view account, std::string_view device) const;
  bool is_exempt(std::string_view address) const;
  bool repeats(const Who& who, int64_t at);
  static bool tried(const Entry* entry, std::string_view wrong);
  void add_device(std::string_view account, std::string device);

  Options options_;
  const Clock& clock_;
  std::string key_;
  mutable std::mutex mutex_;
  Table<Entry> accounts_;
  Table<Entry> sources_;
  Table<Entry> devices_;
  Table<Devices> known_;
  Counts counts_;
};

}  // namespace eilpost::directory
