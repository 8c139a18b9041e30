// How the built-in directory lies in its partition: keys and values of its rows, both ways. Keys
// begin with the schema byte; values are sealed (format byte, CRC32C: base/bytes.h). Pure; any
// thread.
//   01 'h'             head: next id, secret, the latest commit ids
//   01 'a' id(be64)    an account, or the tombstone of one
//   01 'n' folded name -> id: login name, primary address and aliases; the one who holds it owns
//   the name
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "directory/directory.h"

namespace eilpost::directory {

inline constexpr size_t commit_id_octets = 16;
// How far back an Unknown outcome can be settled, in commits.
inline constexpr size_t commit_ids_kept = 64;

struct HeadRecord {
  uint64_t next_id = account_id_first;
  std::string secret;                  // for made-up SCRAM verifiers
  std::deque<std::string> commit_ids;  // oldest first, at most commit_ids_kept
  friend bool operator==(const HeadRecord&, const HeadRecord&) = default;
};

struct AccountRecord {
  Account account;
  std::string password_hash;  // PHC string; empty: no password, nobody can log in by one
  std::optional<sasl::ScramVerifier> verifier;
  // A tombstone: the names are free again, the id never is.
  std::optional<Timestamp> removed;
  bool purged = false;  // a tombstone whose mail is gone too
  friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

std::string head_key();
std::string account_key(AccountId id);
std::string name_key(std::string_view folded);
// The id in an account's key.
Result<AccountId> parse_account_key(std::string_view key);

std::string print_head(const HeadRecord& head);
Result<HeadRecord> parse_head(std::string_view value);
std::string print_account(const AccountRecord& record);
Result<AccountRecord> parse_account(std::string_view value);
std::string print_name(AccountId id);
Result<AccountId> parse_name(std::string_view value);

}  // namespace eilpost::directory
