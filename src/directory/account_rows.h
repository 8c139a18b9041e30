// Rows about an account that belong to its login and not to its mail: grants on it, app passwords,
// known devices, alerts told. They lie in an engine partition of their own for each account, which
// does not exist before its first row; keys are a schema octet, a kind and an id, values are sealed
// (format octet, CRC32C). One kind is read, or changed by one optimistic commit, at a time: run
// again on Conflict, and on Unknown settled by its commit id, so that a change happens exactly once
// or not at all. Thread safe, also between nodes. Everything blocks (directory pool).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::directory {

// Above every number that an account has.
inline constexpr uint64_t account_rows_bit = 1ULL << 63;
inline PartitionId account_rows_partition(AccountId id) {
  return PartitionId(account_rows_bit | id.value);
}

// The octet behind the schema octet. 'h' is the partition's head.
enum class RowKind : char {
  alert = 'a',         // what it was told, and when
  device = 'd',        // known devices
  grant = 'g',         // who may act as it
  client_mask = 'm',   // what was learned about its clients
  app_password = 'p',  // by their ids
  rule = 'r',          // policy of this account alone
};

struct AccountRow {
  uint8_t format = 1;
  std::string payload;
  friend bool operator==(const AccountRow&, const AccountRow&) = default;
};
// The rows of one kind, by their id: 1 to 200 octets.
using RowMap = std::map<std::string, AccountRow>;

class AccountRows {
 public:
  // Both outlive it.
  AccountRows(engine::Engine& engine, Random& random) : engine_(engine), random_(random) {}

  // Empty for an account that has none. Code::unavailable: the engine does not answer.
  Result<RowMap> read(AccountId id, RowKind kind);
  // Of every kind that has any, in one read.
  Result<std::map<RowKind, RowMap>> read(AccountId id);

  // `change` may run several times, each time on fresh rows; what it leaves behind is made so, and
  // a failure of it is passed on. Nothing is written when it changes nothing. Code::limit: more
  // than limits::account_rows_max rows; too_big: a longer value than limits::account_row_bytes_max.
  using Change = std::function<Result<>(RowMap&)>;
  Result<> edit(AccountId id, RowKind kind, const Change& change);

  // Every row, of whatever kind, when the account is gone. Idempotent.
  Result<> remove(AccountId id);

 private:
  struct Snapshot;
  Result<Snapshot> snapshot(AccountId id, RowKind kind);

  engine::Engine& engine_;
  Random& random_;
};

// What is wrong with an account's rows, in words; empty: nothing. For `eilpost check`.
Result<std::vector<std::string>> check_account_rows(engine::Engine& engine, AccountId id);

// Makes the target's rows of an account the source's. Nobody else may write to either meanwhile.
Result<> copy_account_rows(engine::Engine& from, engine::Engine& to, AccountId id);

}  // namespace eilpost::directory
