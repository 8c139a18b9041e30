// The load generator's command line. Exit status: 0 when every answer was right, 1 when not, 2 for
// a wrong command line.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "bench/workloads.h"

namespace eilpost::bench {
namespace {

using Start = std::function<Task<Result<>>(World&)>;

void add_target(CLI::App& app, Target& target) {
  app.add_option("--host", target.host, "The server's address")->capture_default_str();
  app.add_option("--imap", target.imap_port, "Its IMAP port")->capture_default_str();
  app.add_option("--imaps", target.imaps_port, "Its IMAP port with TLS")->capture_default_str();
  app.add_option("--lmtp", target.lmtp_port, "Its LMTP port")->capture_default_str();
  app.add_option("--accounts", target.accounts, "user1@DOMAIN to userN@DOMAIN are there")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--first-account", target.first_account, "Leave out so many of them");
  app.add_option("--domain", target.domain, "Their domain")->capture_default_str();
  app.add_option("--password", target.password, "Their password")->capture_default_str();
  app.add_option("--seed", target.seed, "Of everything that is drawn")->capture_default_str();
  app.add_option("--pid", target.pid, "The server's first process, to see what it costs");
  app.add_option("--disk", target.disk, "A path on its disk, to count what is written");
}

void add_place(CLI::App* command, Place& place) {
  command->add_option("--account", place.account, "Counted from 0")->capture_default_str();
  command->add_option("--mailbox", place.mailbox, "Its folder")->capture_default_str();
}

// A subcommand with its options; `options` lives as long as the program.
template <class Options>
CLI::App* add(CLI::App& app, const std::string& name, const std::string& help, Options& options,
              Task<Result<>> (*run)(World&, Options), Start& start) {
  CLI::App* command = app.add_subcommand(name, help);
  command->callback([&options, run, &start] {
    start = [&options, run](World& world) { return run(world, options); };
  });
  return command;
}

struct AllOptions {
  DeliverOptions append;
  DeliverOptions lmtp;
  FillOptions fill;
  SelectOptions select;
  FetchOptions fetch;
  OrderOptions order;
  FlagOptions flag;
  FlagsOptions flags;
  BodyOptions body;
  SinkOptions sink;
  MixedOptions mixed;
  IdleOptions idle;
};

void add_deliver(CLI::App* command, DeliverOptions& options) {
  command->add_option("--connections", options.connections)->capture_default_str();
  command->add_option("--seconds", options.seconds)->capture_default_str();
  command->add_option("--bytes", options.bytes, "Of a message")->capture_default_str();
}

void add_mailbox_commands(CLI::App& app, AllOptions& all, Start& start) {
  CLI::App* fill = add(app, "fill", "Append to a folder until it holds so many messages", all.fill,
                       run_fill, start);
  add_place(fill, all.fill.place);
  fill->add_option("--messages", all.fill.messages)->required();
  fill->add_option("--bytes", all.fill.bytes, "Of a message; 0: small ones that differ")
      ->capture_default_str();
  fill->add_option("--batch", all.fill.batch, "Messages in one MULTIAPPEND")->capture_default_str();
  CLI::App* select = add(app, "select", "SELECT a folder", all.select, run_select, start);
  add_place(select, all.select.place);
  select->add_option("--sessions", all.select.sessions, "That stay")->capture_default_str();
  select->add_option("--repeat", all.select.repeat, "That do not")->capture_default_str();
  CLI::App* fetch = add(app, "fetch", "FETCH of many messages", all.fetch, run_fetch, start);
  add_place(fetch, all.fetch.place);
  fetch->add_option("--messages", all.fetch.messages, "0: all")->capture_default_str();
  fetch->add_option("--item", all.fetch.item)
      ->check(CLI::IsMember({"flags", "envelope", "bodystructure"}))
      ->capture_default_str();
  fetch->add_option("--repeat", all.fetch.repeat)->capture_default_str();
  CLI::App* order = add(app, "order", "SORT or THREAD of a folder", all.order, run_order, start);
  add_place(order, all.order.place);
  order->add_option("--by", all.order.by)
      ->check(CLI::IsMember({"date", "subject", "references"}))
      ->capture_default_str();
  order->add_option("--repeat", all.order.repeat)->capture_default_str();
  CLI::App* flag = add(app, "flag", "STORE one flag at a time", all.flag, run_flag, start);
  add_place(flag, all.flag.place);
  flag->add_option("--repeat", all.flag.repeat)->capture_default_str();
  CLI::App* body =
      add(app, "body", "BODY.PEEK[] of what fill made, over TLS", all.body, run_body, start);
  add_place(body, all.body.place);
  body->add_option("--bytes", all.body.bytes, "As given to fill")->required();
  body->add_option("--seconds", all.body.seconds)->capture_default_str();
}

void add_load_commands(CLI::App& app, AllOptions& all, Start& start) {
  all.lmtp.lmtp = true;
  add_deliver(add(app, "append", "Durable APPENDs", all.append, run_deliver, start), all.append);
  add_deliver(add(app, "lmtp", "Durable LMTP deliveries", all.lmtp, run_deliver, start), all.lmtp);
  CLI::App* mixed = add(app, "mixed", "Everything that sessions do", all.mixed, run_mixed, start);
  mixed->add_option("--sessions", all.mixed.sessions)->capture_default_str();
  mixed->add_option("--seconds", all.mixed.seconds)->capture_default_str();
  mixed->add_option("--messages", all.mixed.messages, "In each INBOX")->capture_default_str();
  mixed->add_option("--bytes", all.mixed.bytes, "Of a message")->capture_default_str();
  CLI::App* idle =
      add(app, "idle", "TLS sessions in IDLE, then deliveries", all.idle, run_idle, start);
  idle->add_option("--sessions", all.idle.sessions)->capture_default_str();
  idle->add_option("--settle", all.idle.settle_seconds, "Seconds before memory is looked at")
      ->capture_default_str();
  idle->add_option("--seconds", all.idle.seconds, "Of deliveries")->capture_default_str();
  idle->add_flag("--compress", all.idle.compress, "Sessions with COMPRESS=DEFLATE");
  idle->add_option("--per-second", all.idle.per_second)->capture_default_str();
  idle->add_option("--deliverers", all.idle.deliverers, "LMTP connections")->capture_default_str();
  CLI::App* flags =
      add(app, "flags", "STORE from many connections at once", all.flags, run_flags, start);
  flags->add_option("--connections", all.flags.connections)->capture_default_str();
  flags->add_option("--seconds", all.flags.seconds)->capture_default_str();
  flags->add_option("--messages", all.flags.messages, "In each INBOX")->capture_default_str();
  flags->add_option("--first", all.flags.first_writer, "Number of the first of these writers")
      ->capture_default_str();
  flags->add_option("--of", all.flags.writers_in_all, "Writers in all")->capture_default_str();
  CLI::App* sink = add(app, "sink", "Read all that a TLS server sends", all.sink, run_sink, start);
  sink->add_option("--port", all.sink.port)->required();
}

// Thousands of connections need as many descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(World& world, const Start& start) {
  raise_descriptor_limit();
  net::TlsClientSettings settings;
  settings.verify = false;  // the certificate of a server on trial is self-signed
  auto tls = net::TlsContext::client(settings);
  if (!tls) {
    fmt::print(stderr, "eilpost_load: {}\n", tls.error().detail);
    return 1;
  }
  world.target.tls = *tls;
  net::IoPool pool(1);
  const auto outcome = net::block_on(pool.executor(0), start(world));
  if (!outcome) world.problems.add(outcome.error().detail);
  return world.problems.count() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace eilpost::bench

int main(int argc, char** argv) {
  using namespace eilpost::bench;
  CLI::App app("Loads an IMAP and LMTP server, and says what it bore", "eilpost_load");
  app.require_subcommand(1);
  World world;
  AllOptions all;
  Start start;
  add_target(app, world.target);
  add_load_commands(app, all, start);
  add_mailbox_commands(app, all, start);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return run(world, start);
}
