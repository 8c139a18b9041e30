#include "store/store.h"

#include <set>

#include "base/log.h"
#include "store/keys.h"
#include "store/mutations.h"
#include "store/transfer/transfer_rows.h"
#include "store/write_rows.h"

namespace eilpost::store {

namespace {
constexpr int create_tries_max = 10;
const log::Source logger{.component = "store", .id = ""};

// The account's rows of that kind with the blobs that they name, those first: who is broken off
// goes on with the rows that are left. What a damaged row names is left to the sweep of orphans.
Result<> remove_named(engine::Engine& engine, PartitionId partition, char kind) {
  for (;;) {
    const auto read = TRY(engine.read(partition, keys::all(kind)));
    if (read.rows.empty()) return {};
    std::set<engine::BlobId> blobs;  // an id comes as often as it has holders
    engine::Batch batch;
    for (const engine::Row& row : read.rows) {
      const auto named = for_each_blob(row, [&](engine::BlobId blob) {
        if (blob) blobs.insert(blob);
      });
      if (!named) {
        logger.warn("partition {}: a row that is removed: {}", partition.value,
                    named.error().detail);
      }
      batch.deletes.push_back(row.key);
    }
    for (const engine::BlobId blob : blobs) TRY(engine.remove_blob(blob));
    TRY(write_rows(engine, partition, batch));
  }
}
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
  for (const char kind : naming_kinds) TRY(remove_named(services_.engine, partition, kind));
  return services_.engine.remove_partition(partition);
}

std::vector<AccountPtr> Store::loaded() {
  std::vector<AccountPtr> accounts;
  std::lock_guard lock(mutex_);
  accounts.reserve(accounts_.size());
  for (const auto& [id, account] : accounts_) accounts.push_back(account);
  return accounts;
}

void Store::tick() {
  for (const AccountPtr& account : loaded()) account->tick();
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
