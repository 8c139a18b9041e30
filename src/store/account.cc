#include "store/account.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "store/keys.h"
#include "store/load.h"
#include "store/patch.h"

namespace eilpost::store {

namespace {

// A commit is closed to further jobs beyond this, well below what one batch may hold.
constexpr size_t group_bytes = 1024 * 1024;
constexpr size_t group_jobs = 512;
// Conflicts and lost answers in a row before the caller is told that it does not work.
constexpr int tries_max = 100;
constexpr int64_t patience_micros = int64_t{limits::commit_stall_ms} * 1000;
// How often a job may be outrun while it reads. Large mailboxes are loaded in two.
constexpr int outrun_max = 32;
// Conflicts of one attempt after which the engine is asked for the partition's turn.
constexpr int conflicts_free = 3;
// Lookups of a commit id: at once, then after 1, 2 and 4 seconds.
constexpr int lookups_at_once = 3;
constexpr int lookups_max = 6;

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
  job.asked = services_.clock.steady_micros();
  std::optional<Error> refused;
  if (!services_.engine.reachable()) {
    refused = Error{Code::unavailable, "the storage is not reachable"};
  } else {
    std::lock_guard lock(queue_mutex_);
    if (stalled_) {
      refused = Error{Code::unavailable, "the account waits for its last change to be decided"};
    } else if (queue_.size() >= limits::account_jobs_max) {
      refused = Error{Code::unavailable, "too many changes of the account wait"};
    } else {
      queue_.push_back(std::move(job));
      if (running_) return;
      running_ = true;
    }
  }
  if (refused) return job.done(tl::unexpected(std::move(*refused)));
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
  if (looks_first(jobs)) return look(std::move(jobs));
  run_jobs(std::move(jobs), 0, 0);
}

bool Account::looks_first(const std::vector<Job>& jobs) const {
  if (services_.single_node || !others_write_ || !state_ || stale_) return false;
  return !std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.current; });
}

void Account::look(std::vector<Job> jobs) {
  auto waiting = std::make_shared<std::vector<Job>>(std::move(jobs));  // with the callback
  services_.engine.head(partition_,
                        [self = shared_from_this(), waiting](Result<engine::Version> version) {
                          self->services_.post([self, waiting, version = std::move(version)] {
                            self->looked(std::move(*waiting), version);
                          });
                        });
}

void Account::looked(std::vector<Job> jobs, const Result<engine::Version>& head) {
  Result<> ready;
  if (!head) {
    ready = tl::unexpected(head.error());
  } else if (state_->version != *head) {
    ready = reload();
  } else {
    others_write_ = false;
  }
  for (Job& job : jobs) job.current = true;
  if (ready) return run_jobs(std::move(jobs), 0, 0);
  run_later(std::move(jobs), 0, 0, ready.error());
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

void Account::run_jobs(std::vector<Job> jobs, int tries, int conflicts) {
  if (const auto loaded = ensure_loaded(jobs); !loaded) {
    return run_later(std::move(jobs), tries, conflicts, loaded.error());
  }
  auto attempt = std::make_shared<Attempt>();
  attempt->tries = tries;
  attempt->conflicts = conflicts;
  attempt->expected = state_->version;
  const Timestamp now{std::max(services_.clock.now().micros, state_->head.last_seen_micros)};
  attempt->tx =
      std::make_unique<Tx>(TxContext{services_.engine, partition_, services_.random, now}, *state_);
  requeue(apply_jobs(*attempt, std::move(jobs)));
  if (!attempt->tx->has_writes()) return verify(std::move(attempt));
  commit(std::move(attempt));
}

// Jobs that have nothing to write, or were refused: where others write too, what they came to must
// be of a state that is not older than their request.
void Account::verify(AttemptPtr attempt) {
  const bool current = services_.single_node || attempt->tx->looked() ||
                       std::all_of(attempt->jobs.begin(), attempt->jobs.end(),
                                   [](const Job& j) { return j.current; });
  if (current) {
    for (Job& job : attempt->jobs) job.answer();
    return next();
  }
  services_.engine.head(
      partition_, [self = shared_from_this(), attempt](Result<engine::Version> version) {
        self->services_.post(
            [self, attempt, version = std::move(version)] { self->verified(*attempt, version); });
      });
}

void Account::verified(Attempt& attempt, const Result<engine::Version>& head) {
  if (!head) return give_up(attempt, head.error());
  if (*head == attempt.expected) {
    others_write_ = false;
    for (Job& job : attempt.jobs) job.answer();
    return next();
  }
  others_write_ = true;
  const auto again = reload();
  for (Job& job : attempt.jobs) job.current = true;
  if (again) return run_jobs(std::move(attempt.jobs), attempt.tries, attempt.conflicts);
  run_later(std::move(attempt.jobs), attempt.tries, attempt.conflicts, again.error());
}

// Runs jobs until the commit is full; answers those that were not run. A job that sees that
// somebody else has committed makes the account read its state again and stays in the queue. One
// that is refused is told so at once only where the state is known to be current.
std::vector<Account::Job> Account::apply_jobs(Attempt& attempt, std::vector<Job> jobs) {
  Tx& tx = *attempt.tx;
  size_t at = 0;
  for (; at < jobs.size(); ++at) {
    if (tx.merged_bytes() > group_bytes || tx.folders_changed()) break;
    tx.begin(jobs[at].author);
    jobs[at].refusal.reset();
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
    if (result.error().code == Code::conflict) {
      others_write_ = true;
      result = attempt.tries < tries_max && ++jobs[at].outrun <= outrun_max
                   ? reload(tx.outrun())
                   : fail(Code::unavailable, "the account changes faster than it is read");
      if (result) {
        for (size_t rest = at; rest < jobs.size(); ++rest) jobs[rest].current = true;
        break;
      }
    }
    if (services_.single_node || jobs[at].current || tx.looked()) {
      jobs[at].done(std::move(result));
      continue;
    }
    jobs[at].refusal = std::move(result).error();
    attempt.jobs.push_back(std::move(jobs[at]));
  }
  return {std::make_move_iterator(jobs.begin() + static_cast<ptrdiff_t>(at)),
          std::make_move_iterator(jobs.end())};
}

void Account::commit(AttemptPtr attempt) {
  auto batch = attempt->tx->batch();
  if (!batch) return give_up(*attempt, batch.error());
  const engine::Version expected = attempt->expected;
  {
    std::lock_guard lock(queue_mutex_);
    committing_ = attempt;
  }
  services_.engine.commit(
      partition_, expected, std::move(*batch),
      [self = shared_from_this(), attempt = std::move(attempt)](engine::CommitResult result) {
        // Before the engine wakes the follower.
        if (result.outcome == engine::Outcome::done) *self->own_version_ = result.version;
        // What is little work is done here: to hand it to another thread costs more.
        if (result.outcome == engine::Outcome::done && attempt->tx->is_small()) {
          return self->committed(attempt, std::move(result));
        }
        self->services_.post([self, attempt, result = std::move(result)]() mutable {
          self->committed(attempt, std::move(result));
        });
      });
}

void Account::committed(AttemptPtr attempt, engine::CommitResult result) {
  if (result.outcome == engine::Outcome::stalled) return stall(*attempt, result.error);
  bool answered = false;
  {
    std::lock_guard lock(queue_mutex_);
    attempt->decided = true;
    answered = attempt->answered;
  }
  if (answered) return decided_late(*attempt, result);
  switch (result.outcome) {
    case engine::Outcome::done: finish_done(*attempt, result.version); return next();
    case engine::Outcome::conflict:
      ++attempt->conflicts;
      others_write_ = true;
      return retry(std::move(attempt), "conflict");
    case engine::Outcome::unknown:
      if (result.was_refused()) return give_up(*attempt, result.error);
      return settle_unknown(std::move(attempt), result.error);
    case engine::Outcome::stalled: return;
  }
}

// Nobody shall wait for a storage that hangs. The attempt stays with the engine until it is
// decided; until then the runner rests and further jobs are refused.
void Account::stall(Attempt& attempt, const Error& error) {
  std::vector<Job> jobs;
  std::deque<Job> waiting;
  {
    std::lock_guard lock(queue_mutex_);
    // What became of it may be here before; the engine and the clock may both find that it stalls.
    if (attempt.decided || attempt.answered) return;
    attempt.answered = true;
    stalled_ = true;
    jobs.swap(attempt.jobs);
    waiting.swap(queue_);
  }
  log_.warn("a commit is stalled, {} changes wait: {}", jobs.size() + waiting.size(), error.detail);
  for (Job& job : jobs) {
    job.done(fail(Code::unavailable, "the commit is stalled; it may yet happen"));
  }
  for (Job& job : waiting) job.done(fail(Code::unavailable, "the commit before it is stalled"));
}

void Account::decided_late(Attempt& attempt, const engine::CommitResult& result) {
  const bool unwritten = result.outcome == engine::Outcome::conflict || result.was_refused();
  if (result.outcome == engine::Outcome::done) {
    finish_done(attempt, result.version);
  } else {
    if (unwritten) attempt.tx->drop_staged();
    std::lock_guard lock(state_mutex_);
    stale_ = true;
  }
  log_.info("the stalled commit is decided: {}", result.outcome == engine::Outcome::done ? "done"
                                                 : unwritten ? "not done"
                                                             : "nobody knows");
  {
    std::lock_guard lock(queue_mutex_);
    stalled_ = false;
  }
  next();
  // What others did meanwhile, and what nobody could tell.
  follow();
}

// The commit id in the log tells whether a commit whose answer was lost has happened.
void Account::settle_unknown(AttemptPtr attempt, const Error& error) {
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
  retry(std::move(attempt), "lost answer");
}

// The log could not be read. Running the jobs again might do everything twice: it is asked again
// after growing pauses, and in the end the callers are told that nobody knows.
void Account::settle_later(AttemptPtr attempt, const Error& error) {
  const int lookup = ++attempt->lookups;
  if (services_.engine.reachable() && lookup < lookups_max) {
    if (lookup < lookups_at_once) {
      services_.post([self = shared_from_this(), attempt = std::move(attempt), error] {
        self->settle_unknown(attempt, error);
      });
      return;
    }
    const int64_t pause = int64_t{1'000'000} << (lookup - lookups_at_once);
    std::lock_guard lock(queue_mutex_);
    unsettled_ = Unsettled{std::move(attempt), error, services_.clock.steady_micros() + pause};
    return;
  }
  {
    std::lock_guard lock(state_mutex_);
    stale_ = true;
  }
  for (Job& job : attempt->jobs) {
    job.done(fail(Code::unknown, "whether it was committed cannot be read"));
  }
  next();
}

// A change may have waited for others before its commit stalls, or lost to others: its caller waits
// no longer than for a commit that stalls at once.
void Account::tick_stalled(int64_t now) {
  if (services_.single_node) return;
  AttemptPtr attempt;
  {
    std::lock_guard lock(queue_mutex_);
    attempt = committing_.lock();
    if (!attempt || attempt->decided || attempt->answered) return;
    const auto late = [now](const Job& job) { return now - job.asked > patience_micros; };
    if (std::none_of(attempt->jobs.begin(), attempt->jobs.end(), late)) return;
  }
  services_.post([self = shared_from_this(), attempt] {
    self->stall(*attempt, {Code::unavailable, "no answer in time"});
  });
}

// Those that have not waited for too long; nothing of the others was written.
std::vector<Account::Job> Account::in_time(std::vector<Job> jobs) {
  if (services_.single_node) return jobs;
  const int64_t before = services_.clock.steady_micros() - patience_micros;
  const auto late = std::stable_partition(jobs.begin(), jobs.end(),
                                          [&](const Job& job) { return job.asked >= before; });
  for (auto job = late; job != jobs.end(); ++job) {
    job->done(fail(Code::unavailable, "the account could not be changed in time"));
  }
  jobs.erase(late, jobs.end());
  return jobs;
}

void Account::tick_unsettled(int64_t now) {
  std::optional<Unsettled> due;
  {
    std::lock_guard lock(queue_mutex_);
    if (!unsettled_) return;
    if (now < unsettled_->at_micros && services_.engine.reachable()) return;
    due.swap(unsettled_);
  }
  services_.post([self = shared_from_this(), due = std::move(*due)] {
    self->settle_unknown(due.attempt, due.error);
  });
}

// Nothing of it was written, and it is not tried again.
void Account::give_up(Attempt& attempt, const Error& error) {
  attempt.tx->drop_staged();
  for (Job& job : attempt.jobs) job.done(tl::unexpected(error));
  next();
}

void Account::retry(AttemptPtr attempt, const char* why) {
  if (attempt->tries >= tries_max) {
    return give_up(*attempt, {Code::unavailable, std::string("too many retries: ") + why});
  }
  attempt->tx->drop_staged();
  if (attempt->conflicts < conflicts_free) return run_again(std::move(attempt));
  services_.engine.take_turn(partition_, [self = shared_from_this(), attempt] {
    self->services_.post([self, attempt] { self->run_again(attempt); });
  });
}

void Account::run_again(AttemptPtr attempt) {
  const auto again = reload();
  for (Job& job : attempt->jobs) job.current = true;
  auto jobs = in_time(std::move(attempt->jobs));
  if (again) return run_jobs(std::move(jobs), attempt->tries + 1, attempt->conflicts);
  run_later(std::move(jobs), attempt->tries + 1, attempt->conflicts, again.error());
}

// The state could not be read. Where others commit faster than that, they are asked to let this
// account pass; else the jobs fail with it.
void Account::run_later(std::vector<Job> jobs, int tries, int conflicts, const Error& error) {
  if (error.code != Code::conflict || tries >= tries_max) {
    Error told = error;
    if (told.code == Code::conflict) told.code = Code::unavailable;
    for (Job& job : jobs) job.done(tl::unexpected(told));
    return next();
  }
  auto waiting = std::make_shared<std::vector<Job>>(in_time(std::move(jobs)));  // with the callback
  services_.engine.take_turn(partition_, [self = shared_from_this(), waiting, tries, conflicts] {
    self->services_.post([self, waiting, tries, conflicts] {
      self->run_jobs(std::move(*waiting), tries + 1, conflicts);
    });
  });
}

void Account::finish_done(Attempt& attempt, engine::Version version) {
  std::vector<MailboxId> changed;
  {
    std::lock_guard lock(state_mutex_);
    changed = attempt.tx->apply_to(*state_, version);
  }
  if (services_.pages) {
    for (const auto& [mailbox, page] : attempt.tx->rewritten_pages()) {
      services_.pages->forget(page_key(mailbox, page));
    }
  }
  for (Job& job : attempt.jobs) job.answer();
  wake(changed);
  for (const engine::BlobId blob : attempt.tx->doomed_blobs()) {
    const auto r = services_.engine.remove_blob(blob);
    if (r) continue;
    log_.warn("blob not removed: {}", r.error().detail);
    // Each try may take long, and the account waits: the rest is the sweep's.
    if (r.error().code == Code::unavailable) break;
  }
}

Result<> Account::ensure_loaded(std::vector<Job>& jobs) {
  {
    std::lock_guard lock(state_mutex_);
    if (state_ && !stale_) return {};
  }
  for (Job& job : jobs) job.current = true;
  return reload();
}

// Brings the state up to date, by the change log where that costs less. Mailboxes that were outrun
// while they were loaded are completed and kept: the log names every page of theirs that has
// changed since, and nobody sees them before.
Result<> Account::reload(const std::map<MailboxId, SnapshotPtr>& outrun) {
  if (!state_) return load_afresh();
  std::optional<AccountState> with;
  if (!outrun.empty()) {
    with = *state_;
    with->snapshots.insert(outrun.begin(), outrun.end());
  }
  auto patch = read_patch(services_.engine, partition_, with ? *with : *state_);
  if (!patch) {
    if (patch.error().code == Code::unavailable) return tl::unexpected(std::move(patch).error());
    return load_afresh();
  }
  std::vector<MailboxId> changed;
  {
    std::lock_guard lock(state_mutex_);
    state_->snapshots.insert(outrun.begin(), outrun.end());
    changed = apply_patch(*state_, std::move(*patch));
    stale_ = false;
  }
  // What others did is heard of here, whichever way this account came to look.
  if (!changed.empty()) wake(changed);
  return {};
}

// Mailboxes that are in memory are read again only when they changed.
Result<> Account::load_afresh() {
  auto fresh = load_state(services_.engine, partition_);
  if (!fresh) {
    std::lock_guard lock(state_mutex_);
    stale_ = true;
    return tl::unexpected(fresh.error());
  }
  std::vector<MailboxId> changed;
  if (state_) {
    for (const auto& [id, snapshot] : state_->snapshots) {
      const auto counters = fresh->counters.find(id);
      if (counters == fresh->counters.end()) continue;
      if (counters->second == snapshot->counters) {
        fresh->snapshots[id] = snapshot;
        continue;
      }
      auto again = load_mailbox(services_.engine, partition_, fresh->version, id, counters->second);
      if (again) fresh->snapshots[id] = std::move(*again);
    }
    changed = changed_between(*state_, *fresh);
  }
  {
    std::lock_guard lock(state_mutex_);
    state_ = std::move(*fresh);
    stale_ = false;
  }
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
                          self->catch_up(*version, done);
                        });
}

// Version 0: the account is gone, as the runner finds when it reads.
void Account::catch_up(engine::Version version, std::function<void(Result<>)> done) {
  submit({Author{},
          [this, version](Tx&) -> Result<> {
            if (version == 0 || state_->version < version) {
              return fail(Code::conflict, "behind the head");
            }
            return {};
          },
          std::move(done), 0, true},
         Where::pool);
}

void Account::open(MailboxId mailbox, std::function<void(Result<SnapshotPtr>)> done) {
  if (services_.single_node) {
    if (SnapshotPtr ready = snapshot(mailbox)) return done(std::move(ready));
  }
  if (snapshot(mailbox)) {
    return refresh([self = this, mailbox, done = std::move(done)](Result<> r) {
      if (!r) return done(tl::unexpected(r.error()));
      if (SnapshotPtr ready = self->snapshot(mailbox)) return done(std::move(ready));
      self->load(mailbox, done);
    });
  }
  load(mailbox, std::move(done));
}

// The runner compares versions itself.
void Account::load(MailboxId mailbox, std::function<void(Result<SnapshotPtr>)> done) {
  mutate<SnapshotPtr>(
      Author{},
      [self = this, mailbox](Tx& tx) -> Result<SnapshotPtr> {
        SnapshotPtr loaded = TRY(tx.snapshot(mailbox));
        // Kept for the next one who opens it; the runner is the only writer.
        std::lock_guard lock(self->state_mutex_);
        self->state_->snapshots.emplace(mailbox, loaded);
        return loaded;
      },
      std::move(done));
}

FoldersPtr Account::folders() const {
  std::lock_guard lock(state_mutex_);
  return state_ ? state_->folders : nullptr;
}

SnapshotPtr Account::snapshot(MailboxId mailbox) const {
  std::lock_guard lock(state_mutex_);
  if (!state_ || stale_) return nullptr;
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

ModSeq Account::annotations_modseq() const {
  std::lock_guard lock(state_mutex_);
  return state_ ? state_->annotations : ModSeq(0);
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

void Account::shed() {
  // The runner reads snapshots without the lock: it must neither be at work nor start.
  std::lock_guard queue_lock(queue_mutex_);
  if (running_) return;
  std::lock_guard lock(state_mutex_);
  if (!state_) return;
  std::erase_if(state_->snapshots, [](const auto& entry) { return entry.second.use_count() == 1; });
  state_->tails.clear();
}

size_t Account::memory_bytes() const {
  std::lock_guard lock(state_mutex_);
  if (!state_) return 0;
  size_t bytes = 4096 + state_->counters.size() * 512 + state_->tails.size() * 3072;
  for (const auto& [id, s] : state_->snapshots) bytes += 4096 + s->counters.exists * 18ULL;
  return bytes;
}

bool Account::settling() const {
  std::lock_guard lock(queue_mutex_);
  return unsettled_.has_value();
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
