#include "store/store.h"

#include "store/load.h"
#include "store/mutations.h"

namespace eilpost::store {

namespace {
constexpr int create_tries_max = 10;
}  // namespace

AccountPtr Store::account(PartitionId partition) {
  std::lock_guard lock(mutex_);
  AccountPtr& entry = accounts_[partition];
  if (!entry) entry = std::make_shared<Account>(services_, partition);
  return entry;
}

Result<> Store::create_account(PartitionId partition) {
  // An engine that settles a lost commit may leave a partition without rows: it is free.
  engine::Version expected = 0;
  for (int tries = 0; tries < create_tries_max; ++tries) {
    Waiter<engine::CommitResult> waiter;
    services_.engine.commit(partition, expected, new_account_batch(services_.clock.now()),
                            waiter.callback());
    const engine::CommitResult result = waiter.wait();
    if (result.outcome == engine::Outcome::done) return {};
    // If it happens yet, the next login finds the account.
    if (result.outcome == engine::Outcome::stalled) {
      return fail(Code::unavailable, "the commit is stalled");
    }
    const auto rows = TRY(services_.engine.read(partition, engine::Range{"", "", 1}));
    const bool lost = result.outcome == engine::Outcome::unknown;
    if (!rows.rows.empty()) {
      // After a lost answer, what is there is what this was to make.
      if (lost) return {};
      return fail(Code::already_exists, "the partition is in use");
    }
    if (lost && result.error.code != Code::unknown) return tl::unexpected(result.error);
    expected = rows.version;
  }
  return fail(Code::unavailable, "the account could not be made: too many conflicts");
}

Result<> Store::remove_account(PartitionId partition) {
  {
    std::lock_guard lock(mutex_);
    accounts_.erase(partition);
  }
  services_.pages->forget(partition);
  TRY(services_.engine.remove_partition(partition));
  std::vector<engine::BlobId> blobs;
  TRY(services_.engine.scan_blobs([&](const engine::BlobRecord& record) {
    if (record.partition == partition) blobs.push_back(record.id);
    return true;
  }));
  for (const engine::BlobId blob : blobs) TRY(services_.engine.remove_blob(blob));
  return {};
}

void Store::tick() {
  std::vector<AccountPtr> accounts;
  {
    std::lock_guard lock(mutex_);
    accounts.reserve(accounts_.size());
    for (const auto& [id, account] : accounts_) accounts.push_back(account);
  }
  for (const AccountPtr& account : accounts) account->tick();
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
  size_t bytes = services_.pages->bytes();
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
