#include "server/jobs/jobs.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>

#include "base/log.h"
#include "server/jobs/maintain.h"
#include "server/jobs/orphans.h"
#include "server/jobs/share.h"

namespace eilpost::server {

namespace {

const log::Source source{"jobs", ""};

}  // namespace

struct Jobs::State {
  State(ServerWorld& w, JobOptions o)
      : world(w), options(std::move(o)), executor(w.io.next()), signal(executor) {}

  ServerWorld& world;
  JobOptions options;
  net::Executor executor;
  net::Signal signal;
  net::Signal tick_signal{executor};
  std::atomic<bool> stopping{false};  // for jobs on the batch pool
};

namespace {

int64_t micros_of(std::chrono::seconds time) {
  return std::chrono::microseconds(time).count();
}

net::Task<> maintain(ServerWorld& world, const net::Signal& signal, std::chrono::seconds every) {
  store::JobRhythm rhythm;
  rhythm.job = "maintain";
  rhythm.every_micros = micros_of(every);
  auto share = co_await take_share(world, rhythm);
  if (!share) co_return;
  auto done = co_await maintain_all(world, signal, *share);
  ShareEnd end;
  end.job = rhythm.job;
  end.done = done && done->complete;
  co_await give_back(world, *share, end);
  if (!done) {
    source.error("maintenance: {}", done.error().detail);
    co_return;
  }
  if (done->purged > 0) source.info("purged messages={}", done->purged);
  world.metrics.counter("eilpost_purged_total", "messages removed for good")
      .add(static_cast<double>(done->purged));
}

// Clocks of live nodes may differ by so much for a sweep, which judges blobs by when they were
// staged, by whichever node.
constexpr int64_t sweep_skew_micros = 3'600'000'000;

// The least of the live nodes' times; nothing: their clocks differ too much.
std::optional<Timestamp> sweep_time(const ServerWorld& world) {
  const Timestamp own = world.clock.now();
  if (world.cluster == nullptr) return own;
  Timestamp least = own;
  for (const store::NodeStatus& node : world.cluster->nodes()) {
    if (!node.alive || node.row.name == world.cluster->name()) continue;
    const int64_t off = node.row.beat.micros - own.micros;
    if (std::abs(off) > sweep_skew_micros) {
      source.warn("no sweep of blobs: the clocks of node {} and this one differ by {} s",
                  node.row.name, off / 1'000'000);
      return std::nullopt;
    }
    least.micros = std::min(least.micros, node.row.beat.micros);
  }
  return least;
}

net::Task<> sweep(ServerWorld& world, std::function<bool()> stop, std::chrono::seconds every) {
  const std::optional<Timestamp> now = sweep_time(world);
  if (!now) co_return;
  store::JobRhythm rhythm;
  rhythm.job = "sweep";
  rhythm.every_micros = micros_of(every);
  rhythm.buckets = 1;
  auto share = co_await take_share(world, rhythm);
  if (!share) co_return;
  SweepOptions options;
  options.now = *now;
  options.seed = world.random.next();
  options.stop = std::move(stop);
  auto job = [&engine = world.engine, options] { return sweep_orphans(engine, options); };
  auto swept = co_await net::run_on(world.batch, std::move(job));
  ShareEnd end;
  end.job = rhythm.job;
  end.done = swept.has_value();
  co_await give_back(world, *share, end);
  if (!swept) {
    source.warn("sweep of blobs: {}", swept.error().detail);
    co_return;
  }
  if (swept->removed > 0 || swept->doubtful > 0) {
    source.info("swept blobs={} removed={} doubtful={}", swept->blobs, swept->removed,
                swept->doubtful);
  }
  world.metrics.counter("eilpost_orphans_removed_total", "blobs that nobody named")
      .add(static_cast<double>(swept->removed));
}

net::Task<> call(ServerWorld& world, std::function<void()> job) {
  if (!job) co_return;
  auto done = co_await net::run_on(world.batch, std::move(job));
  if (!done) source.warn("a job was not run: {}", done.error().detail);
}

net::Task<> purge_removed(ServerWorld& world, const JobOptions& options) {
  store::JobRhythm rhythm;
  rhythm.job = "remove";
  rhythm.every_micros = micros_of(options.maintain_every);
  rhythm.buckets = 1;
  auto share = co_await take_share(world, rhythm);
  if (!share) co_return;
  co_await call(world, options.purge_removed);
  ShareEnd end;
  end.job = rhythm.job;
  end.done = true;
  co_await give_back(world, *share, end);
}

}  // namespace

net::Task<> Jobs::run(std::shared_ptr<State> state) {
  using Clock = std::chrono::steady_clock;
  ServerWorld& world = state->world;
  const JobOptions& options = state->options;
  auto stop = [raw = state.get()] { return raw->stopping || !still_ours(raw->world); };
  // With others it is looked more often whether something is due that its node has left undone.
  const int looks = world.cluster == nullptr ? 1 : 6;
  auto maintain_at = Clock::now() + options.minute;
  auto sweep_at = Clock::now() + options.maintain_every;
  for (;;) {
    const bool stopped = co_await state->signal.wait_until(Clock::now() + options.minute);
    if (stopped) co_return;
    co_await call(world, options.every_minute);
    std::function<void()> shed = [&store = world.store] { store.shed(); };
    co_await call(world, shed);
    if (Clock::now() >= maintain_at) {
      maintain_at = Clock::now() + options.maintain_every / looks;
      co_await purge_removed(world, options);
      co_await maintain(world, state->signal, options.maintain_every);
    }
    if (Clock::now() >= sweep_at && !state->stopping) {
      sweep_at = Clock::now() + options.sweep_every / looks;
      std::function<bool()> asked = stop;
      co_await sweep(world, asked, options.sweep_every);
    }
  }
}

// Apart from run(), whose steps may take long.
net::Task<> Jobs::tick(std::shared_ptr<State> state) {
  constexpr std::chrono::seconds every{1};
  for (;;) {
    const net::Deadline until = net::after(every);
    const bool stopped = co_await state->tick_signal.wait_until(until);
    if (stopped) co_return;
    std::function<void()> ticks = [&store = state->world.store] { store.tick(); };
    co_await call(state->world, ticks);
  }
}

Jobs::Jobs(ServerWorld& world, JobOptions options)
    : state_(std::make_shared<State>(world, std::move(options))),
      handles_{state_->signal.handle(), state_->tick_signal.handle()} {
  auto promise = std::make_shared<std::promise<void>>();  // kept by the coroutine's end
  ended_ = promise->get_future();
  net::spawn(state_->executor, run(state_), [promise] { promise->set_value(); });
  auto ticks = std::make_shared<std::promise<void>>();  // likewise
  ticks_ended_ = ticks->get_future();
  net::spawn(state_->executor, tick(state_), [ticks] { ticks->set_value(); });
}

void Jobs::stop() {
  if (!ended_.valid()) return;
  state_->stopping = true;
  for (const net::Signal::Handle& handle : handles_) handle.notify(1);
  ended_.get();
  ticks_ended_.get();
}

Jobs::~Jobs() {
  stop();
}

}  // namespace eilpost::server
