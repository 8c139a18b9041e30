// `eilpost sync`: options, questions on the terminal, and what is told at the end.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "client/sync/live.h"
#include "client/sync/syncer.h"
#include "main/progress.h"
#include "main/tools/tools.h"

namespace eilpost {

namespace {

constexpr int exit_undone = 3;

struct SyncArguments {
  AccountArguments account;
  client::SyncOptions options;
  std::string maildir;
  std::string layout = "maildir++";
  std::string state_file;
  bool rebuild = false;
  bool no_fsync = false;
  bool yes = false;
  bool quiet = false;
  bool json = false;
  bool watch = false;
  int poll_seconds = 300;
};

client::MaildirLayout layout_of(const SyncArguments& arguments) {
  return arguments.layout == "nested" ? client::MaildirLayout::nested : client::MaildirLayout::plus;
}

// On the terminal, whatever standard input is; no terminal: no.
bool ask(const std::string& question) {
  std::FILE* terminal = std::fopen("/dev/tty", "r+");
  if (terminal == nullptr) return false;
  std::fprintf(terminal, "%s\nRemove them? Type yes to do so: ", question.c_str());
  std::fflush(terminal);
  char answer[16] = {};
  const bool yes =
      std::fgets(answer, sizeof answer, terminal) != nullptr && std::string(answer) == "yes\n";
  std::fclose(terminal);
  return yes;
}

// Files of SQLite's beside the database.
void forget(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    std::error_code error;
    std::filesystem::remove(path + suffix, error);
  }
}

// A state that nothing is known to, and that goes with the process.
Result<client::SyncState> empty_state(const std::string& account) {
  std::string directory = std::filesystem::temp_directory_path() / "eilpost-sync-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return fail_errno(directory, errno);
  auto state = client::SyncState::open(directory + "/state", account);
  std::error_code ignored;  // its files stay open
  std::filesystem::remove_all(directory, ignored);
  return state;
}

Result<client::SyncState> open_state(ToolWorld& world, const SyncArguments& arguments,
                                     const std::string& path, const std::string& account) {
  if (arguments.rebuild && arguments.options.dry_run) return empty_state(account);
  if (arguments.rebuild) {
    // Not under the feet of another process.
    TRY(client::Database::open(path));
    forget(path);
  }
  auto state = client::SyncState::open(path, account);
  if (state || state.error().code != Code::corrupt) return state;
  world.output.error("{}; what belongs together is found anew\n", state.error().detail);
  const std::string aside = path + ".broken";
  std::error_code error;
  std::filesystem::rename(path, aside, error);
  forget(path);
  return client::SyncState::open(path, account);
}

void tell_report(Output& output, const SyncArguments& arguments, const client::SyncReport& r) {
  for (const std::string& line : r.undone) output.error("left as it is: {}\n", line);
  if (r.undone_count > r.undone.size()) {
    output.error("left as it is: {} more\n", r.undone_count - r.undone.size());
  }
  if (arguments.json) {
    output.print(
        "{{\"mailboxes\":{},\"downloaded\":{},\"uploaded\":{},\"paired\":{},"
        "\"moved_on_server\":{},\"moved_locally\":{},\"removed_on_server\":{},"
        "\"removed_locally\":{},\"flags_on_server\":{},\"flags_locally\":{},\"left\":{}}}\n",
        r.mailboxes, r.downloaded, r.uploaded, r.paired, r.moved_on_server, r.moved_locally,
        r.removed_on_server, r.removed_locally, r.flags_on_server, r.flags_locally, r.undone_count);
    return;
  }
  if (arguments.quiet) return;
  if (arguments.options.dry_run) {
    output.print("{} mailboxes, nothing was changed\n", r.mailboxes);
    return;
  }
  if (!r.changed_anything()) {
    output.print("{} mailboxes, nothing to do\n", r.mailboxes);
    return;
  }
  std::string line = fmt::format("{} mailboxes", r.mailboxes);
  const auto add = [&line](uint64_t count, const char* what) {
    if (count > 0) line += fmt::format(", {} {}", count, what);
  };
  add(r.downloaded, "downloaded");
  add(r.uploaded, "uploaded");
  add(r.paired, "paired");
  add(r.moved_on_server, "moved on the server");
  add(r.moved_locally, "moved in the Maildir");
  add(r.removed_on_server, "removed from the server");
  add(r.removed_locally, "removed from the Maildir");
  add(r.flags_on_server, "flagged on the server");
  add(r.flags_locally, "flagged in the Maildir");
  output.print("{}\n", line);
}

net::Task<Result<int>> sync_once(client::Syncer& syncer, ToolWorld& world,
                                 const SyncArguments& arguments, Progress& progress) {
  auto report = co_await syncer.run();
  progress.finish();
  CO_TRY(report);
  tell_report(world.output, arguments, *report);
  if (report->stopped) co_return 1;
  co_return report->undone_count > 0 ? exit_undone : 0;
}

net::Task<Result<int>> sync_live(client::Syncer& syncer, client::LiveOptions options,
                                 client::LiveHooks hooks, ToolWorld& world,
                                 client::Account& account, const client::MaildirTree& tree) {
  client::LiveSync live(syncer, account, tree, std::move(options), std::move(hooks),
                        world.stop_signal(), world.stopping());
  auto done = co_await live.run();
  CO_TRY(done);
  co_return 0;
}

Result<int> run_sync(ToolWorld& world, const SyncArguments& arguments) {
  client::AccountSpec spec = TRY(account_spec(arguments.account, ""));
  auto account = TRY(client::Account::make(std::move(spec), world.hooks(), world.random));
  client::MaildirTree tree =
      TRY(client::MaildirTree::make(arguments.maildir, layout_of(arguments)));
  const std::string path =
      arguments.state_file.empty() ? tree.root() + "/eilpost-sync.db" : arguments.state_file;
  client::SyncState state = TRY(open_state(world, arguments, path, account->label()));
  TRY(account->read_secret_now());
  client::SyncOptions options = arguments.options;
  options.durable = !arguments.no_fsync;
  Progress progress(world.output, world.clock);
  client::SyncHooks hooks;
  hooks.tell = [&](const std::string& line) {
    progress.finish();
    if (!arguments.quiet) world.output.error("{}\n", line);
  };
  hooks.progress = [&](std::string_view label, uint64_t done, uint64_t total) {
    if (!arguments.quiet) progress.show(label, done, total);
  };
  hooks.consent = [&](const std::string& question) {
    progress.finish();
    return arguments.yes || ask(question);
  };
  client::Syncer syncer(*account, tree, state, std::move(options), std::move(hooks),
                        world.stopping());
  if (!arguments.watch) return world.run("sync", sync_once(syncer, world, arguments, progress));
  client::LiveOptions live;
  live.patterns = arguments.options.patterns;
  live.poll_seconds = arguments.poll_seconds;
  client::LiveHooks live_hooks;
  live_hooks.tell = [&](const std::string& line) {
    if (!arguments.quiet) world.output.error("{}\n", line);
  };
  live_hooks.report = [&](const client::SyncReport& report) {
    progress.finish();
    if (report.changed_anything() || report.undone_count > 0) {
      tell_report(world.output, arguments, report);
    }
  };
  return world.run(
      "sync", sync_live(syncer, std::move(live), std::move(live_hooks), world, *account, tree));
}

void add_options(CLI::App& command, SyncArguments& arguments) {
  client::SyncOptions& options = arguments.options;
  command.add_option("--maildir", arguments.maildir, "The Maildir; made when it is missing")
      ->type_name("DIR")
      ->required();
  command.add_option("--layout", arguments.layout, "How mailboxes lie in it: maildir++ or nested")
      ->check(CLI::IsMember({"maildir++", "nested"}))
      ->capture_default_str();
  command
      .add_option("--mailbox", options.patterns,
                  "A mailbox or a LIST pattern (\"*\" for all); may be repeated")
      ->type_name("PATTERN")
      ->capture_default_str();
  command.add_option("--exclude", options.exclude, "Not these; may be repeated")
      ->type_name("PATTERN");
  command
      .add_option("--max-delete", options.limits.messages_max,
                  "Ask before a run removes more messages than this")
      ->type_name("COUNT")
      ->capture_default_str();
  command.add_flag("--allow-empty", options.limits.allow_empty,
                   "Mailboxes may lose all their messages without a question");
  command.add_flag("--yes", arguments.yes, "Answer such questions with yes");
  command.add_flag("--restore", options.restore,
                   "Make mailboxes again that are gone from one side, with what the other has");
  command
      .add_option("--trash", options.trash,
                  "Move what was removed in the Maildir there on the server, do not expunge it")
      ->type_name("MAILBOX");
  command
      .add_option("--state", arguments.state_file,
                  "Where to remember (default: eilpost-sync.db in the Maildir)")
      ->type_name("FILE");
  command.add_flag("--rebuild", arguments.rebuild,
                   "Throw away what is remembered, and find out anew what belongs together");
  command.add_flag("--dry-run", options.dry_run, "Tell what would be done, and do nothing");
  command.add_flag("--no-fsync", arguments.no_fsync,
                   "Leave it to the system when messages reach the disk");
  command.add_option("--connections", options.connections, "Connections for downloads")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();
  command.add_flag("--watch", arguments.watch, "Stay, and keep both in step as things happen");
  command
      .add_option("--poll", arguments.poll_seconds,
                  "With --watch: seconds between two looks at everything")
      ->check(CLI::Range(5, 86400))
      ->capture_default_str();
  command.add_flag("--json", arguments.json, "Print what was done as JSON, one line a run");
  command.add_flag("--quiet", arguments.quiet, "Print nothing but errors");
}

}  // namespace

void add_sync(ToolHost& host) {
  // Shared with the command's callback, which outlives this function.
  auto arguments = std::make_shared<SyncArguments>();
  auto* command = add_tool(
      host.app, "sync", "Keep a Maildir and the mailboxes of any IMAP server in step, both ways");
  add_account_options(*command, "", arguments->account);
  add_options(*command, *arguments);
  command->footer(
      "For example: eilpost sync --server imaps://imap.example.org --user anna@example.org \\\n"
      "                          --maildir ~/Mail\n"
      "New messages, flags, keywords, moves between mailboxes and removals go both ways. Nothing\n"
      "is removed because a side is empty, missing or new. What is remembered may be thrown away:\n"
      "messages are then paired by their content. Any program may work in the Maildir meanwhile.\n"
      "Exit codes: 0 both are in step, 1 failed or interrupted, 2 wrong usage, 3 something was\n"
      "left as it is: a removal that nobody has agreed to, a message that the server refuses, a\n"
      "mailbox that is gone from one side, a server that does not do what it says.");
  command->callback([arguments, choose = host.choose] {
    choose([arguments] {
      ToolWorld world;
      const auto code = run_sync(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost sync: {}\n", code.error().detail);
      return code.error().code == Code::invalid ? 2 : 1;
    });
  });
}

}  // namespace eilpost
