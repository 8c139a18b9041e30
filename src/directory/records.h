// How the built-in directory lies in its partition: keys and values of its rows, both ways. Keys
// begin with the schema byte; values are sealed (format byte, CRC32C: base/bytes.h). Pure; any
// thread.
//   01 'h'             head: next id, secret, the latest commit ids
//   01 'a' id(be64)    an account, or the tombstone of one
//   01 'n' folded name -> id: login name, primary address and aliases; the one who holds it owns
//   the name
//   01 'o' directory 00 outside key -> id: an account that lives elsewhere
// An account's value has two formats. Format 2 is a list of tagged fields; tags that this release
// does not know are kept. Format 1 is written as long as nothing in the record needs the other, so
// that the release before goes on reading it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  std::optional<sasl::ScramVerifier> verifier_sha_1;  // where accounts.scram_sha_1 asks for it
  // A tombstone: the names are free again, the id never is.
  std::optional<Timestamp> removed;
  bool purged = false;  // a tombstone whose mail is gone too
  // Fields of later releases.
  std::vector<std::pair<uint64_t, std::string>> other_fields;
  friend bool operator==(const AccountRecord&, const AccountRecord&) = default;
};

// The verifier for this hash, with whose it is. Code::not_found: the account has none.
Result<AccountVerifier> verifier_of(AccountRecord record, sasl::ScramHash hash);

std::string head_key();
std::string account_key(AccountId id);
std::string name_key(std::string_view folded);
// A long outside key stands there as its SHA-256.
std::string outside_row_key(std::string_view directory, std::string_view outside_key);
// The id in an account's key.
Result<AccountId> parse_account_key(std::string_view key);

std::string print_head(const HeadRecord& head);
Result<HeadRecord> parse_head(std::string_view value);
std::string print_account(const AccountRecord& record);
Result<AccountRecord> parse_account(std::string_view value);
std::string print_name(AccountId id);
Result<AccountId> parse_name(std::string_view value);

}  // namespace eilpost::directory
