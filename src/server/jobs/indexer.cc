#include "server/jobs/indexer.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "search/attachments/read_attachments.h"

namespace eilpost::server {

namespace {

using Steady = std::chrono::steady_clock;

const log::Source source{"index", ""};
// A job of the batch pool goes on with small steps for so long.
constexpr std::chrono::milliseconds slice{15};
// Changes of an account that are worth a look at once: half a block.
constexpr uint64_t many_changes = 32;

// So does one that reads attachments, and then ends the one that it is at.
constexpr std::chrono::milliseconds attachments_slice{200};

struct Unequal {
  std::vector<MailboxId> mailboxes;
  bool more = false;
};

// Opens the index and follows the log.
Result<Unequal> follow_slice(search::TextIndex& index, store::Account& account) {
  const auto until = Steady::now() + slice;
  TRY(index.begin(account));
  Unequal out;
  do {
    out.more = TRY(index.follow(account));
  } while (out.more && Steady::now() < until);
  if (!out.more) out.mailboxes = index.unequal(account);
  return out;
}

Result<bool> index_slice(search::TextIndex& index, store::Account& account, bool all) {
  const auto until = Steady::now() + slice;
  bool more = true;
  while (more && Steady::now() < until) more = TRY(index.index_some(account, all));
  return more;
}

// The index is ours while this lives.
class Hold {
 public:
  explicit Hold(search::TextIndexPtr index) : index_(std::move(index)), held_(index_->take()) {}
  ~Hold() {
    if (held_) index_->release();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  bool held() const { return held_; }

 private:
  search::TextIndexPtr index_;
  bool held_;
};

}  // namespace

net::Task<Result<>> update_index(ServerWorld& world, const net::Signal& stop, IndexRun what) {
  search::TextIndexPtr index = world.indexes->find(what.partition);
  const Hold hold(index);
  if (!hold.held()) co_return fail(Code::in_use, "the index is being worked on");
  store::AccountPtr account = world.store.account(what.partition);
  auto refresh = [&](auto done) { account->refresh(std::move(done)); };
  auto refreshed = co_await net::await_callback<Result<>>(refresh);
  CO_TRY(refreshed);
  Unequal unequal{{}, true};
  while (unequal.more && stop.pending() == 0) {
    auto job = [index, account] { return follow_slice(*index, *account); };
    auto followed = co_await net::run_on(world.batch, std::move(job));
    CO_TRY(followed);
    unequal = std::move(*followed);
  }
  for (const MailboxId mailbox : unequal.mailboxes) {
    auto open = [&](auto done) { account->open(mailbox, std::move(done)); };
    auto opened = co_await net::await_callback<Result<store::SnapshotPtr>>(open);
    if (!opened && opened.error().code == Code::not_found) continue;
    CO_TRY(opened);
    auto job = [index, mailbox, snapshot = *opened] { index->compare(mailbox, snapshot->tree); };
    auto compared = co_await net::run_on(world.batch, std::move(job));
    CO_TRY(compared);
  }
  const bool all = what.all;
  Result<> failed;
  for (bool more = true; more && stop.pending() == 0;) {
    auto job = [index, account, all] { return index_slice(*index, *account, all); };
    auto indexed = co_await net::run_on(world.batch, std::move(job));
    more = indexed && *indexed;
    if (!indexed) failed = tl::unexpected(indexed.error());
  }
  if (failed) {
    auto job = [index] { return index->publish(); };
    failed = co_await net::run_on(world.batch, std::move(job));
  }
  for (bool more = true; failed && more && stop.pending() == 0;) {
    auto job = [index] { return index->tidy(); };
    auto tidied = co_await net::run_on(world.batch, std::move(job));
    more = tidied && *tidied;
    if (!tidied) failed = tl::unexpected(tidied.error());
  }
  if (!failed) index->give_up();
  co_return failed;
}

net::Task<Result<bool>> read_some_attachments(ServerWorld& world, PartitionId partition) {
  search::TextIndexPtr index = world.indexes->find(partition);
  const Hold hold(index);
  if (!hold.held()) co_return fail(Code::in_use, "the index is being worked on");
  store::AccountPtr account = world.store.account(partition);
  auto refresh = [&](auto done) { account->refresh(std::move(done)); };
  auto refreshed = co_await net::await_callback<Result<>>(refresh);
  CO_TRY(refreshed);
  const search::Helpers& helpers = world.indexes->helpers();
  auto job = [index, account, &helpers]() -> Result<bool> {
    TRY(index->open(*account));
    return search::read_attachments(*index, helpers, *account, attachments_slice);
  };
  auto more = co_await net::run_on(world.batch, std::move(job));
  co_return more;
}

struct Indexer::State {
  State(ServerWorld& w, IndexerOptions o)
      : world(w), options(o), executor(w.io.next()), signal(executor) {}

  ServerWorld& world;
  const IndexerOptions options;
  net::Executor executor;
  net::Signal signal;
  struct Seen {
    ModSeq modseq;
    Steady::time_point at;
  };
  std::map<PartitionId, Seen> seen;               // of accounts in memory: up to where, and when
  std::map<PartitionId, Steady::time_point> off;  // until when nothing is written
  std::set<PartitionId> unread;                   // they may have attachments to be read
  PartitionId read_last;                          // of them, so that each has its turn
  Steady::time_point helpers_off{};               // until when no helper is begun

  bool is_off(PartitionId partition) {
    const auto at = off.find(partition);
    if (at == off.end()) return false;
    if (Steady::now() < at->second) return true;
    off.erase(at);
    return false;
  }
};

namespace {

// Accounts that have changed since they were looked at, and those that were searched.
template <class State>
std::set<PartitionId> due(State& state) {
  ServerWorld& world = state.world;
  const auto now = Steady::now();
  std::set<PartitionId> out = world.indexes->take_wanted();
  auto before = std::exchange(state.seen, {});
  for (const store::AccountPtr& account : world.store.loaded()) {
    const PartitionId partition = account->partition();
    const auto head = account->head();
    if (!head) continue;
    const auto known = before.find(partition);
    const bool is_known = known != before.end();
    // On a cluster an account in memory need not be one that is searched here.
    const bool here = world.cluster == nullptr || is_known;
    if (!here && out.count(partition) == 0) continue;
    const uint64_t changes = is_known ? head->last_modseq.value - known->second.modseq.value : 0;
    const bool many = changes >= many_changes ||
                      (changes > 0 && now - known->second.at >= state.options.few_after);
    if (!is_known || many) out.insert(partition);
    const bool looked_at = out.count(partition) != 0;
    state.seen[partition] =
        looked_at ? typename State::Seen{head->last_modseq, now} : known->second;
  }
  return out;
}

template <class State>
net::Task<> update(State& state, PartitionId partition) {
  if (state.is_off(partition)) co_return;
  IndexRun what;
  what.partition = partition;
  auto updated = co_await update_index(state.world, state.signal, what);
  if (updated && !state.world.indexes->helpers().empty()) state.unread.insert(partition);
  if (updated) co_return;
  const Error& error = updated.error();
  if (error.code == Code::not_found || error.code == Code::in_use) co_return;
  state.off[partition] = Steady::now() + state.options.retry_after;
  state.world.indexes->metrics().failures.add();
  source.warn("account={} is searched without more index for {} s: {}", partition.value,
              state.options.retry_after.count(), error.detail);
}

// One account after the other, as long as there is nothing else to do.
template <class State>
net::Task<> read_attachments_until(State& state, Steady::time_point until) {
  while (!state.unread.empty() && state.signal.pending() == 0) {
    const auto now = Steady::now();
    if (now >= until || now < state.helpers_off) co_return;
    auto at = state.unread.upper_bound(state.read_last);
    if (at == state.unread.end()) at = state.unread.begin();
    const PartitionId partition = *at;
    state.read_last = partition;
    auto more = co_await read_some_attachments(state.world, partition);
    const bool busy = !more && more.error().code == Code::in_use;
    if (busy) co_return;
    if (!more || !*more) state.unread.erase(partition);
    const bool gone = !more && more.error().code == Code::not_found;
    if (more || gone) continue;
    // The next account would meet the same helper.
    state.helpers_off = Steady::now() + state.options.retry_after;
    source.warn("attachments are not read for {} s: {}", state.options.retry_after.count(),
                more.error().detail);
    state.unread.insert(partition);
  }
}

// Every account that is to have an index; indexes of accounts that are gone go.
template <class State>
net::Task<Result<>> pass(State& state) {
  ServerWorld& world = state.world;
  auto listing = [indexes = world.indexes] { return indexes->on_disk(); };
  auto on_disk = co_await net::run_on(world.batch, std::move(listing));
  CO_TRY(on_disk);
  const std::set<PartitionId> have(on_disk->begin(), on_disk->end());
  std::set<PartitionId> gone = have;
  AccountId after;
  for (;;) {
    auto lookup = [&directory = world.directory, after] { return directory.list(after); };
    auto page = co_await net::run_on(world.directory_pool, std::move(lookup));
    CO_TRY(page);
    if (page->empty()) break;
    for (const directory::Account& account : *page) {
      after = account.id;
      const PartitionId partition = account.partition();
      gone.erase(partition);
      if (state.signal.pending() != 0) co_return Result<>();
      if (world.cluster != nullptr && have.count(partition) == 0) continue;
      co_await update(state, partition);
    }
    world.store.shed();
    world.indexes->shed();
  }
  for (const PartitionId partition : gone) {
    search::TextIndexPtr index = world.indexes->find(partition);
    auto job = [index] { return index->drop(); };
    auto dropped = co_await net::run_on(world.batch, std::move(job));
    if (!dropped) source.warn("an index stays: {}", dropped.error().detail);
  }
  co_return Result<>();
}

}  // namespace

net::Task<> Indexer::run(std::shared_ptr<State> state) {
  auto pass_at = Steady::now() + state->options.look_every;
  for (;;) {
    const auto until = Steady::now() + state->options.look_every;
    const bool stopped = co_await state->signal.wait_until(until);
    if (stopped) co_return;
    const std::set<PartitionId> partitions = due(*state);
    for (const PartitionId partition : partitions) {
      if (state->signal.pending() != 0) co_return;
      co_await update(*state, partition);
    }
    co_await read_attachments_until(*state, until);
    state->world.indexes->shed();
    if (Steady::now() < pass_at) continue;
    pass_at = Steady::now() + state->options.pass_every;
    auto passed = co_await pass(*state);
    if (!passed) source.warn("not all indexes were looked at: {}", passed.error().detail);
  }
}

Indexer::Indexer(ServerWorld& world, IndexerOptions options)
    : state_(std::make_shared<State>(world, options)), handle_(state_->signal.handle()) {
  auto promise = std::make_shared<std::promise<void>>();  // kept by the coroutine's end
  ended_ = promise->get_future();
  net::spawn(state_->executor, run(state_), [promise] { promise->set_value(); });
}

void Indexer::stop() {
  if (!ended_.valid()) return;
  handle_.notify(1);
  ended_.get();
}

Indexer::~Indexer() {
  stop();
}

}  // namespace eilpost::server
