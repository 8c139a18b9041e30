// Reading an account's state from its partition: several reads, all of one version, else
// Code::conflict and the caller starts again; or a large mailbox at the versions that come along.
// Blocks; any pool thread.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "store/tx.h"

namespace eilpost::store {

// Head, names, counters. Code::not_found when the partition has no head.
Result<AccountState> load_state(engine::Engine& engine, PartitionId partition);

// A mailbox's hot pages and keywords at `version`.
Result<SnapshotPtr> load_mailbox(engine::Engine& engine, PartitionId partition,
                                 engine::Version version, MailboxId mailbox,
                                 const MailboxCounters& counters);

// The same while others commit: every page and the keywords are of some version from `version` on.
// `mixed`: of others too; the log since `version` names all that may be newer (patch.h).
struct LoadedMailbox {
  SnapshotPtr snapshot;
  bool mixed = false;
};
Result<LoadedMailbox> load_mailbox_since(engine::Engine& engine, PartitionId partition,
                                         engine::Version version, MailboxId mailbox,
                                         const MailboxCounters& counters);

// Every row of `range`, all read at one version (which is answered; `expected` 0 takes any).
struct Rows {
  engine::Version version = 0;
  std::vector<engine::Row> rows;
};
Result<Rows> read_all(engine::Engine& engine, PartitionId partition, engine::Range range,
                      engine::Version expected);

}  // namespace eilpost::store
