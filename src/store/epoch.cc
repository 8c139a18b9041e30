#include "store/epoch.h"

#include "store/mutations.h"

namespace eilpost::store {

Result<uint64_t> begin_new_epoch(Tx& tx) {
  for (const FolderTree::Entry& entry : tx.folders().entries()) {
    MailboxCounters* counters = TRY(tx.counters(entry.def->id));
    counters->uid_validity = next_uid_validity(tx);
    counters->highest_modseq = tx.modseq();
    tx.log(ChangeKind::mailbox, entry.def->id, {});
  }
  tx.head().epoch += 1;
  return tx.head().epoch;
}

}  // namespace eilpost::store
