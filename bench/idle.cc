// Thousands of TLS sessions in IDLE: what each costs the server in memory, and how soon a delivery
// reaches the sessions of its account.
#include <fmt/format.h>

#include <algorithm>

#include "bench/message.h"
#include "bench/process_tree.h"
#include "bench/workloads.h"
#include "net/signal.h"

namespace eilpost::bench {

namespace {

struct Delivered {
  SteadyTime sent;          // before its MAIL FROM
  SteadyTime acknowledged;  // 250
  bool good = false;
};
struct Pushed {
  int account;
  size_t index;  // into the account's deliveries
  SteadyTime at;
};
struct Watcher {
  explicit Watcher(const net::Executor& executor) : stop(executor) {}
  int account = 0;
  std::unique_ptr<ImapClient> client;
  net::Signal stop;
  uint32_t base = 0;  // messages when IDLE began
  uint32_t told = 0;  // deliveries that were pushed
};
struct Idling {
  World& world;
  IdleOptions options;
  std::vector<std::unique_ptr<Watcher>> watchers;
  std::vector<std::vector<Delivered>> deliveries;  // by account
  std::vector<Pushed> pushes;
  std::string message;
  SteadyTime begin;
  size_t next = 0;  // delivery to be made
  Latencies late;   // behind the schedule
};

constexpr uint16_t sessions_per_source = 500;

Task<Result<>> open_watcher(Idling& run, Watcher& watcher, size_t number) {
  ImapOptions options;
  options.account = watcher.account;
  options.tls = true;
  options.source = static_cast<uint16_t>(2 + number / sessions_per_source);
  auto client = co_await ImapClient::login(run.world.target, options);
  CO_TRY(client);
  watcher.client = std::move(*client);
  if (run.options.compress) {
    auto compressed = co_await watcher.client->compress();
    CO_TRY(compressed);
  }
  const std::string inbox = "INBOX";
  auto selected = co_await select_folder(*watcher.client, inbox);
  CO_TRY(selected);
  auto idling = co_await watcher.client->idle_begin();
  CO_TRY(idling);
  watcher.base = watcher.client->exists();
  co_return Result<>();
}

Task<> open_some(Idling& run, size_t first, size_t step) {
  for (size_t i = first; i < run.watchers.size(); i += step) {
    auto opened = co_await open_watcher(run, *run.watchers[i], i);
    if (opened) continue;
    run.world.problems.add(opened.error().detail);
    co_return;
  }
}

Task<> watch(Idling& run, Watcher& watcher) {
  for (;;) {
    const auto wake =
        co_await watcher.client->stream().wait_readable_or_signal(watcher.stop, net::no_deadline);
    if (wake == net::Wake::signalled) break;
    if (wake == net::Wake::closed) {
      run.world.problems.add("an idle session was closed");
      co_return;
    }
    auto response = co_await watcher.client->next_response(net::after(std::chrono::seconds(30)));
    if (!response) {
      run.world.problems.add(response.error().detail);
      co_return;
    }
    const auto* exists = std::get_if<imap::ExistsData>(&*response);
    const SteadyTime at = now();
    while (exists != nullptr && watcher.base + watcher.told < exists->count) {
      run.pushes.push_back({watcher.account, watcher.told++, at});
    }
  }
  auto ended = co_await watcher.client->idle_end();
  if (!ended) run.world.problems.add(ended.error().detail);
}

// One LMTP connection; each delivery is made at its time in the schedule or, when the server is
// behind, at once.
Task<> deliver_some(Idling& run, size_t count) {
  auto client = co_await LmtpClient::connect(run.world.target);
  if (!client) {
    run.world.problems.add(client.error().detail);
    co_return;
  }
  while (run.next < count) {
    const size_t number = run.next++;
    const auto due =
        run.begin +
        std::chrono::microseconds(1'000'000 * number / static_cast<size_t>(run.options.per_second));
    if (due > now()) co_await net::sleep_until(due);
    auto& account = run.deliveries[number % run.deliveries.size()];
    const size_t index = account.size();
    const SteadyTime sent = now();
    run.late.add(due, sent);
    account.push_back({sent, {}, false});
    const std::string user =
        run.world.target.user(static_cast<int>(number % run.deliveries.size()));
    auto done = co_await (*client)->deliver(user, run.message);
    if (!done) {
      run.world.problems.add(done.error().detail);
      co_return;
    }
    account[index].acknowledged = now();
    account[index].good = true;
  }
}

void report_memory(const Idling& run, uint64_t before, uint64_t after, double seconds) {
  const auto sessions = static_cast<double>(run.watchers.size());
  JsonLine()
      .text("workload", "idle")
      .text("compress", run.options.compress ? "deflate" : "none")
      .count("sessions", run.watchers.size())
      .number("opening_seconds", seconds)
      .number("memory_before_mib", static_cast<double>(before) / 1048576)
      .number("memory_after_mib", static_cast<double>(after) / 1048576)
      .number("session_kib",
              (static_cast<double>(after) - static_cast<double>(before)) / 1024 / sessions)
      .count("errors", run.world.problems.count())
      .print();
}

void report_pushes(Idling& run, double cpu) {
  Latencies acknowledged;
  Latencies sent;
  for (const Pushed& push : run.pushes) {
    const auto& account = run.deliveries[static_cast<size_t>(push.account)];
    if (push.index >= account.size() || !account[push.index].good) continue;
    const Delivered& delivery = account[push.index];
    // The push may be read before the 250.
    acknowledged.add(std::max(0.0, seconds_between(delivery.acknowledged, push.at)) * 1000);
    sent.add(delivery.sent, push.at);
  }
  uint64_t delivered = 0;
  for (const auto& account : run.deliveries) delivered += account.size();
  uint64_t missing = 0;
  for (const auto& watcher : run.watchers) {
    const size_t due = run.deliveries[static_cast<size_t>(watcher->account)].size();
    if (watcher->told < due) missing += due - watcher->told;
    if (watcher->told > due) run.world.problems.add("a push without a delivery");
  }
  if (missing > 0) run.world.problems.add(fmt::format("{} pushes never came", missing));
  JsonLine()
      .text("workload", "push")
      .count("sessions", run.watchers.size())
      .count("deliveries", delivered)
      .count("pushes", run.pushes.size())
      .latencies("push", acknowledged)
      .latencies("sent_to_push", sent)
      .latencies("behind_schedule", run.late)
      .number("cpu_seconds", cpu)
      .count("errors", run.world.problems.count())
      .print();
}

Task<Result<>> open_all(Idling& run) {
  const uint64_t before = memory_of_tree(run.world.target.pid);
  constexpr size_t side_by_side = 16;
  const SteadyTime begin = now();
  std::vector<Task<>> opening;
  for (size_t i = 0; i < side_by_side; ++i) opening.push_back(open_some(run, i, side_by_side));
  co_await run_all(std::move(opening));
  const double seconds = seconds_between(begin, now());
  if (run.world.problems.count() > 0) co_return fail(Code::cannot, "not all sessions opened");
  co_await net::sleep_for(std::chrono::seconds(run.options.settle_seconds));
  report_memory(run, before, memory_of_tree(run.world.target.pid), seconds);
  co_return Result<>();
}

Task<> deliver_and_stop(Idling& run) {
  const auto count = static_cast<size_t>(run.options.per_second * run.options.seconds);
  run.begin = now();
  std::vector<Task<>> tasks;
  for (int i = 0; i < run.options.deliverers; ++i) tasks.push_back(deliver_some(run, count));
  co_await run_all(std::move(tasks));
  co_await net::sleep_for(std::chrono::seconds(2));
  for (auto& watcher : run.watchers) watcher->stop.notify();
}

}  // namespace

Task<Result<>> run_idle(World& world, IdleOptions options) {
  Idling run{world, options, {}, {}, {}, sized_message(world.target.seed, 0, 4096), {}, 0, {}};
  auto executor = co_await net::this_executor();
  const int accounts = std::min(world.target.accounts, options.sessions);
  run.deliveries.resize(static_cast<size_t>(accounts));
  for (int i = 0; i < options.sessions; ++i) {
    run.watchers.push_back(std::make_unique<Watcher>(executor));
    run.watchers.back()->account = i % accounts;
  }
  auto opened = co_await open_all(run);
  CO_TRY(opened);
  const ProcessUsage before = usage_of_tree(world.target.pid);
  std::vector<Task<>> tasks;
  for (auto& watcher : run.watchers) tasks.push_back(watch(run, *watcher));
  tasks.push_back(deliver_and_stop(run));
  co_await run_all(std::move(tasks));
  const ProcessUsage after = usage_of_tree(world.target.pid);
  report_pushes(run, after.cpu_seconds - before.cpu_seconds);
  co_return Result<>();
}

}  // namespace eilpost::bench
