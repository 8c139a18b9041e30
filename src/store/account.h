// An account: one partition's mailboxes, kept in memory as far as somebody works with them. All
// changes go through mutate(): one queue and one runner per account, which runs what waits as one
// commit (tx.h). Reading is from immutable snapshots. Thread safe. Nothing here waits for a commit
// or for another pool job: results come by callback, on a pool thread (after a small commit on the
// engine's), or inline when refused at once (Code::unavailable: the engine is not reachable, too
// much waits, or the last commit is stalled); callbacks only post. Where others write too, a
// follower compares versions while somebody is subscribed, and what is answered is never older than
// what was asked after: a change that commits proves that by its guard; what writes nothing is
// compared with the head first.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "store/page_cache.h"
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
  std::shared_ptr<PageCache> pages = nullptr;  // shared by the store's accounts; null: none
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

// What happened to a mailbox after a modseq (QRESYNC).
struct ChangesSince {
  bool complete = false;  // false: the log does not reach back that far
  UidSet vanished;
};

// What happened to annotations after a modseq: entries' names by mailbox, 0 for the account's.
struct AnnotationsSince {
  bool complete = false;  // false: the log does not reach back that far
  std::map<MailboxId, std::set<std::string>> names;
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
  // No annotation has changed after this modseq, as far as is known here.
  ModSeq annotations_modseq() const;

  // What memory holds of these slots, if it holds all of them with these columns; else null.
  PageDataPtr cached_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                           const std::vector<uint8_t>& slots) const;
  // What searches have made of headers; null when nothing is kept.
  HeaderTextsPtr header_texts(MailboxId mailbox, uint32_t page) const;
  // Keeps more of them. `moment`: PageCache::moment() before the headers were read.
  void keep_header_texts(MailboxId mailbox, uint32_t page, const HeaderTexts& texts,
                         uint64_t moment) const;

  // Blocks on the engine; call on a pool thread.
  // As it is stored, all slots; nothing comes from memory and nothing is kept.
  Result<PageDataPtr> read_page(MailboxId mailbox, uint32_t page, uint8_t columns);
  // Some slots at least, from memory as far as it goes; what was read is kept there. Slots that
  // were purged are not there.
  Result<PageDataPtr> read_slots(MailboxId mailbox, uint32_t page, uint8_t columns,
                                 const std::vector<uint8_t>& slots);
  Result<std::string> read_blob(const Cold& cold, uint64_t offset, uint64_t length);
  // In place of what `into` holds, whose memory is used again.
  Result<> read_blob_into(const Cold& cold, uint64_t offset, uint64_t length, std::string& into);
  Result<ChangesSince> changes_since(MailboxId mailbox, ModSeq since);
  // The names of annotations that others than `session` have changed since.
  Result<AnnotationsSince> annotations_since(ModSeq since, const std::string& session);
  // The log after `after`, oldest first, at most `rows_max` rows.
  Result<std::vector<LogRow>> read_log(ModSeq after, size_t rows_max);
  // A blob to write a message into; name it in NewMessage::cold.blob.
  Result<std::unique_ptr<engine::BlobWriter>> stage(std::string place);

  // Calls `wake` after every change of `mailbox` (0: of the names; nullopt: of anything), until the
  // subscription is destroyed. `wake` must only post.
  std::unique_ptr<Subscription> subscribe(std::optional<MailboxId> mailbox,
                                          std::function<void()> wake);

  // Once a second: the follower's checks, whose intervals are the Clock's, and what else waits for
  // time to pass. Only posts and asks the engine for versions.
  void tick();

  // Forgets snapshots that only the cache holds. For the memory bound.
  void shed();
  // Octets that snapshots and page caches hold, roughly.
  size_t memory_bytes() const;
  // True while the lookup of a commit waits for a tick.
  bool settling() const;
  // True when no job waits or runs and nobody is subscribed.
  bool idle() const;

 private:
  friend class Subscription;
  struct Job {
    Author author;
    std::function<Result<>(Tx&)> apply;
    std::function<void(Result<>)> done;
    int64_t asked = 0;  // steady microseconds
    int outrun = 0;     // how often somebody else committed while it read
    // The state was brought up to date after it was asked for.
    bool current = false;
    // What it came to on a state that was not; told when that state has turned out to be current.
    std::optional<Error> refusal = std::nullopt;

    void answer() { done(refusal ? Result<>(tl::unexpected(*refusal)) : Result<>()); }
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
    int conflicts = 0;  // in a row
    int lookups = 0;    // of the commit id in vain
    // Under queue_mutex_: whichever comes first on the pool, the stall or what became of it.
    bool answered = false;
    bool decided = false;
  };
  using AttemptPtr = std::shared_ptr<Attempt>;  // shared with the engine's callback
  // An attempt whose commit id is looked up again when its time has come.
  struct Unsettled {
    AttemptPtr attempt;
    Error error;
    int64_t at_micros = 0;  // of the steady clock
  };

  void submit(Job job, Where where);
  void run();
  bool looks_first(const std::vector<Job>& jobs) const;
  void look(std::vector<Job> jobs);
  void looked(std::vector<Job> jobs, const Result<engine::Version>& head);
  void verify(AttemptPtr attempt);
  void verified(Attempt& attempt, const Result<engine::Version>& head);
  void run_jobs(std::vector<Job> jobs, int tries, int conflicts);
  void load(MailboxId mailbox, std::function<void(Result<SnapshotPtr>)> done);
  Result<> ensure_loaded(std::vector<Job>& jobs);
  Result<> reload(const std::map<MailboxId, SnapshotPtr>& outrun = {});
  Result<> load_afresh();
  std::vector<Job> apply_jobs(Attempt& attempt, std::vector<Job> jobs);
  void commit(AttemptPtr attempt);
  void committed(AttemptPtr attempt, engine::CommitResult result);
  void stall(Attempt& attempt, const Error& error);
  void decided_late(Attempt& attempt, const engine::CommitResult& result);
  void settle_unknown(AttemptPtr attempt, const Error& error);
  void settle_later(AttemptPtr attempt, const Error& error);
  void give_up(Attempt& attempt, const Error& error);
  void finish_done(Attempt& attempt, engine::Version version);
  void retry(AttemptPtr attempt, const char* why);
  void run_again(AttemptPtr attempt);
  void run_later(std::vector<Job> jobs, int tries, int conflicts, const Error& error);
  void requeue(std::vector<Job> jobs);
  void next();
  void tick_unsettled(int64_t now);
  void tick_stalled(int64_t now);
  std::vector<Job> in_time(std::vector<Job> jobs);
  void wake(const std::vector<MailboxId>& changed);
  void unsubscribe(uint64_t id);
  void watch();
  void follow(engine::Version heard = 0);
  bool knows(engine::Version version) const;
  void catch_up(engine::Version version, std::function<void(Result<>)> done);
  void followed(const Result<>& refreshed);
  Result<> read_digests(const SealedPage& sealed, uint8_t columns, PageData& out);
  PageCache::Key page_key(MailboxId mailbox, uint32_t page) const {
    return {partition_, mailbox, page};
  }
  Result<bool> take_rows(std::vector<engine::Row>& rows, uint8_t columns, PageData& out);
  Result<std::shared_ptr<PageData>> read_rows(MailboxId mailbox, uint32_t page, uint8_t columns,
                                              const std::vector<uint8_t>& slots);

  Services services_;
  PartitionId partition_;
  log::Source log_;
  // Waiting jobs and whether a runner is at work.
  mutable std::mutex queue_mutex_;
  std::deque<Job> queue_;
  bool running_ = false;
  bool stalled_ = false;  // the runner waits for a commit that nobody waits for any more
  std::optional<Unsettled> unsettled_;
  std::weak_ptr<Attempt> committing_;  // the last that was given to the engine
  // What is in memory. Written by the runner only, under the mutex.
  mutable std::mutex state_mutex_;
  std::optional<AccountState> state_;
  bool stale_ = false;  // a commit may have happened that state_ does not know
  // Others have written since the account was last found to be current: a commit would be a
  // conflict more often than not. The runner's.
  bool others_write_ = false;
  // The last version that this account itself has made; state_ comes to it without being told.
  // Shared with the watch's callback, which must not own the account.
  std::shared_ptr<std::atomic<engine::Version>> own_version_ =
      std::make_shared<std::atomic<engine::Version>>(0);
  mutable std::mutex listeners_mutex_;
  std::vector<Listener> listeners_;
  uint64_t next_listener_ = 1;
  // The follower; under listeners_mutex_. Times are of the steady clock.
  std::unique_ptr<engine::Watch> watch_;
  int64_t check_at_micros_ = 0;
  int64_t lonely_since_micros_ = 0;  // nobody has been subscribed since
  bool following_ = false;           // a comparison of versions is under way
  bool follow_again_ = false;        // and was asked for again
  engine::Version follow_to_ = 0;    // because of a commit that made this version; 0: whatever
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
