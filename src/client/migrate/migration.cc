#include "client/migrate/migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <optional>

#include "client/migrate/copy/mailbox_copy.h"
#include "client/migrate/extras.h"
#include "client/migrate/verify.h"

namespace eilpost::client {

namespace {

using std::chrono::seconds;

// Tries of one mailbox that end without a single message more.
constexpr int fruitless_max = 4;
// Tries that the server refuses, or does not take a connection for, without a word of how long to
// wait: some twenty minutes. Half a minute of them before anything is known of it.
constexpr int refused_max = 12;
constexpr int refused_at_first_max = 6;
// After so many fruitless ones each message is tried alone, and one that ends the connection so
// often is given up.
constexpr int careful_after = 2;
constexpr int message_tries_max = 2;
// So many of them one after the other, and it is no message.
constexpr int given_up_max = 5;
// So many mailboxes one after the other, and it is the server.
constexpr int hopeless_max = 3;
constexpr int cutover_passes_max = 10;

// Trying again would give the same answer, and may lock the account.
bool is_final(const Error& error) {
  switch (error.code) {
    case Code::auth_failed:
    case Code::authz_failed:
    case Code::expired:
    case Code::privacy_required:
    case Code::over_quota: return true;
    default: return false;
  }
}

}  // namespace

// One connection to each side.
struct Migration::Worker {
  std::optional<MailSource> source;
  std::optional<MailTarget> target;

  void drop_dead() {
    if (source && !source->is_alive()) source.reset();
    if (target && !target->is_alive()) target.reset();
  }
  Task<> close() {
    if (source) co_await source->close();
    if (target) co_await target->close();
    source.reset();
    target.reset();
  }
};

// What several workers have in common. Shared by them and by who waits for them.
struct Migration::Work {
  explicit Work(const net::Executor& executor) : ended(executor) {}
  std::deque<std::vector<size_t>> groups;  // mailboxes that have one target
  int running = 0;
  int hopeless = 0;            // mailboxes, one after the other, that ended without a connection
  std::optional<Error> final;  // nothing more can be done
  net::Signal ended;
};

Migration::Migration(MigrateEnds ends, MigrateContext& context)
    : ends_(std::move(ends)), context_(context), first_(std::make_unique<Worker>()) {
  report_.from = ends_.from;
  report_.to = ends_.to;
}

Migration::~Migration() = default;

Task<MigrateReport> Migration::run(MigratePhase phase) {
  const int64_t began = context_.clock.steady_micros();
  auto done = co_await prepare();
  if (done && phase != MigratePhase::verify) done = co_await count();
  const bool copies = phase == MigratePhase::copy || phase == MigratePhase::cutover;
  if (done && copies) done = co_await copy_all();
  for (int pass = 1; done && phase == MigratePhase::cutover && pass < cutover_passes_max; ++pass) {
    const MailboxReport sum = sum_of(report_);
    if (context_.ending()) break;
    done = co_await count();
    if (done) done = co_await copy_all();
    const MailboxReport after = sum_of(report_);
    if (after.copied == sum.copied && after.flags == sum.flags) break;
  }
  const bool verifies = phase != MigratePhase::plan && !context_.ending() &&
                        context_.options.verify != MigrateOptions::Verify::none;
  if (done && verifies) done = co_await verify_all();
  co_await first_->close();
  if (!done) report_.error = done.error().detail;
  report_.stopped = context_.stopping;
  report_.budget = context_.budget_used_up;
  report_.seconds = static_cast<double>(context_.clock.steady_micros() - began) / 1e6;
  co_return std::move(report_);
}

Task<Result<>> Migration::connect(Worker& worker) {
  if (!worker.source) {
    auto source = co_await ends_.source();
    if (!source) co_return wrap(std::move(source).error(), "source");
    worker.source = std::move(*source);
  }
  if (!worker.target) {
    auto target = co_await ends_.target();
    if (!target) co_return wrap(std::move(target).error(), "target");
    worker.target = std::move(*target);
  }
  co_return Result<>();
}

// --- plan ---

Task<Result<>> Migration::prepare() {
  Backoff backoff;
  int refused = 0;
  for (;;) {
    auto connected = co_await connect(*first_);
    if (connected) connected = co_await plan();
    if (connected) break;
    first_->drop_dead();
    const std::optional<Throttle> throttle = throttle_of(connected.error());
    if (!throttle || (throttle->wait_seconds == 0 && ++refused == refused_at_first_max)) {
      co_return connected;
    }
    const bool rested = co_await rest(connected.error(), backoff, "");
    if (!rested) co_return connected;
  }
  co_return Result<>();
}

Task<Result<>> Migration::plan() {
  auto source = co_await first_->source->names();
  CO_TRY(source);
  auto target = co_await first_->target->names();
  CO_TRY(target);
  context_.gmail = source->gmail;
  mailboxes_ = map_mailboxes(*source, *target, context_.options.mapping);
  const bool keywords = context_.options.labels == MigrateOptions::Labels::keywords;
  if (source->gmail && keywords) {
    // What has only labels is archived, and the labels are keywords.
    std::string archive;
    for (const MappedMailbox& mailbox : mailboxes_) {
      if (mailbox.source.special_use == "\\All") archive = mailbox.target;
    }
    for (MappedMailbox& mailbox : mailboxes_) {
      const bool own = !mailbox.source.special_use.empty() || mailbox.target == "INBOX";
      if (!archive.empty() && !own && !mailbox.target.empty()) mailbox.target = archive;
    }
    std::stable_sort(mailboxes_.begin(), mailboxes_.end(),
                     [&](const MappedMailbox& a, const MappedMailbox& b) {
                       return a.target != archive && b.target == archive;
                     });
  }
  report_.mailboxes.clear();
  for (const MappedMailbox& mailbox : mailboxes_) {
    MailboxReport report;
    report.source = mailbox.source.name;
    report.target = mailbox.target;
    report.left_out = mailbox.left_out;
    report_.mailboxes.push_back(std::move(report));
  }
  co_return Result<>();
}

// How much there is to do, for the plan and for the time that is left.
Task<Result<>> Migration::count() {
  peeked_.assign(mailboxes_.size(), SourceMailbox());
  context_.progress.total = context_.progress.done;
  for (size_t i = 0; i < mailboxes_.size(); ++i) {
    if (!mailboxes_[i].left_out.empty() || context_.stopping) continue;
    auto connected = co_await connect(*first_);
    CO_TRY(connected);
    auto told = co_await first_->source->peek(mailboxes_[i].source.name);
    if (!told) {
      first_->drop_dead();
      if (!first_->source) co_return tl::unexpected(std::move(told).error());
      continue;  // opening it tells why
    }
    peeked_[i] = *told;
    auto find = [this, i]() -> Result<LedgerTotals> {
      const auto known = TRY(context_.ledger.known(mailboxes_[i].source.name));
      return known ? context_.ledger.totals(*known) : LedgerTotals();
    };
    auto before = co_await net::run_on(context_.pool, std::move(find));
    CO_TRY(before);
    MailboxReport& report = report_.mailboxes[i];
    report.in_source = told->messages;
    report.before = before->copied;
    const uint64_t known = std::min<uint64_t>(before->copied, told->messages);
    context_.progress.total += told->messages - known;
  }
  auto octets = [this] { return context_.ledger.octets_on(context_.day()); };
  auto used = co_await net::run_on(context_.pool, std::move(octets));
  CO_TRY(used);
  context_.day_octets = *used;
  const uint64_t limit = context_.options.octets_per_day;
  context_.budget_used_up = limit > 0 && *used >= limit;
  co_return Result<>();
}

// --- copying ---

Task<Result<>> Migration::copy_all() {
  std::vector<size_t> ordinary;
  std::vector<size_t> last;
  for (size_t i = 0; i < mailboxes_.size(); ++i) {
    if (!mailboxes_[i].left_out.empty()) continue;
    (mailboxes_[i].source.special_use == "\\All" ? last : ordinary).push_back(i);
  }
  // A message that is to be in one place only needs one hand.
  const bool single = context_.gmail && context_.options.labels == MigrateOptions::Labels::keywords;
  const int workers = single ? 1 : context_.options.connections;
  auto done = co_await work_on(std::move(ordinary), workers);
  CO_TRY(done);
  auto rest = co_await work_on(std::move(last), 1);
  co_return rest;
}

Task<Result<>> Migration::work_on(std::vector<size_t> mailboxes, int workers) {
  auto executor = co_await net::this_executor();
  auto work = std::make_shared<Work>(executor);
  std::map<std::string, std::vector<size_t>> by_target;
  for (const size_t i : mailboxes) by_target[mailboxes_[i].target].push_back(i);
  for (const size_t i : mailboxes) {
    auto group = by_target.find(mailboxes_[i].target);
    if (group == by_target.end()) continue;
    work->groups.push_back(std::move(group->second));
    by_target.erase(group);
  }
  // A connection is worth its while for more than one group only.
  workers = std::min(workers, static_cast<int>(work->groups.size()));
  for (int i = 0; i < workers; ++i) {
    ++work->running;
    net::spawn(executor, worker(this, work, i == 0));
  }
  while (work->running > 0) {
    co_await work->ended.wait_until(net::no_deadline);
    work->ended.take();
  }
  if (work->final) co_return tl::unexpected(*work->final);
  co_return Result<>();
}

Task<> Migration::worker(Migration* migration, std::shared_ptr<Work> work, bool first) {
  Worker own;
  Worker& hands = first ? *migration->first_ : own;
  while (!work->groups.empty() && !work->final && !migration->context_.ending()) {
    if (!(hands.source && hands.target)) {
      auto connected = co_await migration->connect(hands);
      if (!connected && first) work->final = connected.error();
      // So many connections are not to be had: the others go on.
      if (!connected || work->groups.empty()) break;
    }
    const std::vector<size_t> group = work->groups.front();
    work->groups.pop_front();
    for (const size_t index : group) {
      const bool more = co_await migration->copy_mailbox(hands, index);
      work->hopeless = hands.source && hands.target ? 0 : work->hopeless + 1;
      if (more && work->hopeless < hopeless_max) continue;
      work->final = Error{Code::unavailable, migration->report_.mailboxes[index].error};
      break;
    }
  }
  if (!first) co_await own.close();
  --work->running;
  work->ended.notify();
}

// Until it is through, or trying again does not help. False: nor would it for another mailbox.
Task<bool> Migration::copy_mailbox(Worker& worker, size_t index) {
  MailboxReport& report = report_.mailboxes[index];
  CopyTries tries;
  Backoff backoff;
  int fruitless = 0;
  int refused = 0;
  int given_up = 0;
  for (;;) {
    const uint64_t before = report.copied + report.found + report.linked;
    auto done = co_await try_mailbox(worker, index, tries);
    if (done) {
      report.error.clear();
      co_return true;
    }
    report.error = done.error().detail;
    if (context_.stopping) co_return true;
    if (is_final(done.error())) co_return false;
    worker.drop_dead();
    const std::optional<Throttle> throttle = throttle_of(done.error());
    // It is about this mailbox and not about the connection.
    if (worker.source && worker.target && !throttle) co_return true;
    if (report.copied + report.found + report.linked > before) {
      fruitless = 0;
      refused = 0;
      given_up = 0;
      backoff.succeeded();
    } else if (!throttle) {
      ++fruitless;
    } else if (throttle->wait_seconds == 0) {
      ++refused;
    }
    if (tries.careful && tries.in_hand != 0) {
      if (++tries.failures[tries.in_hand] >= message_tries_max) {
        tries.given_up[tries.in_hand] = "each try ends the connection: " + report.error;
        fruitless = 0;
        ++given_up;
        backoff.succeeded();
      }
      tries.in_hand = 0;
    }
    tries.careful = tries.careful || fruitless >= careful_after;
    const bool enough = fruitless >= fruitless_max || refused >= refused_max;
    if (enough || given_up >= given_up_max) co_return true;
    const bool rested = co_await rest(done.error(), backoff, report.source);
    if (!rested) co_return true;
  }
}

// False: it would be too long, or the user wants an end.
Task<bool> Migration::rest(const Error& error, Backoff& backoff, const std::string& mailbox) {
  const Throttle throttle = throttle_of(error).value_or(Throttle());
  if (throttle.daily) {
    context_.budget_used_up = true;
    co_return false;
  }
  const int64_t wait = backoff.next(throttle);
  context_.progress.mailbox = mailbox;
  context_.progress.waiting = fmt::format("{}; trying again in {} s", error.detail, wait);
  context_.show(context_.progress);
  const net::Deadline until = net::after(seconds(wait));
  co_await context_.stop.wait_until(until);
  context_.progress.waiting.clear();
  co_return !context_.stopping;
}

Task<Result<>> Migration::try_mailbox(Worker& worker, size_t index, CopyTries& tries) {
  auto connected = co_await connect(worker);
  CO_TRY(connected);
  context_.progress.mailbox = mailboxes_[index].source.name;
  MailboxCopy copy(context_, *worker.source, *worker.target, mailboxes_[index],
                   report_.mailboxes[index], tries);
  auto done = co_await copy.run(peeked_[index]);
  CO_TRY(done);
  if (report_.mailboxes[index].unchanged || context_.ending()) co_return Result<>();
  auto rest = co_await carry_extras(context_.options, *worker.source, *worker.target,
                                    mailboxes_[index], report_.mailboxes[index]);
  co_return rest;
}

// --- comparing ---

Task<Result<>> Migration::verify_all() {
  for (size_t i = 0; i < mailboxes_.size(); ++i) {
    MailboxReport& report = report_.mailboxes[i];
    if (!report.left_out.empty() || !report.error.empty() || context_.stopping) continue;
    auto connected = co_await connect(*first_);
    CO_TRY(connected);
    auto done = co_await verify_mailbox(context_, *first_->target, mailboxes_[i], report);
    if (done) continue;
    report.error = "not compared: " + done.error().detail;
    first_->drop_dead();
  }
  co_return Result<>();
}

}  // namespace eilpost::client
