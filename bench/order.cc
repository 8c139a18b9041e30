// SORT and THREAD of a whole folder. The answer is gathered first and read afterwards, so that the
// time is the server's.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/process_tree.h"
#include "bench/workloads.h"

namespace eilpost::bench {

namespace {

imap::CommandBody command_of(const std::string& what) {
  imap::Search all;
  all.charset = "UTF-8";
  all.key.op = imap::SearchOp::all;
  if (what == "references") {
    imap::Thread thread;
    thread.algorithm = imap::ThreadAlgorithm::references;
    thread.search = std::move(all);
    return thread;
  }
  imap::Sort sort;
  const bool date = what == "date";
  sort.criteria.push_back({date ? imap::SortKey::date : imap::SortKey::subject, false});
  sort.search = std::move(all);
  return sort;
}

// Every message number stands in the answer's first line once.
void check_answer(World& world, std::string_view octets, uint32_t count) {
  const std::string_view line = octets.substr(0, octets.find("\r\n"));
  std::vector<bool> seen(count + 1, false);
  uint32_t found = 0;
  uint64_t number = 0;
  for (size_t i = 0; i <= line.size(); ++i) {
    const bool digit = i < line.size() && line[i] >= '0' && line[i] <= '9';
    if (digit) {
      number = number * 10 + static_cast<uint64_t>(line[i] - '0');
    } else if (number != 0) {
      if (number <= count && !seen[number]) ++found;
      if (number <= count) seen[number] = true;
      number = 0;
    }
  }
  if (found != count) {
    world.problems.add(fmt::format("{} of {} messages in the answer", found, count));
  }
}

}  // namespace

Task<Result<>> run_order(World& world, OrderOptions options) {
  auto client = co_await login(world, options.place.account);
  CO_TRY(client);
  auto selected = co_await select_folder(**client, options.place.mailbox);
  CO_TRY(selected);
  const uint32_t count = (*client)->exists();
  Latencies warm;
  double first_ms = 0;
  size_t bytes = 10 * size_t{count};
  for (int i = 0; i < options.repeat; ++i) {
    imap::CommandBody body = command_of(options.by);
    const SteadyTime start = now();
    auto octets = co_await (*client)->run_bulk(std::move(body), bytes);
    const double ms = seconds_between(start, now()) * 1000;
    CO_TRY(octets);
    bytes = octets->size();
    if (i == 0) {
      first_ms = ms;
    } else {
      warm.add(ms);
    }
    check_answer(world, *octets, count);
  }
  JsonLine()
      .text("workload", "order")
      .text("by", options.by)
      .count("messages", count)
      .number("first_ms", first_ms)
      .latencies("warm", warm)
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

}  // namespace eilpost::bench
