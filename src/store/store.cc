#include "store/store.h"

#include "store/load.h"
#include "store/mutations.h"

namespace eilpost::store {

AccountPtr Store::account(PartitionId partition) {
  std::lock_guard lock(mutex_);
  AccountPtr& entry = accounts_[partition];
  if (!entry) entry = std::make_shared<Account>(services_, partition);
  return entry;
}

Result<> Store::create_account(PartitionId partition) {
  const auto result =
      engine::commit_wait(services_.engine, partition, 0, new_account_batch(services_.clock.now()));
  switch (result.outcome) {
    case engine::Outcome::done: return {};
    case engine::Outcome::conflict: return fail(Code::already_exists, "the partition is in use");
    case engine::Outcome::unknown: break;
  }
  // The answer was lost: what is there tells.
  if (load_state(services_.engine, partition)) return {};
  return tl::unexpected(result.error);
}

Result<> Store::remove_account(PartitionId partition) {
  {
    std::lock_guard lock(mutex_);
    accounts_.erase(partition);
  }
  TRY(services_.engine.remove_partition(partition));
  std::vector<engine::BlobId> blobs;
  TRY(services_.engine.scan_blobs([&](const engine::BlobRecord& record) {
    if (record.partition == partition) blobs.push_back(record.id);
    return true;
  }));
  for (const engine::BlobId blob : blobs) TRY(services_.engine.remove_blob(blob));
  return {};
}

void Store::shed() {
  if (memory_bytes() <= options_.cache_bytes) return;
  std::lock_guard lock(mutex_);
  for (auto at = accounts_.begin(); at != accounts_.end();) {
    at->second->shed();
    if (at->second.use_count() == 1 && at->second->idle()) {
      at = accounts_.erase(at);
    } else {
      ++at;
    }
  }
}

size_t Store::memory_bytes() {
  std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const auto& [id, account] : accounts_) bytes += account->memory_bytes();
  return bytes;
}

Result<> refresh_wait(Account& account) {
  Waiter<Result<>> waiter;
  account.refresh(waiter.callback());
  return waiter.wait();
}

Result<SnapshotPtr> open_wait(Account& account, MailboxId mailbox) {
  Waiter<Result<SnapshotPtr>> waiter;
  account.open(mailbox, waiter.callback());
  return waiter.wait();
}

}  // namespace eilpost::store
