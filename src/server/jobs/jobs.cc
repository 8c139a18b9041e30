#include "server/jobs/jobs.h"

#include <atomic>

#include "base/log.h"
#include "server/jobs/maintain.h"
#include "server/jobs/orphans.h"

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
  std::atomic<bool> stopping{false};  // for jobs on the batch pool
};

namespace {

net::Task<> maintain(ServerWorld& world, const net::Signal& signal) {
  auto done = co_await maintain_all(world, signal);
  if (!done) {
    source.error("maintenance: {}", done.error().detail);
    co_return;
  }
  if (done->purged > 0) source.info("purged messages={}", done->purged);
  world.metrics.counter("eilpost_purged_total", "messages removed for good")
      .add(static_cast<double>(done->purged));
}

net::Task<> sweep(ServerWorld& world, std::function<bool()> stop) {
  SweepOptions options;
  options.now = world.clock.now();
  options.seed = world.random.next();
  options.stop = std::move(stop);
  auto job = [&engine = world.engine, options] { return sweep_orphans(engine, options); };
  auto swept = co_await net::run_on(world.batch, std::move(job));
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

}  // namespace

net::Task<> Jobs::run(std::shared_ptr<State> state) {
  using Clock = std::chrono::steady_clock;
  ServerWorld& world = state->world;
  const JobOptions& options = state->options;
  auto stop = [raw = state.get()] { return raw->stopping.load(); };
  auto maintain_at = Clock::now() + options.minute;
  auto sweep_at = Clock::now() + options.maintain_every;
  for (;;) {
    const bool stopped = co_await state->signal.wait_until(Clock::now() + options.minute);
    if (stopped) co_return;
    co_await call(world, options.every_minute);
    std::function<void()> shed = [&store = world.store] { store.shed(); };
    co_await call(world, shed);
    if (Clock::now() >= maintain_at) {
      maintain_at = Clock::now() + options.maintain_every;
      co_await call(world, options.every_hour);
      co_await maintain(world, state->signal);
    }
    if (Clock::now() >= sweep_at && !state->stopping) {
      sweep_at = Clock::now() + options.sweep_every;
      std::function<bool()> asked = stop;
      co_await sweep(world, asked);
    }
  }
}

Jobs::Jobs(ServerWorld& world, JobOptions options)
    : state_(std::make_shared<State>(world, std::move(options))), handle_(state_->signal.handle()) {
  auto promise = std::make_shared<std::promise<void>>();  // kept by the coroutine's end
  ended_ = promise->get_future();
  net::spawn(state_->executor, run(state_), [promise] { promise->set_value(); });
}

void Jobs::stop() {
  if (!ended_.valid()) return;
  state_->stopping = true;
  handle_.notify(1);
  ended_.get();
}

Jobs::~Jobs() {
  stop();
}

}  // namespace eilpost::server
