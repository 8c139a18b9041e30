// The mixed load: sessions in a closed loop, two to an account, each drawing its next step from the
// same weights with a seed of its own, so that every server gets the same kind of day.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/random.h"
#include "bench/message.h"
#include "bench/process_tree.h"
#include "bench/workloads.h"

namespace eilpost::bench {

namespace {

enum class Step { select, list, body, search, store, copy, append, expunge, idle, noop };

struct Weight {
  Step step;
  std::string_view name;
  uint64_t share;
};
constexpr std::array<Weight, 10> weights = {{
    {Step::select, "select", 6},
    {Step::list, "fetch_list", 22},
    {Step::body, "fetch_body", 22},
    {Step::search, "search", 8},
    {Step::store, "store", 18},
    {Step::copy, "copy", 4},
    {Step::append, "append", 6},
    {Step::expunge, "expunge", 4},
    {Step::idle, "idle", 6},
    {Step::noop, "noop", 4},
}};
const std::string inbox = "INBOX";
const std::string archive = "Archive";

struct Mixed {
  World& world;
  MixedOptions options;
  SteadyTime end;
  uint64_t commands = 0;
  uint64_t gone = 0;  // answers about messages that the other session had expunged
  Latencies latencies;
  std::array<Latencies, weights.size()> by_step;
};

struct Session {
  Session(int account_, uint64_t seed) : account(account_), random(seed) {}
  int account = 0;
  Random random;
  std::unique_ptr<ImapClient> client;
};

size_t draw_step(Random& random) {
  uint64_t sum = 0;
  for (const Weight& weight : weights) sum += weight.share;
  uint64_t at = random.below(sum);
  size_t i = 0;
  while (at >= weights[i].share) at -= weights[i++].share;
  return i;
}

uint32_t some_message(Session& session) {
  return static_cast<uint32_t>(session.random.below(session.client->exists()) + 1);
}

imap::FetchItem item_of(imap::FetchKind kind) {
  imap::FetchItem item;
  item.kind = kind;
  item.peek = kind == imap::FetchKind::body_section;
  return item;
}

imap::CommandBody make_fetch_list(Session& session) {
  constexpr uint32_t window = 50;
  const uint32_t first = some_message(session);
  imap::Fetch fetch;
  fetch.set.ranges = {{first, std::min(first + window - 1, session.client->exists())}};
  for (const auto kind : {imap::FetchKind::uid, imap::FetchKind::flags, imap::FetchKind::envelope,
                          imap::FetchKind::rfc822_size, imap::FetchKind::internal_date}) {
    fetch.items.push_back(item_of(kind));
  }
  return fetch;
}

imap::CommandBody make_fetch_body(Session& session) {
  const uint32_t number = some_message(session);
  imap::Fetch fetch;
  fetch.set.ranges = {{number, number}};
  fetch.items.push_back(item_of(imap::FetchKind::body_section));
  return fetch;
}

imap::CommandBody make_search(Session& session) {
  imap::Search search;
  switch (session.random.below(4)) {
    case 0: search.key.op = imap::SearchOp::unseen; break;
    case 1: search.key.op = imap::SearchOp::flagged; break;
    case 2:
      search.key.op = imap::SearchOp::subject;
      search.key.text = "invoice";
      break;
    default:
      search.key.op = imap::SearchOp::from;
      search.key.text = "brandt";
      break;
  }
  return search;
}

imap::CommandBody make_store(Session& session, std::string flag) {
  const uint32_t number = some_message(session);
  imap::Store store;
  store.set.ranges = {{number, number}};
  const bool removes = flag != "\\Deleted" && session.random.below(3) == 0;
  store.mode = removes ? imap::StoreMode::remove : imap::StoreMode::add;
  store.flags = {std::move(flag)};
  return store;
}

imap::CommandBody make_copy(Session& session) {
  const uint32_t number = some_message(session);
  imap::Copy copy;
  copy.set.ranges = {{number, number}};
  copy.mailbox = archive;
  return copy;
}

imap::CommandBody make_append(Mixed& run, Session& session) {
  imap::Append append;
  append.mailbox = inbox;
  append.messages.emplace_back();
  append.messages[0].octets =
      sized_message(run.world.target.seed, session.random.below(1000), run.options.bytes);
  append.messages[0].size = append.messages[0].octets.size();
  return append;
}

imap::CommandBody make_body(Mixed& run, Session& session, Step step) {
  switch (step) {
    case Step::select: {
      imap::Select select;
      select.mailbox = inbox;
      return select;
    }
    case Step::list: return make_fetch_list(session);
    case Step::body: return make_fetch_body(session);
    case Step::search: return make_search(session);
    case Step::store: {
      constexpr std::array<std::string_view, 3> flags = {"\\Seen", "\\Flagged", "\\Answered"};
      return make_store(session, std::string(flags[session.random.below(flags.size())]));
    }
    case Step::copy: return make_copy(session);
    case Step::append: return make_append(run, session);
    case Step::expunge: return imap::Expunge();
    default: return imap::Noop();
  }
}

// One command, timed and counted.
Task<Result<Answer>> timed(Mixed& run, Session& session, imap::CommandBody body) {
  imap::Command command;
  command.body = std::move(body);
  const SteadyTime start = now();
  auto answer = co_await session.client->run_allowing_gone(std::move(command));
  CO_TRY(answer);
  ++run.commands;
  run.latencies.add(start, now());
  if (answer->tagged.condition != imap::Condition::ok) ++run.gone;
  co_return std::move(*answer);
}

void check(Mixed& run, Step step, const imap::CommandBody& asked, const Answer& answer) {
  if (answer.tagged.condition != imap::Condition::ok) return;
  if (step == Step::list) {
    const auto& range = std::get<imap::Fetch>(asked).set.ranges[0];
    size_t got = 0;
    for (const auto& response : answer.untagged) {
      const auto* data = std::get_if<imap::FetchData>(&response);
      if (data != nullptr && data->envelope && data->uid) ++got;
    }
    if (got != range.last - range.first + 1) ++run.gone;
  }
  if (step == Step::body) {
    const auto* data = answer.first<imap::FetchData>();
    if (data == nullptr || data->bodies.empty()) {
      ++run.gone;
    } else if (!data->bodies[0].octets || data->bodies[0].octets->size() != run.options.bytes) {
      ++run.gone;
    }
  }
  const bool searched = answer.count<imap::SearchData>() + answer.count<imap::ESearchData>() > 0;
  if (step == Step::search && !searched) run.world.problems.add("SEARCH without an answer");
  if (step == Step::append && answer.tagged.code.name != imap::CodeName::append_uid) {
    run.world.problems.add("APPEND without APPENDUID");
  }
}

Task<Result<>> idle_step(Mixed& run, Session& session) {
  const SteadyTime start = now();
  auto begun = co_await session.client->idle_begin();
  CO_TRY(begun);
  auto ended = co_await session.client->idle_end();
  CO_TRY(ended);
  ++run.commands;
  run.latencies.add(start, now());
  co_return Result<>();
}

Task<Result<>> one_step(Mixed& run, Session& session) {
  const size_t chosen = draw_step(session.random);
  Step step = weights[chosen].step;
  if (session.client->exists() == 0) step = Step::append;
  const SteadyTime start = now();
  if (step == Step::idle) {
    auto idled = co_await idle_step(run, session);
    CO_TRY(idled);
  } else {
    if (step == Step::expunge) {
      for (int i = 0; i < 2; ++i) {
        imap::CommandBody mark = make_store(session, "\\Deleted");
        auto marked = co_await timed(run, session, std::move(mark));
        CO_TRY(marked);
        if (session.client->exists() == 0) co_return Result<>();
      }
    }
    imap::CommandBody body = make_body(run, session, step);
    auto answer = co_await timed(run, session, body);
    CO_TRY(answer);
    check(run, step, body, *answer);
  }
  run.by_step[chosen].add(start, now());
  co_return Result<>();
}

Task<> live(Mixed& run, Session& session) {
  while (now() < run.end) {
    auto done = co_await one_step(run, session);
    if (done) continue;
    run.world.problems.add(done.error().detail);
    co_return;
  }
}

Task<Result<>> prepare(Mixed& run, Session& session) {
  auto client = co_await login(run.world, session.account);
  CO_TRY(client);
  session.client = std::move(*client);
  auto made = co_await ensure_folder(*session.client, archive);
  CO_TRY(made);
  auto count = co_await count_messages(*session.client, inbox);
  CO_TRY(count);
  const auto wanted = static_cast<uint64_t>(run.options.messages);
  for (uint64_t number = *count; number < wanted; ++number) {
    imap::CommandBody body = make_append(run, session);
    auto appended = co_await session.client->run(std::move(body));
    CO_TRY(appended);
  }
  auto selected = co_await select_folder(*session.client, inbox);
  co_return selected;
}

Task<> prepare_account(Mixed& run, std::vector<std::unique_ptr<Session>>& sessions, int account) {
  for (auto& session : sessions) {
    if (session->account != account) continue;
    auto ready = co_await prepare(run, *session);
    if (!ready) run.world.problems.add(ready.error().detail);
  }
}

void report(const Mixed& run, double seconds, double cpu) {
  const auto commands = static_cast<double>(run.commands);
  JsonLine line;
  line.text("workload", "mixed")
      .count("commands", run.commands)
      .number("seconds", seconds)
      .number("per_second", commands / seconds)
      .number("cpu_seconds", cpu)
      .number("per_cpu_second", cpu > 0 ? commands / cpu : 0)
      .latencies("latency", run.latencies);
  for (size_t i = 0; i < weights.size(); ++i) {
    line.number(fmt::format("{}_p50_ms", weights[i].name), run.by_step[i].milliseconds(0.5));
    line.number(fmt::format("{}_p99_ms", weights[i].name), run.by_step[i].milliseconds(0.99));
  }
  line.count("gone", run.gone).count("errors", run.world.problems.count()).print();
}

}  // namespace

Task<Result<>> run_mixed(World& world, MixedOptions options) {
  Mixed run{world, options, {}, 0, 0, {}, {}};
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < options.sessions; ++i) {
    const uint64_t seed = world.target.seed * 1000 + static_cast<uint64_t>(i);
    sessions.push_back(std::make_unique<Session>(i % world.target.accounts, seed));
  }
  std::vector<Task<>> preparing;
  for (int i = 0; i < world.target.accounts && i < options.sessions; ++i) {
    preparing.push_back(prepare_account(run, sessions, i));
  }
  co_await run_all(std::move(preparing));
  if (world.problems.count() > 0) co_return fail(Code::cannot, "the accounts could not be filled");
  const ProcessUsage before = usage_of_tree(world.target.pid);
  const SteadyTime begin = now();
  run.end = begin + std::chrono::seconds(options.seconds);
  std::vector<Task<>> tasks;
  for (auto& session : sessions) tasks.push_back(live(run, *session));
  co_await run_all(std::move(tasks));
  const double seconds = seconds_between(begin, now());
  const ProcessUsage after = usage_of_tree(world.target.pid);
  // A message that the other session has expunged may be missing from an answer, a few in a
  // hundred; more than that is no accident.
  if (run.gone * 20 > run.commands) {
    world.problems.add(fmt::format("{} of {} answers lacked messages", run.gone, run.commands));
  }
  report(run, seconds, after.cpu_seconds - before.cpu_seconds);
  co_return Result<>();
}

}  // namespace eilpost::bench
