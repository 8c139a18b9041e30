#include "server/jobs/maintain.h"

#include "base/log.h"
#include "store/mutations.h"

namespace eilpost::server {

namespace {

const log::Source source{"jobs", ""};
const store::Author author{"maintain", "system"};
constexpr int64_t day_seconds = 86'400;

struct Horizons {
  int64_t purge_before_seconds = 0;
  int64_t log_before_micros = 0;
};

Horizons horizons(const ServerWorld& world) {
  const SettingsPtr settings = world.settings.get();
  const Timestamp now = world.clock.now();
  Horizons out;
  out.purge_before_seconds = now.seconds() - settings->recoverable_days * day_seconds;
  out.log_before_micros = now.micros - settings->log_days * day_seconds * 1'000'000;
  return out;
}

net::Task<Result<bool>> purge_step(store::AccountPtr account, int64_t before, Maintained& done) {
  engine::Engine& engine = account->engine();
  std::function<Result<store::PurgeResult>(store::Tx&)> apply = [&engine, before](store::Tx& tx) {
    return store::purge(tx, engine, before);
  };
  auto start = [&](std::function<void(Result<store::PurgeResult>)> call) {
    account->mutate<store::PurgeResult>(author, apply, std::move(call));
  };
  auto purged = co_await net::await_callback<Result<store::PurgeResult>>(start);
  CO_TRY(purged);
  done.purged += purged->messages;
  done.commits += 1;
  co_return purged->more;
}

net::Task<Result<bool>> trim_step(store::AccountPtr account, int64_t before, Maintained& done) {
  std::function<Result<bool>(store::Tx&)> apply = [before](store::Tx& tx) {
    return store::trim_log(tx, before);
  };
  auto start = [&](std::function<void(Result<bool>)> call) {
    account->mutate<bool>(author, apply, std::move(call));
  };
  auto trimmed = co_await net::await_callback<Result<bool>>(start);
  CO_TRY(trimmed);
  done.commits += 1;
  co_return *trimmed;
}

// A trim leaves a log row of its own: it waits until it has a day's worth to take away, so that
// idle accounts are not written to every hour for ever.
net::Task<Result<bool>> has_old_log(ServerWorld& world, store::AccountPtr account, int64_t before) {
  auto job = [account] { return account->read_log(ModSeq(0), 1); };
  auto oldest = co_await net::run_on(world.disk, std::move(job));
  CO_TRY(oldest);
  co_return !oldest->empty() && oldest->front().micros < before - day_seconds * 1'000'000;
}

}  // namespace

net::Task<Result<Maintained>> maintain_account(ServerWorld& world, PartitionId partition) {
  const Horizons until = horizons(world);
  store::AccountPtr account = world.store.account(partition);
  auto refresh = [&](auto done) { account->refresh(std::move(done)); };
  auto refreshed = co_await net::await_callback<Result<>>(refresh);
  CO_TRY(refreshed);
  Maintained done;
  for (bool more = true; more;) {
    auto purged = co_await purge_step(account, until.purge_before_seconds, done);
    CO_TRY(purged);
    more = *purged;
  }
  auto trims = co_await has_old_log(world, account, until.log_before_micros);
  CO_TRY(trims);
  const auto head = account->head();
  for (bool more = *trims || (head && store::log_too_long(*head)); more;) {
    auto trimmed = co_await trim_step(account, until.log_before_micros, done);
    CO_TRY(trimmed);
    more = *trimmed;
  }
  co_return done;
}

net::Task<Result<Maintained>> maintain_all(ServerWorld& world, const net::Signal& stop,
                                           Share share) {
  Maintained total;
  AccountId after;
  for (;;) {
    auto lookup = [&directory = world.directory, after] { return directory.list(after); };
    auto page = co_await net::run_on(world.directory_pool, std::move(lookup));
    CO_TRY(page);
    total.complete = page->empty();
    if (total.complete) co_return total;
    for (const directory::Account& account : *page) {
      after = account.id;
      if (stop.pending() != 0 || !still_ours(world)) co_return total;
      if (!share.wants(account.id)) continue;
      auto done = co_await maintain_account(world, account.partition());
      if (!done && done.error().code != Code::not_found) {
        source.error("account={}: {}", account.id.value, done.error().detail);
      }
      if (!done) continue;
      total.purged += done->purged;
      total.commits += done->commits;
    }
    // What was loaded only to be looked at goes again.
    world.store.shed();
  }
}

}  // namespace eilpost::server
