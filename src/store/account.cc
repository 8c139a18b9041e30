#include "store/account.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "store/keys.h"
#include "store/load.h"

namespace eilpost::store {

namespace {

// A commit is closed to further jobs beyond this, well below what one batch may hold.
constexpr size_t group_bytes = 1024 * 1024;
constexpr size_t group_jobs = 512;
// Conflicts and lost answers in a row before the caller is told that it does not work.
constexpr int tries_max = 100;

// The mailboxes that differ between two states; id 0, the tree of names, whenever there was a
// commit.
std::vector<MailboxId> changed_between(const AccountState& before, const AccountState& after) {
  std::vector<MailboxId> out;
  if (before.version == after.version) return out;
  out.push_back(MailboxId(0));
  for (const auto& [id, counters] : after.counters) {
    const auto at = before.counters.find(id);
    if (at == before.counters.end() || !(at->second == counters)) out.push_back(id);
  }
  for (const auto& [id, counters] : before.counters) {
    if (after.counters.count(id) == 0) out.push_back(id);
  }
  return out;
}

}  // namespace

Account::Account(Services services, PartitionId partition)
    : services_(std::move(services)),
      partition_(partition),
      log_{"store", "account-" + std::to_string(partition.value)} {}

Account::~Account() = default;

void Account::submit(Job job, Where where) {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(job));
    if (running_) return;
    running_ = true;
  }
  if (where == Where::here) return run();
  services_.post([self = shared_from_this()] { self->run(); });
}

void Account::run() {
  std::vector<Job> jobs;
  {
    std::lock_guard lock(queue_mutex_);
    while (!queue_.empty() && jobs.size() < group_jobs) {
      jobs.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  if (jobs.empty()) return next();
  if (services_.single_node) return run_jobs(std::move(jobs), 0);
  // Others write too: what a job answers, a refusal or "nothing to do" included, must come from a
  // state that is not older than its request.
  auto waiting = std::make_shared<std::vector<Job>>(std::move(jobs));  // with the callback
  services_.engine.head(partition_,
                        [self = shared_from_this(), waiting](Result<engine::Version> version) {
                          self->services_.post([self, waiting, version = std::move(version)] {
                            self->run_at(std::move(*waiting), version);
                          });
                        });
}

void Account::run_at(std::vector<Job> jobs, const Result<engine::Version>& head) {
  Result<> ready;
  if (!head) {
    ready = tl::unexpected(head.error());
  } else if (state_ && state_->version < *head) {
    ready = reload();
  }
  if (ready) return run_jobs(std::move(jobs), 0);
  for (Job& job : jobs) job.done(ready);
  next();
}

void Account::next() {
  {
    std::lock_guard lock(queue_mutex_);
    if (queue_.empty()) {
      running_ = false;
      return;
    }
  }
  services_.post([self = shared_from_this()] { self->run(); });
}

void Account::requeue(std::vector<Job> jobs) {
  std::lock_guard lock(queue_mutex_);
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) queue_.push_front(std::move(*job));
}

void Account::run_jobs(std::vector<Job> jobs, int tries) {
  if (const auto loaded = ensure_loaded(); !loaded) {
    for (Job& job : jobs) job.done(tl::unexpected(loaded.error()));
    return next();
  }
  auto attempt = std::make_shared<Attempt>();  // shared with the engine's callback
  attempt->tries = tries;
  attempt->expected = state_->version;
  const Timestamp now{std::max(services_.clock.now().micros, state_->head.last_seen_micros)};
  attempt->tx =
      std::make_unique<Tx>(TxContext{services_.engine, partition_, services_.random, now}, *state_);
  requeue(apply_jobs(*attempt, std::move(jobs)));
  if (!attempt->tx->has_writes()) {
    for (Job& job : attempt->jobs) job.done({});
    return next();
  }
  commit(std::move(attempt));
}

// Runs jobs until the commit is full; answers those that were not run. A job that sees that
// somebody else has committed makes the account read its state again and stays in the queue.
std::vector<Account::Job> Account::apply_jobs(Attempt& attempt, std::vector<Job> jobs) {
  Tx& tx = *attempt.tx;
  size_t at = 0;
  for (; at < jobs.size(); ++at) {
    if (tx.merged_bytes() > group_bytes || tx.folders_changed()) break;
    tx.begin(jobs[at].author);
    auto result = jobs[at].apply(tx);
    if (result && tx.layer_bytes() > limits::batch_bytes_max * 9 / 10) {
      result = fail(Code::limit, "the change is larger than one commit may be");
    }
    if (result && tx.merged_bytes() > 0 &&
        tx.merged_bytes() + tx.layer_bytes() > limits::batch_bytes_max / 2) {
      tx.discard();
      break;
    }
    if (result) {
      tx.merge();
      attempt.jobs.push_back(std::move(jobs[at]));
      continue;
    }
    tx.discard();
    if (result.error().code == Code::conflict && attempt.tries < tries_max) {
      result = reload();
      if (result) break;
    }
    jobs[at].done(std::move(result));
  }
  return {std::make_move_iterator(jobs.begin() + static_cast<ptrdiff_t>(at)),
          std::make_move_iterator(jobs.end())};
}

void Account::commit(std::shared_ptr<Attempt> attempt) {
  auto batch = attempt->tx->batch();
  if (!batch) {
    attempt->tx->drop_staged();
    for (Job& job : attempt->jobs) job.done(tl::unexpected(batch.error()));
    return next();
  }
  const engine::Version expected = attempt->expected;
  services_.engine.commit(
      partition_, expected, std::move(*batch),
      [self = shared_from_this(), attempt = std::move(attempt)](engine::CommitResult result) {
        self->services_.post([self, attempt, result = std::move(result)]() mutable {
          self->committed(attempt, std::move(result));
        });
      });
}

void Account::committed(std::shared_ptr<Attempt> attempt, engine::CommitResult result) {
  switch (result.outcome) {
    case engine::Outcome::done: finish_done(*attempt, result.version); return next();
    case engine::Outcome::conflict: return retry(std::move(attempt), "conflict");
    case engine::Outcome::unknown: return settle_unknown(std::move(attempt), result.error);
  }
}

// The commit id in the log tells whether a commit whose answer was lost has happened.
void Account::settle_unknown(std::shared_ptr<Attempt> attempt, const Error& error) {
  const std::string key = keys::log(attempt->tx->last_modseq());
  const auto read = services_.engine.read(partition_, std::vector<std::string>{key});
  if (!read) return settle_later(std::move(attempt), error);
  if (!read->rows.empty()) {
    const auto row = decode_log(read->rows[0].value);
    if (row && row->commit_id == attempt->tx->commit_id()) {
      // It was the commit after the expected version, whatever others have made of it since.
      finish_done(*attempt, attempt->expected + 1);
      return next();
    }
  }
  const bool refused = error.code == Code::too_big || error.code == Code::io ||
                       error.code == Code::limit || error.code == Code::unavailable;
  if (refused || attempt->tries >= tries_max) {
    attempt->tx->drop_staged();
    for (Job& job : attempt->jobs) job.done(tl::unexpected(error));
    return next();
  }
  retry(std::move(attempt), "lost answer");
}

// The log could not be read. Running the jobs again might do everything twice: it is asked again,
// and in the end the callers are told that nobody knows.
void Account::settle_later(std::shared_ptr<Attempt> attempt, const Error& error) {
  if (++attempt->lookups < tries_max) {
    services_.post([self = shared_from_this(), attempt = std::move(attempt), error] {
      self->settle_unknown(attempt, error);
    });
    return;
  }
  {
    std::lock_guard lock(state_mutex_);
    state_->snapshots.clear();
    stale_ = true;
  }
  for (Job& job : attempt->jobs) {
    job.done(fail(Code::unknown, "whether it was committed cannot be read"));
  }
  next();
}

void Account::retry(std::shared_ptr<Attempt> attempt, const char* why) {
  attempt->tx->drop_staged();
  const auto again = reload();
  if (!again || attempt->tries >= tries_max) {
    const Error error =
        again ? Error{Code::unavailable, std::string("too many retries: ") + why} : again.error();
    for (Job& job : attempt->jobs) job.done(tl::unexpected(error));
    return next();
  }
  run_jobs(std::move(attempt->jobs), attempt->tries + 1);
}

void Account::finish_done(Attempt& attempt, engine::Version version) {
  std::vector<MailboxId> changed;
  {
    std::lock_guard lock(state_mutex_);
    changed = attempt.tx->apply_to(*state_, version);
  }
  for (Job& job : attempt.jobs) job.done({});
  wake(changed);
  for (const engine::BlobId blob : attempt.tx->doomed_blobs()) {
    if (const auto r = services_.engine.remove_blob(blob); !r) {
      log_.warn("blob not removed: {}", r.error().detail);
    }
  }
}

Result<> Account::ensure_loaded() {
  {
    std::lock_guard lock(state_mutex_);
    if (state_ && !stale_) return {};
  }
  return reload();
}

// Reads the state afresh. Mailboxes that were in memory are read again only when they changed.
Result<> Account::reload() {
  auto fresh = load_state(services_.engine, partition_);
  if (!fresh) return tl::unexpected(fresh.error());
  std::optional<AccountState> before;
  {
    std::lock_guard lock(state_mutex_);
    before = state_;
  }
  if (before) {
    for (const auto& [id, snapshot] : before->snapshots) {
      const auto counters = fresh->counters.find(id);
      if (counters == fresh->counters.end()) continue;
      if (counters->second == snapshot->counters) {
        fresh->snapshots[id] = snapshot;
        continue;
      }
      auto again = load_mailbox(services_.engine, partition_, fresh->version, id, counters->second);
      if (again) fresh->snapshots[id] = std::move(*again);
    }
  }
  const auto changed = before ? changed_between(*before, *fresh) : std::vector<MailboxId>();
  {
    std::lock_guard lock(state_mutex_);
    state_ = std::move(*fresh);
    stale_ = false;
  }
  // What others did is heard of here, whichever way this account came to look.
  if (!changed.empty()) wake(changed);
  return {};
}

void Account::refresh(std::function<void(Result<>)> done) {
  std::optional<engine::Version> known;
  {
    std::lock_guard lock(state_mutex_);
    if (state_ && !stale_) known = state_->version;
  }
  if (known && services_.single_node) return done({});
  // Jobs lie in this account's own queue: they name it by `this`, since the runner that calls them
  // holds it, and owning it they would keep it for ever when a stopped pool drops the runner.
  const auto through_runner = [this, done] {
    mutate<bool>(
        Author{}, [](Tx&) -> Result<bool> { return true; },
        [done](Result<bool> r) {
          if (!r) return done(tl::unexpected(r.error()));
          done({});
        });
  };
  if (!known) return through_runner();
  services_.engine.head(partition_,
                        [self = shared_from_this(), done, known](Result<engine::Version> version) {
                          if (!version) return done(tl::unexpected(version.error()));
                          if (*version == *known) return done({});
                          self->mutate<bool>(
                              Author{},
                              [self = self.get(), version = *version](Tx&) -> Result<bool> {
                                if (self->state_->version < version)
                                  return fail(Code::conflict, "behind the head");
                                return true;
                              },
                              [done](Result<bool> r) {
                                if (!r) return done(tl::unexpected(r.error()));
                                done({});
                              });
                        });
}

void Account::open(MailboxId mailbox, std::function<void(Result<SnapshotPtr>)> done) {
  if (services_.single_node) {
    if (SnapshotPtr ready = snapshot(mailbox)) return done(std::move(ready));
  }
  refresh([self = this, mailbox, done = std::move(done)](Result<> r) {
    if (!r) return done(tl::unexpected(r.error()));
    if (SnapshotPtr ready = self->snapshot(mailbox)) return done(std::move(ready));
    self->mutate<SnapshotPtr>(
        Author{},
        [self, mailbox](Tx& tx) -> Result<SnapshotPtr> {
          SnapshotPtr loaded = TRY(tx.snapshot(mailbox));
          // Kept for the next one who opens it; the runner is the only writer.
          std::lock_guard lock(self->state_mutex_);
          self->state_->snapshots.emplace(mailbox, loaded);
          return loaded;
        },
        done);
  });
}

FoldersPtr Account::folders() const {
  std::lock_guard lock(state_mutex_);
  return state_ ? state_->folders : nullptr;
}

SnapshotPtr Account::snapshot(MailboxId mailbox) const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return nullptr;
  const auto at = state_->snapshots.find(mailbox);
  return at == state_->snapshots.end() ? nullptr : at->second;
}

std::optional<MailboxCounters> Account::counters(MailboxId mailbox) const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return std::nullopt;
  const auto at = state_->counters.find(mailbox);
  if (at == state_->counters.end()) return std::nullopt;
  return at->second;
}

std::optional<Head> Account::head() const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return std::nullopt;
  return state_->head;
}

Result<std::string> Account::read_blob(const Cold& cold, uint64_t offset, uint64_t length) {
  if (offset >= cold.size) return std::string();
  return services_.engine.read_blob(cold.blob, offset, std::min(length, cold.size - offset));
}

Result<std::unique_ptr<engine::BlobWriter>> Account::stage(std::string place) {
  return services_.engine.stage_blob(partition_, services_.clock.now(), std::move(place));
}

Result<std::vector<LogRow>> Account::read_log(ModSeq after, size_t rows_max) {
  std::vector<LogRow> out;
  engine::Range range = keys::log_after(after);
  for (bool more = true; more && out.size() < rows_max;) {
    range.rows_max = rows_max - out.size();
    const auto read = TRY(services_.engine.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    for (const auto& row : read.rows) out.push_back(TRY(decode_log(row.value)));
  }
  return out;
}

Result<ChangesSince> Account::changes_since(MailboxId mailbox, ModSeq since) {
  // Beyond this many rows the caller's other way (every absent uid) costs less.
  constexpr size_t rows_max = 20000;
  ChangesSince out;
  std::vector<Interval> gone;
  size_t rows = 0;
  engine::Range range = keys::log_after(since);
  for (bool more = true; more;) {
    const auto read = TRY(services_.engine.read(partition_, range));
    more = read.more && !read.rows.empty();
    if (more) range.first = read.rows.back().key + '\0';
    rows += read.rows.size();
    if (rows > rows_max) return out;
    for (const auto& row : read.rows) {
      const LogRow decoded = TRY(decode_log(row.value));
      for (const LogChange& change : decoded.changes) {
        if (change.mailbox != mailbox || change.kind != ChangeKind::expunged) continue;
        if (change.modseq <= since) continue;
        const auto& uids = change.uids.raw().intervals();
        gone.insert(gone.end(), uids.begin(), uids.end());
      }
    }
  }
  // The floor only rises: what stands at or above it after the scan was not cut during it.
  const auto read = TRY(services_.engine.read(partition_, std::vector<std::string>{keys::head()}));
  if (read.rows.empty()) return fail(Code::not_found, "the account is gone");
  if (since < TRY(decode_head(read.rows[0].value)).log_floor) return out;
  out.complete = true;
  std::sort(gone.begin(), gone.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  for (const Interval& i : gone) out.vanished.raw().add(i.first, i.last);
  return out;
}

std::unique_ptr<Subscription> Account::subscribe(std::optional<MailboxId> mailbox,
                                                 std::function<void()> wake) {
  std::lock_guard lock(listeners_mutex_);
  const uint64_t id = next_listener_++;
  listeners_.push_back({id, mailbox, std::move(wake)});
  if (!services_.single_node && !watch_) watch();
  return std::make_unique<Subscription>(weak_from_this(), id);
}

void Account::watch() {
  watch_ = services_.engine.watch(partition_, [weak = weak_from_this()] {
    const AccountPtr self = weak.lock();
    if (!self) return;
    // reload() wakes those whom the news concerns.
    self->services_.post([self] {
      self->refresh([self = self.get()](const Result<>& r) {
        if (!r) self->log_.warn("refresh after a wake: {}", r.error().detail);
      });
    });
  });
}

void Account::unsubscribe(uint64_t id) {
  std::lock_guard lock(listeners_mutex_);
  std::erase_if(listeners_, [id](const Listener& l) { return l.id == id; });
}

void Account::wake(const std::vector<MailboxId>& changed) {
  std::lock_guard lock(listeners_mutex_);
  for (const Listener& l : listeners_) {
    if (!l.mailbox || std::find(changed.begin(), changed.end(), *l.mailbox) != changed.end()) {
      l.wake();
    }
  }
}

Subscription::~Subscription() {
  if (const AccountPtr account = account_.lock()) account->unsubscribe(id_);
}

void Account::shed() {
  // The runner reads snapshots without the lock: it must neither be at work nor start.
  std::lock_guard queue_lock(queue_mutex_);
  if (running_) return;
  std::lock_guard lock(state_mutex_);
  if (!state_) return;
  std::erase_if(state_->snapshots, [](const auto& entry) { return entry.second.use_count() == 1; });
}

size_t Account::memory_bytes() const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return 0;
  size_t bytes = 4096 + state_->counters.size() * 512;
  for (const auto& [id, s] : state_->snapshots) bytes += 4096 + s->counters.exists * 18ULL;
  return bytes;
}

bool Account::idle() const {
  {
    std::lock_guard lock(listeners_mutex_);
    if (!listeners_.empty()) return false;
  }
  std::lock_guard lock(queue_mutex_);
  return !running_ && queue_.empty();
}

}  // namespace eilpost::store
