// An account: one partition's mailboxes, kept in memory as far as somebody works with them. All
// changes go through mutate(): one queue and one runner per account, which runs what waits as one
// commit (tx.h). Reading is from immutable snapshots. Thread safe. Nothing here waits for a commit
// or for another pool job: results come by callback, on a pool thread; callbacks only post.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "store/tx.h"

namespace eilpost::store {

// Runs a function on a pool of threads that may block. In a simulation: a queue.
using Executor = std::function<void(std::function<void()>)>;

// What every account of a store shares. Outlives all accounts.
struct Services {
  engine::Engine& engine;
  Clock& clock;
  Random& random;
  Executor post;
  bool single_node = true;  // nobody else writes: caches need no head check and no watch
};

// What to read of messages besides their hot entries.
enum ReadColumns : uint8_t {
  read_envelope = 1,
  read_bodystructure = 2,
  read_parts = 4,
  read_preview = 8,
  read_keys = 16,
  read_all_columns = 31,
};

// Cold entries and the asked-for digest columns of one page, by slot. Views point into `octets`.
struct PageData {
  uint32_t page = 0;
  struct Message {
    uint8_t slot = 0;
    Cold cold;
    std::array<std::string_view, column_count> digest{};  // by Column
  };
  std::vector<Message>
      messages;  // ascending by slot; what was expunged but not purged is there too
  std::vector<std::string> octets;

  const Message* find(uint8_t slot) const;
};
using PageDataPtr = std::shared_ptr<const PageData>;  // shared by the cache and readers

// What happened to a mailbox after a modseq (QRESYNC).
struct ChangesSince {
  bool complete = false;  // false: the log does not reach back that far
  UidSet vanished;
};

class Subscription;

class Account : public std::enable_shared_from_this<Account> {
 public:
  Account(Services services, PartitionId partition);
  ~Account();

  PartitionId partition() const { return partition_; }
  engine::Engine& engine() { return services_.engine; }
  const Services& services() const { return services_; }

  // Runs `apply` on the account's runner and commits what it wrote together with what else waits;
  // `done` gets its result once that is durable, or the error. `apply` may run several times.
  // Where::here: the caller is a job of the pool that has nothing left to do, and lends its thread
  // when no runner is at work.
  enum class Where { pool, here };
  template <class R>
  void mutate(Author author, std::function<Result<R>(Tx&)> apply,
              std::function<void(Result<R>)> done, Where where = Where::pool) {
    auto value = std::make_shared<std::optional<R>>();  // shared by the two closures below
    submit({std::move(author),
            [value, apply = std::move(apply)](Tx& tx) -> Result<> {
              Result<R> r = apply(tx);
              if (!r) return tl::unexpected(std::move(r).error());
              *value = std::move(*r);
              return {};
            },
            [value, done = std::move(done)](Result<> r) {
              if (!r) return done(tl::unexpected(std::move(r).error()));
              done(std::move(**value));
            }},
           where);
  }

  // Loads what is not loaded and, where others write too, brings it up to date. `done` may come
  // inline.
  void refresh(std::function<void(Result<>)> done);
  // The mailbox as it stands, loaded if need be; inline when it is loaded and nobody else writes.
  void open(MailboxId mailbox, std::function<void(Result<SnapshotPtr>)> done);

  // From memory, never blocking; null or nothing when not loaded (refresh() and open() load).
  FoldersPtr folders() const;
  SnapshotPtr snapshot(MailboxId mailbox) const;
  std::optional<MailboxCounters> counters(MailboxId mailbox) const;
  std::optional<Head> head() const;

  // Blocks on the engine; call on a pool thread.
  Result<PageDataPtr> read_page(MailboxId mailbox, uint32_t page, uint8_t columns);
  // The same for some slots only (of a sealed page: all): cheap where few are wanted.
  Result<PageDataPtr> read_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                                 const std::vector<uint8_t>& slots);
  Result<std::string> read_blob(const Cold& cold, uint64_t offset, uint64_t length);
  Result<ChangesSince> changes_since(MailboxId mailbox, ModSeq since);
  // The log after `after`, oldest first, at most `rows_max` rows.
  Result<std::vector<LogRow>> read_log(ModSeq after, size_t rows_max);
  // A blob to write a message into; name it in NewMessage::cold.blob.
  Result<std::unique_ptr<engine::BlobWriter>> stage(std::string place);

  // Calls `wake` after every change of `mailbox` (0: of the names; nullopt: of anything), until the
  // subscription is destroyed. `wake` must only post.
  std::unique_ptr<Subscription> subscribe(std::optional<MailboxId> mailbox,
                                          std::function<void()> wake);

  // Forgets snapshots that only the cache holds. For the memory bound.
  void shed();
  // Octets that snapshots and page caches hold, roughly.
  size_t memory_bytes() const;
  // True when no job waits or runs and nobody is subscribed.
  bool idle() const;

 private:
  friend class Subscription;
  struct Job {
    Author author;
    std::function<Result<>(Tx&)> apply;
    std::function<void(Result<>)> done;
  };
  struct Listener {
    uint64_t id = 0;
    std::optional<MailboxId> mailbox;
    std::function<void()> wake;
  };
  // One attempt to commit: its jobs, in order, with the Tx that ran them.
  struct Attempt {
    std::unique_ptr<Tx> tx;
    std::vector<Job> jobs;
    engine::Version expected = 0;
    int tries = 0;
    int lookups = 0;  // of the commit id in vain
  };

  void submit(Job job, Where where);
  void run();
  void run_at(std::vector<Job> jobs, const Result<engine::Version>& head);
  void run_jobs(std::vector<Job> jobs, int tries);
  Result<> ensure_loaded();
  Result<> reload();
  std::vector<Job> apply_jobs(Attempt& attempt, std::vector<Job> jobs);
  void commit(std::shared_ptr<Attempt> attempt);
  void committed(std::shared_ptr<Attempt> attempt, engine::CommitResult result);
  void settle_unknown(std::shared_ptr<Attempt> attempt, const Error& error);
  void settle_later(std::shared_ptr<Attempt> attempt, const Error& error);
  void finish_done(Attempt& attempt, engine::Version version);
  void retry(std::shared_ptr<Attempt> attempt, const char* why);
  void requeue(std::vector<Job> jobs);
  void next();
  void wake(const std::vector<MailboxId>& changed);
  void unsubscribe(uint64_t id);
  void watch();
  Result<> read_digests(const SealedPage& sealed, uint8_t columns, PageData& out);
  Result<bool> take_rows(const std::vector<engine::Row>& rows, uint8_t columns, PageData& out);

  Services services_;
  PartitionId partition_;
  log::Source log_;
  // Waiting jobs and whether a runner is at work.
  mutable std::mutex queue_mutex_;
  std::deque<Job> queue_;
  bool running_ = false;
  // What is in memory. Written by the runner only, under the mutex.
  mutable std::mutex state_mutex_;
  std::optional<AccountState> state_;
  bool stale_ = false;  // a commit may have happened that state_ does not know
  mutable std::mutex listeners_mutex_;
  std::vector<Listener> listeners_;
  uint64_t next_listener_ = 1;
  std::unique_ptr<engine::Watch> watch_;
};
using AccountPtr = std::shared_ptr<Account>;  // shared by the store's table and sessions

// Ends a subscription when destroyed; after that `wake` is not called any more.
class Subscription {
 public:
  Subscription(std::weak_ptr<Account> account, uint64_t id)
      : account_(std::move(account)), id_(id) {}
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

 private:
  std::weak_ptr<Account> account_;
  uint64_t id_;
};

}  // namespace eilpost::store
