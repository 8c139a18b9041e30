// The sessions that live at this moment, of every protocol: what `eilpost top` shows, the limit of
// sessions per account, and the way to end one. A session holds an Entry from its greeting to its
// end and tells it what changes; that costs an uncontended lock, octet counts cost two stores.
// The table is thread safe and outlives its entries; an Entry belongs to its session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "net/signal.h"

namespace eilpost::server {

// A copy of what is known about one session.
struct SessionInfo {
  std::string id;        // correlation id, as in the log
  std::string protocol;  // "imap", "lmtp"
  std::string listener;
  std::string peer;
  bool tls = false;
  AccountId account;  // 0 before login
  std::string login_name;
  std::string client;   // what the client says of itself: ID's name and version, LHLO's name
  std::string state;    // "greeting", "authenticated", "selected", "idle", ...
  std::string mailbox;  // selected
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  Timestamp since;
};

struct SessionStart {
  std::string protocol;
  std::string listener;
  std::string peer;
  Timestamp now;
  // Notified with `end_reasons` (not 0) when somebody ends the session.
  net::Signal::Handle signal;
  uint32_t end_reasons = 0;
  // Notified with these (not 0) when the rules on who may be here have changed.
  uint32_t policy_reasons = 0;
};

class SessionTable {
 public:
  class Entry;

  explicit SessionTable(Random& random);
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  Entry add(SessionStart start);

  // Sessions of one account; beyond: Code::limit at Entry::login(). Applies to those that come.
  void set_per_account_max(size_t most) { per_account_max_ = most; }
  size_t count() const;
  size_t count(AccountId account) const;
  std::vector<SessionInfo> list() const;  // by begin
  // Asks a session, or all of an account, to end. They do so when they next wait.
  bool end(std::string_view id);
  size_t end_account(AccountId account);
  // Asks all sessions to look whether they may still be here.
  void recheck_policy();

 private:
  struct Row;
  std::string make_id();
  void forget(const Row& row);
  void uncount(AccountId account);  // with mutex_ held

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Row>> rows_;  // each shared with its Entry
  std::unordered_map<AccountId, size_t> per_account_;
  std::atomic<size_t> per_account_max_{SIZE_MAX};
  std::atomic<uint64_t> next_{1};
  uint64_t id_seed_;
};

class SessionTable::Entry {
 public:
  Entry() = default;
  Entry(Entry&& other) noexcept;
  Entry& operator=(Entry&& other) noexcept;
  ~Entry();

  // The correlation id: for the log and store::Author::session.
  const std::string& id() const;
  // Counts the session to the account. Code::limit when it has too many.
  Result<> login(AccountId account, std::string_view login_name);
  // The opposite.
  void logout();
  void set_tls(bool tls);
  void set_client(std::string_view client);
  void set_state(std::string_view state);
  void set_mailbox(std::string_view mailbox);
  void set_bytes(uint64_t in, uint64_t out);

 private:
  friend class SessionTable;
  SessionTable* table_ = nullptr;
  std::shared_ptr<Row> row_;
};

}  // namespace eilpost::server
