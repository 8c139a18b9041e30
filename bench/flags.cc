// STORE from many connections at once, over many accounts or all on one: how many changes of flags
// a server makes durable in a second, and how long the unluckiest writer waits for one.
#include <fmt/format.h>

#include <algorithm>

#include "bench/workloads.h"

namespace eilpost::bench {

namespace {

struct Writer {
  std::unique_ptr<ImapClient> client;
  uint32_t first = 0;  // its messages are first, first + step, ...: nobody else changes them
  uint32_t step = 1;
  uint64_t changes = 0;
};

struct Writing {
  World& world;
  FlagsOptions options;
  std::vector<Writer> writers;
  Latencies latencies;
  SteadyTime begin;
  SteadyTime end;
};

Task<Result<>> prepare(Writing& run, size_t index) {
  const auto accounts = static_cast<size_t>(run.world.target.accounts);
  const int account = static_cast<int>(index % accounts);
  if (index < accounts) {
    FillOptions fill;
    fill.place.account = account;
    fill.messages = run.options.messages;
    auto filled = co_await run_fill_quietly(run.world, fill);
    CO_TRY(filled);
  }
  Writer& writer = run.writers[index];
  auto client = co_await login(run.world, account);
  CO_TRY(client);
  writer.client = std::move(*client);
  const std::string inbox = "INBOX";
  auto selected = co_await select_folder(*writer.client, inbox);
  CO_TRY(selected);
  writer.step = static_cast<uint32_t>(run.options.writers_in_all);
  writer.first = static_cast<uint32_t>(run.options.first_writer) + static_cast<uint32_t>(index);
  co_return Result<>();
}

Task<Result<>> change(Writing& run, Writer& writer) {
  const uint64_t turn = writer.changes / 2;
  const uint64_t own = std::max<uint64_t>(run.options.messages / writer.step, 1);
  const auto number = static_cast<uint32_t>(1 + writer.first + writer.step * (turn % own));
  const bool set = writer.changes % 2 == 0;
  imap::Store store;
  store.set.ranges = {{number, number}};
  store.mode = set ? imap::StoreMode::add : imap::StoreMode::remove;
  store.flags = {"\\Flagged"};
  imap::CommandBody body = std::move(store);
  auto answer = co_await writer.client->run(std::move(body));
  CO_TRY(answer);
  bool told = false;
  for (const auto& response : answer->untagged) {
    const auto* data = std::get_if<imap::FetchData>(&response);
    if (data == nullptr || data->seq.value != number || !data->flags) continue;
    const bool flagged =
        std::find(data->flags->begin(), data->flags->end(), "\\Flagged") != data->flags->end();
    told = told || flagged == set;
  }
  if (!told) run.world.problems.add("STORE did not answer with the flags it made");
  ++writer.changes;
  co_return Result<>();
}

Task<> write(Writing& run, Writer& writer) {
  while (now() < run.end) {
    const SteadyTime start = now();
    auto done = co_await change(run, writer);
    if (!done) {
      run.world.problems.add(done.error().detail);
      co_return;
    }
    run.latencies.add(start, now());
  }
}

void report(const Writing& run) {
  const double seconds = seconds_between(run.begin, now());
  uint64_t fewest = UINT64_MAX;
  for (const Writer& writer : run.writers) fewest = std::min(fewest, writer.changes);
  JsonLine()
      .text("workload", "flags")
      .count("connections", run.writers.size())
      .count("changes", run.latencies.count())
      .number("seconds", seconds)
      .number("per_second", static_cast<double>(run.latencies.count()) / seconds)
      .count("fewest_of_a_writer", fewest)
      .latencies("latency", run.latencies)
      .count("errors", run.world.problems.count())
      .print();
}

}  // namespace

Task<Result<>> run_flags(World& world, FlagsOptions options) {
  options.writers_in_all = std::max(options.writers_in_all, options.connections);
  Writing run{world, options, {}, {}, {}, {}};
  run.writers.resize(static_cast<size_t>(options.connections));
  for (size_t i = 0; i < run.writers.size(); ++i) {
    auto ready = co_await prepare(run, i);
    CO_TRY(ready);
  }
  run.begin = now();
  run.end = run.begin + std::chrono::seconds(options.seconds);
  std::vector<Task<>> tasks;
  for (Writer& writer : run.writers) tasks.push_back(write(run, writer));
  co_await run_all(std::move(tasks));
  report(run);
  co_return Result<>();
}

}  // namespace eilpost::bench
