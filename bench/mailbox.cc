// One large mailbox: filling it, the first look at it, and single flags in it.
#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "bench/message.h"
#include "bench/process_tree.h"
#include "bench/workloads.h"

namespace eilpost::bench {

Task<Result<std::unique_ptr<ImapClient>>> login(World& world, int account) {
  ImapOptions options;
  options.account = account;
  auto client = co_await ImapClient::login(world.target, options);
  co_return client;
}

Task<Result<>> select_folder(ImapClient& client, const std::string& mailbox) {
  imap::Select select;
  select.mailbox = mailbox;
  imap::CommandBody body = std::move(select);
  auto answer = co_await client.run(std::move(body));
  CO_TRY(answer);
  if (answer->first<imap::ExistsData>() == nullptr) {
    co_return fail(Code::invalid, "SELECT without EXISTS");
  }
  co_return Result<>();
}

Task<Result<>> ensure_folder(ImapClient& client, const std::string& mailbox) {
  imap::List list;
  list.patterns = {mailbox};
  imap::CommandBody body = std::move(list);
  auto listed = co_await client.run(std::move(body));
  CO_TRY(listed);
  if (listed->first<imap::ListData>() != nullptr) co_return Result<>();
  imap::Create create;
  create.mailbox = mailbox;
  imap::CommandBody create_body = std::move(create);
  auto created = co_await client.run(std::move(create_body));
  CO_TRY(created);
  co_return Result<>();
}

Task<Result<uint64_t>> count_messages(ImapClient& client, const std::string& mailbox) {
  imap::Status status;
  status.mailbox = mailbox;
  status.items.push_back(imap::StatusItem::messages);
  imap::CommandBody body = std::move(status);
  auto answer = co_await client.run(std::move(body));
  CO_TRY(answer);
  const auto* data = answer->first<imap::StatusData>();
  if (data == nullptr || data->values.size() != 1) {
    co_return fail(Code::invalid, "STATUS without MESSAGES");
  }
  co_return data->values[0].number;
}

namespace {

imap::CommandBody append_batch(World& world, const FillOptions& options, uint64_t from,
                               uint64_t count) {
  imap::Append append;
  append.mailbox = options.place.mailbox;
  for (uint64_t number = from; number < from + count; ++number) {
    append.messages.emplace_back();
    imap::AppendMessage& message = append.messages.back();
    message.octets = options.bytes == 0 ? small_message(world.target.seed, number)
                                        : sized_message(world.target.seed, number, options.bytes);
    message.size = message.octets.size();
    if (number % 3 == 0) message.flags.emplace_back("\\Seen");
  }
  return append;
}

}  // namespace

namespace {

struct Filled {
  uint64_t before = 0;
  uint64_t after = 0;
};

Task<Result<Filled>> fill(World& world, FillOptions options) {
  auto client = co_await login(world, options.place.account);
  CO_TRY(client);
  auto made = co_await ensure_folder(**client, options.place.mailbox);
  CO_TRY(made);
  auto before = co_await count_messages(**client, options.place.mailbox);
  CO_TRY(before);
  const size_t batch = (*client)->has("MULTIAPPEND") ? options.batch : 1;
  for (uint64_t number = *before; number < options.messages;) {
    const uint64_t count = std::min<uint64_t>(batch, options.messages - number);
    imap::CommandBody body = append_batch(world, options, number, count);
    auto appended = co_await (*client)->run(std::move(body));
    CO_TRY(appended);
    number += count;
  }
  auto after = co_await count_messages(**client, options.place.mailbox);
  CO_TRY(after);
  if (*after != std::max(*before, options.messages)) world.problems.add("the fill fell short");
  co_return Filled{*before, *after};
}

}  // namespace

Task<Result<>> run_fill_quietly(World& world, FillOptions options) {
  auto filled = co_await fill(world, options);
  CO_TRY(filled);
  co_return Result<>();
}

Task<Result<>> run_fill(World& world, FillOptions options) {
  const SteadyTime begin = now();
  auto filled = co_await fill(world, options);
  CO_TRY(filled);
  JsonLine()
      .text("workload", "fill")
      .count("messages", filled->after)
      .count("appended", filled->after - filled->before)
      .number("seconds", seconds_between(begin, now()))
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

namespace {

// A SELECT in a connection of its own; how long it took goes into `latencies`.
Task<Result<std::unique_ptr<ImapClient>>> timed_select(World& world, const Place& place,
                                                       Latencies& latencies) {
  auto client = co_await login(world, place.account);
  CO_TRY(client);
  const SteadyTime start = now();
  auto selected = co_await select_folder(**client, place.mailbox);
  CO_TRY(selected);
  latencies.add(start, now());
  co_return client;
}

}  // namespace

Task<Result<>> run_select(World& world, SelectOptions options) {
  const pid_t pid = world.target.pid;
  std::vector<std::unique_ptr<ImapClient>> kept;
  Latencies first;
  Latencies further;
  Latencies repeated;
  const uint64_t memory_before = memory_of_tree(pid);
  uint64_t memory_first = memory_before;
  for (int i = 0; i < options.sessions; ++i) {
    auto client = co_await timed_select(world, options.place, i == 0 ? first : further);
    CO_TRY(client);
    kept.push_back(std::move(*client));
    if (i == 0) memory_first = memory_of_tree(pid);
  }
  const uint64_t memory_all = memory_of_tree(pid);
  for (int i = 0; i < options.repeat; ++i) {
    auto client = co_await timed_select(world, options.place, repeated);
    CO_TRY(client);
  }
  const auto more = static_cast<double>(std::max(options.sessions - 1, 1));
  constexpr double mib = 1024 * 1024;
  JsonLine()
      .text("workload", "select")
      .count("messages", kept.empty() ? 0 : kept[0]->exists())
      .number("first_ms", first.milliseconds(1))
      .latencies("further", further)
      .latencies("repeated", repeated)
      .number("memory_mailbox_mib",
              (static_cast<double>(memory_first) - static_cast<double>(memory_before)) / mib)
      .number("memory_session_mib",
              (static_cast<double>(memory_all) - static_cast<double>(memory_first)) / mib / more)
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

Task<Result<>> run_flag(World& world, FlagOptions options) {
  auto client = co_await login(world, options.place.account);
  CO_TRY(client);
  auto selected = co_await select_folder(**client, options.place.mailbox);
  CO_TRY(selected);
  Random random(world.target.seed);
  Latencies latencies;
  uint32_t number = 0;
  const ProcessUsage before = usage_of_tree(world.target.pid);
  for (int i = 0; i < options.repeat; ++i) {
    const bool set = i % 2 == 0;
    if (set) number = static_cast<uint32_t>(random.below((*client)->exists()) + 1);
    imap::Store store;
    store.set.ranges = {{number, number}};
    store.mode = set ? imap::StoreMode::add : imap::StoreMode::remove;
    store.flags = {"\\Flagged"};
    imap::CommandBody body = std::move(store);
    const SteadyTime start = now();
    auto answer = co_await (*client)->run(std::move(body));
    CO_TRY(answer);
    latencies.add(start, now());
    const auto* data = answer->first<imap::FetchData>();
    const bool told = data != nullptr && data->seq.value == number && data->flags;
    const bool flagged = told && std::count(data->flags->begin(), data->flags->end(), "\\Flagged");
    if (!told || flagged != set) world.problems.add("STORE answered with the wrong flags");
  }
  const ProcessUsage after = usage_of_tree(world.target.pid);
  JsonLine()
      .text("workload", "flag")
      .count("messages", (*client)->exists())
      .latencies("latency", latencies)
      .number("cpu_ms_each",
              (after.cpu_seconds - before.cpu_seconds) * 1000 / std::max(options.repeat, 1))
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

}  // namespace eilpost::bench
