// APPEND and LMTP: what was acknowledged must be there afterwards, and one message of each account
// is compared octet for octet.
#include <fmt/format.h>

#include <algorithm>

#include "bench/message.h"
#include "bench/process_tree.h"
#include "bench/workloads.h"

namespace eilpost::bench {

namespace {

constexpr size_t distinct_messages = 64;

struct Worker {
  int account = 0;
  std::unique_ptr<ImapClient> imap;  // delivers, or only looks afterwards
  std::unique_ptr<LmtpClient> lmtp;
  uint64_t before = 0;
  uint64_t delivered = 0;
  size_t last = 0;  // index of the message delivered last
};

struct Delivery {
  World& world;
  DeliverOptions options;
  std::vector<std::string> messages;
  std::vector<Worker> workers;
  Latencies latencies;
  uint64_t counted = 0;
  SteadyTime begin;
  SteadyTime end;
};

Task<Result<>> deliver_one(Delivery& run, Worker& worker) {
  worker.last = (worker.last + 1) % run.messages.size();
  const std::string& message = run.messages[worker.last];
  if (worker.lmtp) {
    const std::string recipient = run.world.target.user(worker.account);
    auto done = co_await worker.lmtp->deliver(recipient, message);
    CO_TRY(done);
  } else {
    imap::Append append;
    append.mailbox = "INBOX";
    append.messages.emplace_back();
    append.messages[0].octets = message;
    append.messages[0].size = message.size();
    imap::CommandBody body = std::move(append);
    auto done = co_await worker.imap->run(std::move(body));
    CO_TRY(done);
  }
  ++worker.delivered;
  co_return Result<>();
}

Task<Result<>> prepare(Delivery& run, Worker& worker) {
  auto client = co_await login(run.world, worker.account);
  CO_TRY(client);
  worker.imap = std::move(*client);
  if (run.options.lmtp) {
    auto lmtp = co_await LmtpClient::connect(run.world.target);
    CO_TRY(lmtp);
    worker.lmtp = std::move(*lmtp);
  }
  const std::string inbox = "INBOX";
  auto before = co_await count_messages(*worker.imap, inbox);
  CO_TRY(before);
  worker.before = *before;
  auto first = co_await deliver_one(run, worker);
  co_return first;
}

Task<> work(Delivery& run, Worker& worker) {
  while (now() < run.end) {
    const SteadyTime start = now();
    auto done = co_await deliver_one(run, worker);
    if (!done) {
      run.world.problems.add(done.error().detail);
      co_return;
    }
    ++run.counted;
    run.latencies.add(start, now());
  }
}

// Answers the octets of the newest message of the INBOX.
Task<Result<std::string>> newest(ImapClient& client) {
  const std::string inbox = "INBOX";
  auto selected = co_await select_folder(client, inbox);
  CO_TRY(selected);
  imap::Fetch fetch;
  fetch.set.ranges = {{client.exists(), client.exists()}};
  fetch.items.emplace_back();
  fetch.items[0].kind = imap::FetchKind::body_section;
  fetch.items[0].peek = true;
  imap::CommandBody body = std::move(fetch);
  auto answer = co_await client.run(std::move(body));
  CO_TRY(answer);
  const auto* data = answer->first<imap::FetchData>();
  if (data == nullptr || data->bodies.size() != 1 || !data->bodies[0].octets) {
    co_return fail(Code::invalid, "FETCH of a delivered message gave no BODY[]");
  }
  co_return *data->bodies[0].octets;
}

Task<Result<>> verify(Delivery& run, Worker& worker, uint64_t delivered) {
  const std::string inbox = "INBOX";
  auto after = co_await count_messages(*worker.imap, inbox);
  CO_TRY(after);
  if (*after != worker.before + delivered) {
    run.world.problems.add(fmt::format("{}: {} messages, {} before, {} were acknowledged",
                                       run.world.target.user(worker.account), *after, worker.before,
                                       delivered));
  }
  auto octets = co_await newest(*worker.imap);
  CO_TRY(octets);
  // Connections that share an account: the newest may be anyone's. LMTP puts fields in front.
  const bool known = std::any_of(run.messages.begin(), run.messages.end(), [&](const auto& m) {
    return octets->size() >= m.size() &&
           octets->compare(octets->size() - m.size(), std::string::npos, m) == 0;
  });
  if (!known) run.world.problems.add("a delivered message came back changed");
  co_return Result<>();
}

uint64_t delivered_to(const Delivery& run, int account) {
  uint64_t out = 0;
  for (const Worker& worker : run.workers) {
    if (worker.account == account) out += worker.delivered;
  }
  return out;
}

struct Cost {
  ProcessUsage server;
  std::optional<uint64_t> disk_bytes;
};

Cost cost(const Target& target) {
  return {usage_of_tree(target.pid), written_by_disk(target.disk)};
}

void report(const Delivery& run, const Cost& before, const Cost& after) {
  const double seconds = seconds_between(run.begin, now());
  const auto bytes = static_cast<double>(run.counted * run.options.bytes);
  const bool by_disk = before.disk_bytes && after.disk_bytes;
  const auto written =
      static_cast<double>(by_disk ? *after.disk_bytes - *before.disk_bytes
                                  : after.server.written_bytes - before.server.written_bytes);
  JsonLine()
      .text("workload", run.options.lmtp ? "lmtp" : "append")
      .count("connections", static_cast<uint64_t>(run.options.connections))
      .count("messages", run.counted)
      .number("seconds", seconds)
      .number("per_second", static_cast<double>(run.counted) / seconds)
      .latencies("latency", run.latencies)
      .number("cpu_seconds", after.server.cpu_seconds - before.server.cpu_seconds)
      .number("written_per_body", bytes > 0 ? written / bytes : 0)
      .text("written_counted_by", by_disk ? "disk" : "processes")
      .count("errors", run.world.problems.count())
      .print();
}

}  // namespace

Task<Result<>> run_deliver(World& world, DeliverOptions options) {
  Delivery run{world, options, {}, {}, {}, 0, {}, {}};
  for (size_t i = 0; i < distinct_messages; ++i) {
    run.messages.push_back(sized_message(world.target.seed, i, options.bytes));
  }
  run.workers.resize(static_cast<size_t>(options.connections));
  for (size_t i = 0; i < run.workers.size(); ++i) {
    Worker& worker = run.workers[i];
    worker.account = static_cast<int>(i) % world.target.accounts;
    worker.last = i % run.messages.size();
    auto ready = co_await prepare(run, worker);
    CO_TRY(ready);
  }
  const Cost before = cost(world.target);
  run.begin = now();
  run.end = run.begin + std::chrono::seconds(options.seconds);
  std::vector<Task<>> tasks;
  for (Worker& worker : run.workers) tasks.push_back(work(run, worker));
  co_await run_all(std::move(tasks));
  report(run, before, cost(world.target));
  // Workers that share an account counted what was there at different times: the first is right.
  for (size_t i = 0; i < run.workers.size() && i < static_cast<size_t>(world.target.accounts);
       ++i) {
    auto checked = co_await verify(run, run.workers[i], delivered_to(run, run.workers[i].account));
    CO_TRY(checked);
  }
  co_return Result<>();
}

}  // namespace eilpost::bench
