// Bringing a known state of an account up to date from its change log: reads the rows since, and of
// everything else only what they name, so that a change costs other nodes the same few reads
// whatever the mailbox's size. Commits may happen between any two reads: what is read twice is the
// same (engine contract 2). Blocks; any pool thread.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/tx.h"

namespace eilpost::store {

// What differs between a known state and the one of `version`.
struct StatePatch {
  engine::Version version = 0;
  Head head;
  FoldersPtr folders;                                            // null: as before
  bool annotations = false;                                      // some have changed
  std::map<MailboxId, std::optional<MailboxCounters>> counters;  // nothing: gone
  std::map<MailboxId, SnapshotPtr> snapshots;                    // of loaded mailboxes; null: gone
};

// Code::limit: the log does not reach back that far, or reading afresh costs less.
// Code::conflict: others commit faster than this reads.
Result<StatePatch> read_patch(engine::Engine& engine, PartitionId partition,
                              const AccountState& known);

// Answers the mailboxes that changed; id 0 stands for the tree of names.
std::vector<MailboxId> apply_patch(AccountState& state, StatePatch patch);

}  // namespace eilpost::store
