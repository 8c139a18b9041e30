// Decides at a login what its user is told: compares what is true of this login with what is known
// of the account (the places and clients it was used from, what it was told and when, both in
// AccountRows) and remembers what it tells. Broadcasts lie in the rows of account 0, so that every
// node has them. judge() and what changes broadcasts block (directory pool); quiet() does not.
// Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "directory/account_rows.h"
#include "directory/policy/decide.h"
#include "server/access/alert.h"
#include "server/access/geo.h"

namespace eilpost::server {

// What is true of one login.
struct LoginFacts {
  AccountId account;
  std::vector<std::string> names;  // of the account, folded
  std::string credential;          // by what it came in: told once for each
  std::string address;             // the peer's, as text
  std::string client;              // ID's name; empty: not said
  bool is_private = false;
  int tls_version = 0;
  std::vector<directory::Ending> endings;
  uint64_t bytes_used = 0;
  uint64_t bytes_max = 0;  // 0: no limit
};

class Alerts {
 public:
  // Both outlive it.
  Alerts(directory::AccountRows& rows, const Clock& clock) : rows_(rows), clock_(clock) {}

  // Opens the database of places, or closes it (""). Code::io: it cannot be read, and what was
  // open stays.
  Result<> open_places(const std::string& file);

  // Whether there is nothing for such a login that disk would have to be asked about: it was asked
  // a minute ago.
  bool quiet(const LoginFacts& facts) const;
  // What needs no memory, as it is told at every login.
  std::vector<Alert> every_login(const LoginFacts& facts, const AlertSettings& settings) const;
  // All else; what it answers is told. Code::unavailable: nothing is known.
  Result<std::vector<Alert>> judge(const LoginFacts& facts, const AlertSettings& settings);

  // Networks where the account's owner has logged in (FailureDelays::learn).
  Result<std::vector<std::string>> devices(AccountId account);

  Result<Broadcast> send(Broadcast broadcast, std::string id);
  Result<std::vector<Broadcast>> broadcasts();
  // Code::not_found.
  Result<> remove(const std::string& id);

 private:
  std::string place_of(const LoginFacts& facts, std::string& shown) const;
  Result<std::vector<Alert>> news_of(const LoginFacts& facts, Timestamp now);
  Result<std::vector<Alert>> due_of(const LoginFacts& facts, const AlertSettings& settings,
                                    std::vector<Alert> candidates, Timestamp now);
  static std::string quiet_key(const LoginFacts& facts);

  directory::AccountRows& rows_;
  const Clock& clock_;
  std::shared_ptr<const Geo> geo_;  // shared with judgements under way; null: none
  mutable std::mutex mutex_;
  std::unordered_map<std::string, int64_t> quiet_until_;  // steady micros
};

}  // namespace eilpost::server
