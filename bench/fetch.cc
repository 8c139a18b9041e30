// FETCH of many messages. The answer is gathered first and read afterwards, so that the time is the
// server's.
#include <fmt/format.h>

#include <algorithm>

#include "bench/message.h"
#include "bench/process_tree.h"
#include "bench/workloads.h"
#include "protocol/imap/response_parser.h"

namespace eilpost::bench {

namespace {

constexpr uint32_t parsed_every = 499;  // of the answers; each is looked at for its beginning

imap::FetchKind kind_of(const std::string& item) {
  if (item == "envelope") return imap::FetchKind::envelope;
  if (item == "bodystructure") return imap::FetchKind::body_structure;
  return imap::FetchKind::flags;
}

bool has_item(const imap::FetchData& data, imap::FetchKind kind) {
  if (!data.skipped.empty()) return false;
  switch (kind) {
    case imap::FetchKind::envelope: return data.envelope && data.envelope->message_id;
    case imap::FetchKind::body_structure: return data.body.has_value() && data.body_extended;
    default: return data.flags.has_value();
  }
}

// "* 12 FETCH (" with the number that is due.
bool begins_right(std::string_view text, uint32_t number) {
  const std::string begin = fmt::format("* {} FETCH (", number);
  return text.substr(0, begin.size()) == begin;
}

// Reads the whole answer: each number once, in order, each with its item.
void check_answer(World& world, std::string_view octets, uint32_t count, imap::FetchKind kind) {
  imap::ClientFramer framer;
  constexpr size_t piece_bytes = 1024 * 1024;
  uint32_t number = 0;
  uint64_t wrong = 0;
  while (!octets.empty()) {
    framer.feed(octets.substr(0, piece_bytes));
    octets.remove_prefix(std::min(octets.size(), piece_bytes));
    for (;;) {
      auto event = framer.next();
      const auto* whole = std::get_if<imap::ResponseFrame>(&event);
      if (whole == nullptr) break;
      if (whole->frame->text.front() != '*') continue;
      ++number;
      if (!begins_right(whole->frame->text, number)) ++wrong;
      if (number % parsed_every != 1) continue;
      auto response = imap::parse_response(*whole->frame, imap::ParseOptions());
      const auto* data = response ? std::get_if<imap::FetchData>(&*response) : nullptr;
      if (data == nullptr || !has_item(*data, kind)) ++wrong;
    }
  }
  if (number != count) {
    world.problems.add(fmt::format("FETCH answered {} of {} messages", number, count));
  }
  if (wrong > 0) world.problems.add(fmt::format("{} wrong FETCH responses", wrong));
}

}  // namespace

Task<Result<>> run_fetch(World& world, FetchOptions options) {
  auto client = co_await login(world, options.place.account);
  CO_TRY(client);
  auto selected = co_await select_folder(**client, options.place.mailbox);
  CO_TRY(selected);
  const uint32_t all = (*client)->exists();
  const uint32_t count = options.messages == 0 ? all : std::min(options.messages, all);
  const imap::FetchKind kind = kind_of(options.item);
  Latencies warm;
  double first_ms = 0;
  size_t bytes = 64 * size_t{count};
  const ProcessUsage before = usage_of_tree(world.target.pid);
  for (int i = 0; i < options.repeat; ++i) {
    imap::Fetch fetch;
    fetch.set.ranges = {{1, count == all ? 0 : count}};
    fetch.items.emplace_back();
    fetch.items[0].kind = kind;
    imap::CommandBody body = std::move(fetch);
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
    check_answer(world, *octets, count, kind);
  }
  const ProcessUsage after = usage_of_tree(world.target.pid);
  JsonLine()
      .text("workload", "fetch")
      .text("item", options.item)
      .count("messages", count)
      .count("bytes", bytes)
      .number("first_ms", first_ms)
      .latencies("warm", warm)
      .number("cpu_ms_each",
              (after.cpu_seconds - before.cpu_seconds) * 1000 / std::max(options.repeat, 1))
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

namespace {

// The octets of the only literal of a bulk answer.
std::string_view literal_of(std::string_view octets) {
  const size_t line_end = octets.find("}\r\n");
  if (line_end == std::string_view::npos) return {};
  const size_t open = octets.substr(0, line_end).rfind('{');
  if (open == std::string_view::npos) return {};
  uint64_t size = 0;
  for (const char c : octets.substr(open + 1, line_end - open - 1)) {
    if (c < '0' || c > '9') return {};
    size = size * 10 + static_cast<uint64_t>(c - '0');
  }
  return octets.substr(line_end + 3, size);
}

}  // namespace

Task<Result<>> run_body(World& world, BodyOptions options) {
  ImapOptions tls;
  tls.account = options.place.account;
  tls.tls = true;
  auto client = co_await ImapClient::login(world.target, tls);
  CO_TRY(client);
  auto selected = co_await select_folder(**client, options.place.mailbox);
  CO_TRY(selected);
  const uint32_t count = (*client)->exists();
  if (count == 0) co_return fail(Code::invalid, "the mailbox is empty");
  uint64_t moved = 0;
  double seconds = 0;
  ProcessUsage before;
  // The first round is for warming the caches, and it is the one that is compared.
  for (uint64_t i = 0; i < count || seconds < options.seconds; ++i) {
    if (i == count) before = usage_of_tree(world.target.pid);
    const auto number = static_cast<uint32_t>(i % count + 1);
    imap::Fetch fetch;
    fetch.set.ranges = {{number, number}};
    fetch.items.emplace_back();
    fetch.items[0].kind = imap::FetchKind::body_section;
    fetch.items[0].peek = true;
    imap::CommandBody body = std::move(fetch);
    const SteadyTime start = now();
    auto octets = co_await (*client)->run_bulk(std::move(body), options.bytes + 1024);
    const SteadyTime end = now();
    CO_TRY(octets);
    if (i >= count) {
      moved += octets->size();
      seconds += seconds_between(start, end);
      if (octets->size() < options.bytes) world.problems.add("BODY[] is short");
    } else if (literal_of(*octets) != sized_message(world.target.seed, number - 1, options.bytes)) {
      world.problems.add("BODY[] is not what was appended");
    }
  }
  const ProcessUsage after = usage_of_tree(world.target.pid);
  const auto info = (*client)->stream().tls_info();
  JsonLine()
      .text("workload", "body")
      .text("cipher", info ? info->cipher : "")
      .number("mib_per_second", static_cast<double>(moved) / 1048576 / seconds)
      .number("cpu_seconds_per_gib",
              (after.cpu_seconds - before.cpu_seconds) / (static_cast<double>(moved) / 1073741824))
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

Task<Result<>> run_sink(World& world, SinkOptions options) {
  net::ConnectOptions connect;
  connect.deadline = net::after(std::chrono::seconds(10));
  connect.tls = world.target.tls;
  auto stream = co_await net::connect_tcp(world.target.host, options.port, connect);
  CO_TRY(stream);
  std::string buffer(4 * 1024 * 1024, '\0');
  uint64_t moved = 0;
  const SteadyTime begin = now();
  for (;;) {
    std::span<char> into(buffer.data(), buffer.size());
    auto read = co_await stream->read_some(into, net::after(std::chrono::seconds(60)));
    if (!read) break;
    moved += *read;
  }
  const double seconds = seconds_between(begin, now());
  const auto info = stream->tls_info();
  JsonLine()
      .text("workload", "sink")
      .text("cipher", info ? info->cipher : "")
      .number("mib_per_second", static_cast<double>(moved) / 1048576 / seconds)
      .count("errors", world.problems.count())
      .print();
  co_return Result<>();
}

}  // namespace eilpost::bench
