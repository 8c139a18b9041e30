// eilpost store copy: every account from one engine to another, some at a time. It runs where the
// source is: in its server, which serves meanwhile, or in the process of the command when no server
// has it. An account comes to light at the target when it is complete, and is closed for writing at
// the source from just before that.

#include <atomic>
#include <mutex>
#include <thread>

#include "directory/account_rows.h"
#include "directory/transfer.h"
#include "main/admin/admin.h"
#include "main/progress.h"
#include "store/transfer/transfer.h"
#include "store/transfer/transfer_ledger.h"

namespace eilpost {

namespace {

constexpr size_t threads_max = 4;
constexpr uint64_t target_memory_bytes = 64ULL * 1024 * 1024;
// A node of the source's cluster whose last beat is older counts as gone.
constexpr int64_t silent_micros = 60'000'000;

struct Totals {
  uint64_t accounts = 0;  // complete
  uint64_t unchanged = 0;
  uint64_t moving = 0;  // changed all the time
  uint64_t failed = 0;
  uint64_t messages = 0;  // blobs
  uint64_t octets = 0;
  uint64_t rows = 0;
};

class StoreCopyRun {
 public:
  StoreCopyRun(AdminContext& context, const StoreCopy& command, engine::Engine& to)
      : context_(context),
        command_(command),
        engines_{context.node.gate(), to},
        progress_(context.output, context.world().clock) {}

  Result<> run();
  void print_summary();
  bool failed() const { return totals_.failed > 0 || totals_.moving > 0; }

 private:
  Result<> prepare();
  Result<> choose();
  void work();
  Result<> copy(const directory::Account& who);
  Result<> copy_mail(const directory::Account& who, store::TransferEntry& entry);
  Result<bool> is_done(const directory::Account& who, const store::TransferEntry& entry);
  Result<> hand_over(const directory::Account& who, store::Transfer& transfer,
                     store::TransferEntry& entry);
  bool show(const std::string& name);
  void count(const store::TransferCounts& counts);
  void complain(const std::string& name, const std::string& what);

  AdminContext& context_;
  const StoreCopy& command_;
  directory::TransferEngines engines_;
  std::string source_store_;
  std::vector<directory::Account> accounts_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // of what follows
  Progress progress_;
  Totals totals_;
  bool stopped_ = false;
};

// Waits for what was being committed when the partition was closed.
void settle(engine::Gate& gate, PartitionId partition) {
  gate.close_partition(partition);
  // An engine decides the commits of a partition in their order, so behind this one, which can only
  // lose, none is left.
  (void)engine::commit_wait(gate.inner(), partition, UINT64_MAX, {});
}

bool StoreCopyRun::show(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const uint64_t done = totals_.accounts + totals_.unchanged + totals_.failed + totals_.moving;
  stopped_ = stopped_ || !progress_.show("accounts, " + name, done, accounts_.size());
  return !stopped_;
}

void StoreCopyRun::count(const store::TransferCounts& counts) {
  const std::lock_guard lock(mutex_);
  totals_.messages += counts.blobs;
  totals_.octets += counts.octets;
  totals_.rows += counts.rows_written;
}

void StoreCopyRun::complain(const std::string& name, const std::string& what) {
  const std::lock_guard lock(mutex_);
  progress_.finish();
  context_.output.error("eilpost: {}: {}\n", name, what);
}

Result<> StoreCopyRun::choose() {
  for (const std::string& name : command_.accounts) {
    auto who = context_.resolve(name);
    if (!who) return wrap(std::move(who).error(), name);
    accounts_.push_back(std::move(*who));
  }
  if (!command_.accounts.empty()) return {};
  return for_each_account(context_.node.accounts(), [&](const directory::Account& who) {
    accounts_.push_back(who);
    return true;
  });
}

// Whoever else serves the source would go on writing to what is handed over.
Result<> expect_alone(Node& node) {
  if (node.cluster() == nullptr) return {};
  const auto state = TRY(store::read_cluster(node.gate()));
  const int64_t now = node.world().clock.now().micros;
  for (const store::NodeRow& other : state.nodes) {
    if (other.name == node.cluster()->name() || now - other.beat.micros > silent_micros) continue;
    return fail(Code::in_use, "node " + other.name + " serves the source: stop it first");
  }
  return {};
}

Result<> StoreCopyRun::prepare() {
  if (command_.final) TRY(expect_alone(context_.node));
  source_store_ = TRY(directory::store_identity(engines_.from));
  TRY(directory::reserve_ids(engines_));
  // No account is added, removed or changed from here on; logins go on.
  if (command_.final && command_.accounts.empty()) {
    settle(context_.node.gate(), directory::directory_partition);
  }
  return choose();
}

// Nothing has changed since it was last copied.
Result<bool> StoreCopyRun::is_done(const directory::Account& who,
                                   const store::TransferEntry& entry) {
  const auto source = TRY(engine::head_wait(engines_.from, who.partition()));
  const auto target = TRY(engine::head_wait(engines_.to, who.partition()));
  if (entry.finished && target != entry.target) {
    if (source == entry.source) return true;
    return fail(Code::in_use, "is in use at the target and has changed at the source");
  }
  if (source != entry.source || target != entry.target) return false;
  return entry.finished || !command_.final;
}

Result<> StoreCopyRun::hand_over(const directory::Account& who, store::Transfer& transfer,
                                 store::TransferEntry& entry) {
  const PartitionId rows = directory::account_rows_partition(who.id);
  settle(context_.node.gate(), rows);
  TRY(directory::copy_account_rows(engines_.from, engines_.to, who.id));
  entry.target = TRY(transfer.finish());
  entry.finished = true;
  // The entry first: an account that is there and not known to be is taken for somebody else's.
  TRY(store::write_transfer(engines_.to, who.partition(), entry));
  return directory::copy_account(engines_, who.id);
}

Result<> StoreCopyRun::copy_mail(const directory::Account& who, store::TransferEntry& entry) {
  store::TransferOptions options;
  options.progress = [&](const store::TransferCounts&) { return show(who.login_name); };
  store::Transfer transfer({engines_.from, engines_.to}, who.partition(), context_.world().clock,
                           options);
  auto copied = transfer.run();
  if (copied) count(copied->counts);
  if (copied && command_.final) {
    const uint64_t before = copied->counts.blobs;
    settle(context_.node.gate(), who.partition());
    copied = transfer.run();
    if (copied) count({0, 0, copied->counts.blobs - before, 0});
  }
  // An account may be in the directory before its first mail or login.
  const bool empty = !copied && copied.error().code == Code::not_found;
  if (!copied && !empty) return tl::unexpected(std::move(copied).error());
  entry.source = empty ? 0 : copied->source;
  entry.target = empty ? 0 : copied->target;
  if (!empty && entry.source == 0) return fail(Code::conflict, "changes all the time");
  const auto now = TRY(engine::head_wait(engines_.from, who.partition()));
  if (command_.final && now != entry.source) return fail(Code::conflict, "changes all the time");
  return command_.final ? hand_over(who, transfer, entry)
                        : store::write_transfer(engines_.to, who.partition(), entry);
}

Result<> StoreCopyRun::copy(const directory::Account& who) {
  const auto known = TRY(store::read_transfer(engines_.to, who.partition()));
  if (known && known->source_store != source_store_) {
    return fail(Code::already_exists, "the target has this account from another store");
  }
  if (known) {
    if (TRY(is_done(who, *known))) {
      // A crash may have come between the two steps of the handing over.
      if (known->finished && command_.final) TRY(directory::copy_account(engines_, who.id));
      const std::lock_guard lock(mutex_);
      ++totals_.unchanged;
      return {};
    }
  } else if (TRY(directory::has_account(engines_.to, who.id)) ||
             TRY(engine::head_wait(engines_.to, who.partition())) != 0) {
    // The rows of an account that was begun are known by their entry, which comes first.
    return fail(Code::already_exists, "the target has an account of this number");
  }
  TRY(directory::check_free(engines_, who.id));
  store::TransferEntry entry;
  entry.source_store = source_store_;
  if (!known) TRY(store::write_transfer(engines_.to, who.partition(), entry));
  TRY(copy_mail(who, entry));
  const std::lock_guard lock(mutex_);
  ++totals_.accounts;
  return {};
}

void StoreCopyRun::work() {
  for (size_t i = next_++; i < accounts_.size(); i = next_++) {
    const directory::Account& who = accounts_[i];
    if (!show(who.login_name)) return;
    const auto done = copy(who);
    if (done) continue;
    // It goes on where it was.
    if (command_.final) {
      context_.node.gate().open_partition(who.partition());
      context_.node.gate().open_partition(directory::account_rows_partition(who.id));
    }
    if (done.error().code == Code::cancelled) return;
    const bool moving = done.error().code == Code::conflict;
    complain(who.login_name, done.error().detail);
    const std::lock_guard lock(mutex_);
    ++(moving ? totals_.moving : totals_.failed);
  }
}

Result<> StoreCopyRun::run() {
  auto prepared = prepare();
  if (prepared) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min(threads_max, accounts_.size()); ++i) {
      threads.emplace_back([this] { work(); });
    }
    for (std::thread& thread : threads) thread.join();
    progress_.finish();
    if (stopped_) prepared = fail(Code::cancelled, "stopped; a further run goes on from here");
  }
  if (command_.final && (!prepared || failed())) {
    context_.node.gate().open_partition(directory::directory_partition);
  }
  return prepared;
}

void StoreCopyRun::print_summary() {
  Output& output = context_.output;
  output.print(
      "{} of {} accounts copied and compared, {} unchanged: {} rows, {} messages and "
      "digests, {} octets\n",
      totals_.accounts, accounts_.size(), totals_.unchanged, totals_.rows, totals_.messages,
      totals_.octets);
  if (failed()) {
    output.print("{} failed, {} changed all the time: run it again\n", totals_.failed,
                 totals_.moving);
  } else if (command_.final) {
    output.print("handed over: stop the server of the source and start those of the target\n");
  } else {
    output.print("copied ahead: the source stays in use; --final hands the accounts over\n");
  }
}

Result<Config> target_config(AdminContext& context, const StoreCopy& command) {
  const std::string file = context.path(command.to);
  auto read = TRY(read_config(file));
  for (const ConfigProblem& problem : read.problems) {
    context.output.error("{}\n", print_problem(file, problem));
  }
  if (!read.problems.empty()) return fail(Code::invalid, file + " cannot be used");
  if (read.config.engine == EngineKind::memory) {
    return fail(Code::cannot, "engine = \"memory\" keeps nothing");
  }
  if (describe_store(read.config) == describe_store(context.node.config())) {
    return fail(Code::cannot, "source and target are the same store");
  }
  if (read.config.engine == EngineKind::rocksdb) TRY(make_directory(read.config.data_dir));
  return std::move(read.config);
}

}  // namespace

int run_store_copy(AdminContext& context, const StoreCopy& command) {
  const auto config = target_config(context, command);
  if (!config) return context.failed("store copy", config.error());
  const SystemClock clock;
  Metrics metrics;
  auto target = open_engine(*config, {clock, metrics, target_memory_bytes});
  if (!target) return context.failed("store copy, target", target.error());
  StoreCopyRun run(context, command, *target->gate);
  const auto done = run.run();
  if (done) run.print_summary();
  target->gate->close();
  if (!done) return context.failed("store copy", done.error());
  return run.failed() ? 1 : 0;
}

}  // namespace eilpost
