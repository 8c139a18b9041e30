// Looks whether an account holds together, and rebuilds what follows from the rest: every row's
// checksum and form, counters and quota against pages, cold entries against hot and recoverable
// ones, blobs (there, of the right size, readable), digests against a scan of the octets, holders
// of shared blobs against the entries that name them. Runs beside sessions: changes go through the
// account's own mutations, in steps. Blocks; for a thread of a tool, never for a pool's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/account.h"
#include "store/mutations.h"

namespace eilpost::store {

struct CheckOptions {
  bool repair = false;
  bool octets = true;          // read the messages themselves: blobs' checksums and digests
  std::function<bool()> stop;  // asked between steps; empty: never
  std::function<void(uint64_t)> progress;  // messages looked at so far
};

struct CheckFinding {
  MailboxId mailbox;  // 0: of the account
  Uid uid;            // 0: not of one message
  std::string what;
  bool repaired = false;
};

struct CheckReport {
  uint64_t rows = 0;
  uint64_t mailboxes = 0;
  uint64_t messages = 0;
  uint64_t octets = 0;  // of messages read
  uint64_t found = 0;
  uint64_t repaired = 0;
  bool stopped = false;
  std::vector<CheckFinding> findings;  // the first findings_kept

  static constexpr size_t findings_kept = 1000;
  void add(CheckFinding finding);
};

// An Error only when the account cannot be looked at (not_found, or the engine fails).
Result<CheckReport> check_account(Account& account, const CheckOptions& options);

// check_tx.cc: the steps that need one state; for check_account() and its tests. Each answers what
// it found, repaired if asked to.
using Findings = std::vector<CheckFinding>;
struct StepOptions {
  bool repair = false;
};
// Counters, and hot entries against cold and recoverable ones.
Result<Findings> check_mailbox(Tx& tx, engine::Engine& engine, MailboxId mailbox,
                               StepOptions options);
// Quota use against the counters.
Result<Findings> check_quota_use(Tx& tx, StepOptions options);
// How often each blob is named against its row of holders. Reads every cold entry.
Result<Findings> check_holders(Tx& tx, StepOptions options);
// What the annotations take against their sum, and those of mailboxes that are gone.
Result<Findings> check_annotations(Tx& tx, StepOptions options);
// Puts `fresh` in place of the digests of these slots. Code::corrupt when others of a sealed page
// cannot be read and are not among them.
Result<bool> replace_digests(Tx& tx, engine::Engine& engine, MailboxId mailbox, uint32_t page,
                             const std::map<uint8_t, Digest>& fresh);

}  // namespace eilpost::store
