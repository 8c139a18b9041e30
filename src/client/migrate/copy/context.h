// What the parts of one account's migration share while it runs: the user's choices, the ledger
// with the one thread that works on it, the day's budget, and how far everything is. For one
// executor.
#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>

#include "base/clock.h"
#include "client/migrate/ledger/ledger.h"
#include "client/migrate/report.h"
#include "client/names/mapping.h"
#include "net/disk_pool.h"
#include "net/signal.h"

namespace eilpost::client {

struct MigrateOptions {
  MappingRules mapping;
  // Of a message that Gmail, or a server with OBJECTID, shows in several mailboxes.
  enum class Labels {
    copies,    // it is in each of them
    keywords,  // it is in one, the others are keywords
  };
  Labels labels = Labels::copies;
  enum class Verify { none, quick, content };
  Verify verify = Verify::quick;
  bool remove_gone = false;  // from the target what has gone from the source
  bool copy_placeholders = false;
  bool subscriptions = true;
  bool acl = true;
  bool metadata = true;
  int connections = 3;          // to each side
  uint64_t octets_per_day = 0;  // read from the source; 0: as many as there are
};

struct MigrateProgress {
  uint64_t done = 0;   // messages
  uint64_t total = 0;  // that were to be copied when they were counted
  uint64_t octets = 0;
  std::string mailbox;
  std::string waiting;  // why nothing happens, for how long
};

struct MigrateContext {
  const MigrateOptions& options;
  Ledger& ledger;
  net::DiskPool& pool;  // of one thread, which the ledger belongs to
  const Clock& clock;
  const std::atomic<bool>& stopping;
  net::Signal& stop;
  std::function<void(const MigrateProgress&)> show;
  MigrateProgress progress = {};
  bool gmail = false;  // the source
  uint64_t day_octets = 0;
  bool budget_used_up = false;
  // EMAILIDs of messages that lose one of their places in this run. The last one is not taken while
  // the source still shows the message somewhere.
  std::set<std::string> leaving = {};

  int64_t day() const { return clock.now().seconds() / 86400; }
  // No more messages are to be read.
  bool ending() const { return stopping || budget_used_up; }
};

// "\Seen work": sorted, each once.
std::string flags_text(imap::FlagList flags);
imap::FlagList flags_of_text(std::string_view text);

}  // namespace eilpost::client
