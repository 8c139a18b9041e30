// `eilpost watch`: options, and what is done with an event: a line, a command, a web hook.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "client/account/shell.h"
#include "client/watch/watcher.h"
#include "main/tools/tools.h"
#include "net/http_client.h"

namespace eilpost {

namespace {

struct WatchArguments {
  AccountArguments account;
  client::WatchOptions options;
  bool json = false;
  bool quiet = false;
  bool once = false;
  bool no_notify = false;
  std::string state_file;
  std::string command;
  std::string hook;
};

Result<client::WatchedMailboxes> load_states(const std::string& path) {
  if (path.empty()) return client::WatchedMailboxes();
  std::ifstream in(path, std::ios::binary);
  if (!in) return client::WatchedMailboxes();  // the first run
  std::ostringstream text;
  text << in.rdbuf();
  auto states = client::parse_states(text.str());
  if (!states) return wrap(std::move(states).error(), path);
  return states;
}

// Into a file beside it, which then takes its place: a crash leaves one or the other.
Result<> save_states(const std::string& path, const client::WatchedMailboxes& states) {
  const std::string beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(beside, errno);
  const std::string text = client::print_states(states);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(fd);
  if (!written) return fail_errno(beside, error);
  if (std::rename(beside.c_str(), path.c_str()) != 0) return fail_errno(path, errno);
  return {};
}

// sh -c COMMAND with the event in the environment; waits for it, so that events keep their order.
Result<int> run_command(const std::string& line, const client::Event& event,
                        const std::string& json) {
  client::ShellCommand command;
  command.line = line;
  command.environment = {
      fmt::format("EILPOST_EVENT={}", client::event_name(event.kind)),
      "EILPOST_MAILBOX=" + event.mailbox,
      fmt::format("EILPOST_COUNT={}", event.count),
      fmt::format("EILPOST_FIRST_UID={}", event.first_uid),
      fmt::format("EILPOST_LAST_UID={}", event.last_uid),
      fmt::format("EILPOST_UNSEEN={}", event.state.unseen),
      fmt::format("EILPOST_MESSAGES={}", event.state.messages),
      "EILPOST_JSON=" + json,
  };
  const pid_t child = TRY(client::start_shell(command));
  return client::wait_for_shell(child);
}

class Teller {
 public:
  Teller(ToolWorld& world, const WatchArguments& arguments, std::string account,
         const net::HttpClient* http)
      : world_(world), arguments_(arguments), account_(std::move(account)), http_(http) {}

  Result<> tell(const std::vector<client::Event>& events) {
    for (const client::Event& event : events) {
      const std::string json = client::print_json(event, account_);
      if (!arguments_.quiet) {
        world_.output.print("{}\n", arguments_.json ? json : client::print_text(event));
        std::fflush(stdout);
      }
      if (world_.output.gone) return fail(Code::closed, "nobody reads the events any more");
      if (!arguments_.command.empty()) {
        const int status = TRY(run_command(arguments_.command, event, json));
        if (status != 0) world_.output.error("the command ended with exit code {}\n", status);
      }
      if (http_ != nullptr) post(json);
    }
    return {};
  }

 private:
  // A hook that fails is told and passed over: the next event may find it well.
  void post(const std::string& json) {
    net::HttpCall call;
    call.method = "POST";
    call.url = arguments_.hook;
    call.headers = {{"Content-Type", "application/json"}};
    call.body = json;
    const auto answer = http_->fetch_wait(std::move(call));
    if (!answer) {
      world_.output.error("web hook: {}\n", answer.error().detail);
    } else if (answer->status >= 300) {
      world_.output.error("web hook: it answered {}\n", answer->status);
    }
  }

  ToolWorld& world_;
  const WatchArguments& arguments_;
  std::string account_;
  const net::HttpClient* http_;
};

net::Task<Result<int>> watch(client::Watcher& watcher, client::WatchedMailboxes known, bool once) {
  Result<> done;
  if (once) {
    done = co_await watcher.once(std::move(known));
  } else {
    done = co_await watcher.run(std::move(known));
  }
  CO_TRY(done);
  co_return 0;
}

Result<int> run_watch(ToolWorld& world, const WatchArguments& arguments) {
  if (arguments.once && arguments.state_file.empty()) {
    return fail(Code::invalid,
                "--once compares with what an earlier run has seen: expected --state");
  }
  client::AccountSpec spec = TRY(account_spec(arguments.account, ""));
  // A wait for a dead server should be short: nothing large is ever asked for.
  spec.silence = std::min(spec.silence, std::chrono::seconds(60));
  auto account = TRY(client::Account::make(std::move(spec), world.hooks(), world.random));
  TRY(account->read_secret_now());
  client::WatchedMailboxes known = TRY(load_states(arguments.state_file));
  std::unique_ptr<net::HttpClient> http;
  if (!arguments.hook.empty()) {
    TRY(net::parse_url(arguments.hook));
    http = TRY(net::HttpClient::create({}));
  }
  Teller teller(world, arguments, account->label(), http.get());
  client::WatchHooks hooks;
  hooks.events = [&teller](const std::vector<client::Event>& events) {
    return teller.tell(events);
  };
  hooks.progress = [&world, &arguments](const std::string& text) {
    if (!arguments.quiet) world.output.error("{}\n", text);
  };
  if (!arguments.state_file.empty()) {
    hooks.states = [&world, &arguments](const client::WatchedMailboxes& states) {
      const auto saved = save_states(arguments.state_file, states);
      if (!saved) world.output.error("{}\n", saved.error().detail);
    };
  }
  client::WatchOptions options = arguments.options;
  options.notify = !arguments.no_notify;
  client::Watcher watcher(*account, std::move(options), std::move(hooks), world.stop_signal(),
                          world.stopping());
  return world.run("watch", watch(watcher, std::move(known), arguments.once));
}

}  // namespace

void add_watch(ToolHost& host) {
  // Shared with the command's callback, which outlives this function.
  auto arguments = std::make_shared<WatchArguments>();
  auto* command =
      add_tool(host.app, "watch", "Tell what happens in mailboxes on any server, as it happens");
  add_account_options(*command, "", arguments->account);
  command
      ->add_option("--mailbox", arguments->options.patterns,
                   "A mailbox or a LIST pattern (\"*\" for all); may be repeated")
      ->type_name("PATTERN")
      ->capture_default_str();
  command->add_option("--exec", arguments->command, "Run this by sh for each event")
      ->type_name("COMMAND");
  command->add_option("--hook", arguments->hook, "POST each event to this URL, as JSON")
      ->type_name("URL");
  command->add_flag("--json", arguments->json, "Print events as JSON, one a line");
  command->add_flag("--quiet", arguments->quiet, "Print nothing but errors");
  command
      ->add_option("--state", arguments->state_file,
                   "Keep here what was seen, and tell at the next start what has happened since")
      ->type_name("FILE");
  command->add_flag("--once", arguments->once, "Compare with --state, tell, and end");
  command
      ->add_option("--connections", arguments->options.idle_connections,
                   "At most so many connections in IDLE where the server has no NOTIFY")
      ->check(CLI::Range(0, 50))
      ->capture_default_str();
  command
      ->add_option("--poll", arguments->options.poll_seconds,
                   "Seconds between two looks at all mailboxes, whatever the server has told")
      ->check(CLI::Range(5, 86400))
      ->capture_default_str();
  command
      ->add_option("--renew", arguments->options.renew_seconds,
                   "Seconds after which IDLE is begun anew and the server has to prove itself")
      ->check(CLI::Range(10, 1740))
      ->capture_default_str();
  command->add_flag("--no-notify", arguments->no_notify, "Do not use NOTIFY");
  command->footer(
      "For example: eilpost watch --server imaps://imap.example.org --user anna@example.org "
      "--mailbox '*'\n"
      "A lost connection is made again, and what happened meanwhile is told as well, marked "
      "caught_up.\n"
      "A command gets EILPOST_EVENT (arrived, removed, changed, created, deleted, reset), "
      "EILPOST_MAILBOX,\n"
      "EILPOST_COUNT, EILPOST_FIRST_UID, EILPOST_LAST_UID, EILPOST_UNSEEN, EILPOST_MESSAGES and\n"
      "EILPOST_JSON. Exit codes: 0 ended by Ctrl-C or --once, 1 failed, 2 wrong usage.");
  command->callback([arguments, choose = host.choose] {
    choose([arguments] {
      ToolWorld world;
      const auto code = run_watch(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost watch: {}\n", code.error().detail);
      return code.error().code == Code::invalid ? 2 : 1;
    });
  });
}

}  // namespace eilpost
