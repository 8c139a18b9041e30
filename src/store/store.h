// The store: all accounts' mail over one engine. Hands out Accounts (account.h), keeps those in use
// in memory within a bound, makes and removes accounts' partitions. Thread safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "store/account.h"

namespace eilpost::store {

struct StoreOptions {
  // Octets that accounts may keep in memory; what nobody uses is dropped beyond it.
  size_t cache_bytes = 256 * 1024 * 1024;
};

class Store {
 public:
  Store(Services services, StoreOptions options)
      : services_(std::move(services)), options_(options) {
    // Half of the bound is for what was read of pages, which trims itself.
    services_.pages = std::make_shared<PageCache>(options_.cache_bytes / 2);
  }

  // The account of that partition, whether or not it exists (its refresh() tells).
  AccountPtr account(PartitionId partition);
  // Writes the first rows of an account. Code::already_exists. Blocks.
  Result<> create_account(PartitionId partition);
  // Removes every row of the partition and every blob that they name; may be broken off and called
  // again. Blobs that no row names are left to the sweep of orphans. Blocks for as long as it
  // takes.
  Result<> remove_account(PartitionId partition);
  // Call once a second: followers compare versions, lookups that failed are made again. How much
  // time has passed is the Clock's to say. Does not wait.
  void tick();
  // Those that are in memory at present.
  std::vector<AccountPtr> loaded();
  // Drops what nobody uses when memory is above the bound; call now and then.
  void shed();
  size_t memory_bytes();
  const Services& services() const { return services_; }

 private:
  Services services_;
  StoreOptions options_;
  std::mutex mutex_;
  std::map<PartitionId, AccountPtr> accounts_;
};

// mutate() for callers that may wait and are not on a pool thread: tools and tests.
template <class R>
Result<R> mutate_wait(Account& account, Author author, std::function<Result<R>(Tx&)> apply);
Result<> refresh_wait(Account& account);
Result<SnapshotPtr> open_wait(Account& account, MailboxId mailbox);

// A callback's value, waited for on the calling thread.
template <class T>
class Waiter {
 public:
  std::function<void(T)> callback() {
    return [shared = shared_](T value) {
      std::lock_guard lock(shared->mutex);
      shared->value.emplace(std::move(value));
      shared->ready.notify_all();
    };
  }
  T wait() {
    std::unique_lock lock(shared_->mutex);
    shared_->ready.wait(lock, [this] { return shared_->value.has_value(); });
    return std::move(*shared_->value);
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<T> value;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();  // with the callback
};

template <class R>
Result<R> mutate_wait(Account& account, Author author, std::function<Result<R>(Tx&)> apply) {
  Waiter<Result<R>> waiter;
  account.mutate<R>(std::move(author), std::move(apply), waiter.callback());
  return waiter.wait();
}

}  // namespace eilpost::store
