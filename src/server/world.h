// What every session and job of the server works with: references to the one of each that main
// built and that outlives them all, and the settings that a reload may change. Passed down, never
// global. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/random.h"
#include "directory/account_rows.h"
#include "directory/authenticator.h"
#include "directory/directory.h"
#include "directory/policy.h"
#include "directory/policy/rules.h"
#include "engine/engine.h"
#include "net/disk_pool.h"
#include "net/io_pool.h"
#include "net/task.h"
#include "net/tls.h"
#include "server/access/alert.h"
#include "server/session_table.h"
#include "store/cluster/cluster.h"
#include "store/store.h"

namespace eilpost::search {
class OrderCache;
class TextIndexes;
}  // namespace eilpost::search

namespace eilpost::server {

class AuditLog;
class Traces;
class Alerts;

// A mailbox that an account has from the beginning; subscribed.
struct DefaultMailbox {
  std::string name;          // UTF-8, '/' between levels
  uint16_t special_use = 0;  // store::SpecialUse bits
};

// A search that FILTER keys may name (RFC 5466).
struct NamedSearch {
  std::string name;
  std::string keys;  // as in a SEARCH command, UTF-8
};

// Values of the configuration that sessions ask for. Immutable; a reload makes another.
struct Settings {
  std::string hostname = "localhost";  // in greetings
  uint64_t message_bytes_max = limits::message_bytes_max;
  int idle_keepalive_seconds = 120;  // "* OK Still here" during IDLE; 0: none
  int idle_session_seconds = limits::idle_session_seconds;
  int preauth_seconds = limits::preauth_seconds;
  size_t connections_per_account_max = limits::connections_per_account_max;
  std::vector<DefaultMailbox> default_mailboxes;
  int recoverable_days = 30;       // what was expunged can be recovered for so long
  int log_days = 30;               // how far back QRESYNC reaches
  bool subaddress_folder = true;   // LMTP: user+detail goes to the mailbox `detail` if there is one
  directory::Quota default_quota;  // of accounts that have none of their own
  // How many messages one command may work on, for accounts that ask for such a limit (RFC 9738).
  uint32_t message_limit = limits::message_limit;
  // Whether clients that have not enabled UTF8=ACCEPT may not store headers in UTF-8 (RFC 6855 4).
  bool refuse_utf8_headers = false;
  // METADATA's /shared/admin and /shared/comment of the server; "": there is none.
  std::string admin_contact;
  std::string server_comment;
  // Named searches of everybody: METADATA's /shared/filters/values/.
  std::vector<NamedSearch> filters;
  // Capabilities that no client gets to see after login.
  std::vector<std::string> hidden_capabilities;
  // Who may log in how. Sessions follow the present one, not that of their begin.
  directory::PolicyRules policy;
  AlertSettings alerts;  // what users are told about their access
};
using SettingsPtr = std::shared_ptr<const Settings>;  // shared by the cell and sessions

// Holds the present settings. A session takes a pointer at its begin and keeps it.
class SettingsCell {
 public:
  explicit SettingsCell(Settings settings)
      : settings_(std::make_shared<const Settings>(std::move(settings))) {}
  SettingsPtr get() const { return std::atomic_load(&settings_); }
  void set(Settings settings) {
    std::atomic_store(&settings_,
                      SettingsPtr(std::make_shared<const Settings>(std::move(settings))));
  }

 private:
  SettingsPtr settings_;
};

struct ServerWorld {
  engine::Engine& engine;
  store::Store& store;
  directory::Directory& directory;
  directory::Authenticator& authenticator;
  directory::NameRules names;  // for resolve_recipient()

  net::IoPool& io;
  net::DiskPool& disk;            // store and engine
  net::DiskPool& directory_pool;  // lookups in the directory
  net::DiskPool& hashing;         // checks of passwords
  net::DiskPool& batch;           // jobs, in slices of at most 20 ms

  Clock& clock;
  Random& random;
  Metrics& metrics;
  SessionTable& sessions;
  const SettingsCell& settings;
  directory::AccountRows& account_rows;    // what belongs to logins: grants, app passwords ...
  store::Cluster* cluster = nullptr;       // null: no other process has the engine
  search::TextIndexes* indexes = nullptr;  // null: texts are searched without an index
  search::OrderCache* orders = nullptr;    // what SORT and THREAD keep; null: nothing
  AuditLog* audit = nullptr;               // null: nothing is written down
  Traces* traces = nullptr;                // null: nobody can trace
  Alerts* alerts = nullptr;                // null: nobody is told anything
};

// What one listener lets its sessions do.
struct ListenerPolicy {
  std::string name;  // for the log, the metrics and `eilpost top`
  directory::AuthPolicy auth;
  std::shared_ptr<net::TlsContext> starttls;  // null: STARTTLS is not offered; shared by listeners
};

// The account's own quota, or the default.
store::QuotaLimit quota_limit(const directory::Quota& quota, const Settings& settings);

// The account's mail, ready to be worked with: loaded, and made with the default mailboxes when it
// does not exist yet (an account may be in the directory before its first mail or login).
net::Task<Result<store::AccountPtr>> open_account(ServerWorld& world, PartitionId partition);
// The same for tools. Blocks; never on a pool's thread.
Result<store::AccountPtr> open_account_wait(store::Store& store, PartitionId partition,
                                            const Settings& settings);

}  // namespace eilpost::server
