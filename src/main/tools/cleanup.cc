// `eilpost cleanup`: options, the question before a purge, and the order of things: look, show, and
// only with --apply change.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "main/config/config.h"
#include "main/tools/cleanup/report.h"
#include "main/tools/cleanup/rules_file.h"
#include "main/tools/tools.h"

namespace eilpost {

namespace {

using client::Action;
using client::Rule;

struct CleanupArguments {
  AccountArguments account;
  Rule rule;
  std::string marked;  // "": what the action means
  std::string seen = "any";
  std::string flagged = "any";
  std::string age_by = "arrival";
  std::string larger_than;
  std::string rules_file;
  std::string journal;
  std::string run;
  uint64_t ask_above = 100;
  bool apply = false;
  bool yes = false;
  CleanupReportOptions report;
};

Result<client::Want> want(const std::string& option, const std::string& word) {
  const auto wanted = client::want_named(word);
  if (!wanted) return fail(Code::invalid, option + ": expected yes, no or any");
  return *wanted;
}

Result<std::vector<Rule>> rules_of(const CleanupArguments& arguments) {
  Rule rule = arguments.rule;
  if (!arguments.marked.empty()) rule.marked = TRY(want("--marked", arguments.marked));
  rule.seen = TRY(want("--seen", arguments.seen));
  rule.flagged = TRY(want("--flagged", arguments.flagged));
  if (arguments.age_by != "arrival" && arguments.age_by != "date") {
    return fail(Code::invalid, "--age-by: expected arrival or date");
  }
  rule.by_date_header = arguments.age_by == "date";
  if (!arguments.larger_than.empty()) {
    auto size = client::parse_size(arguments.larger_than);
    if (!size) return wrap(std::move(size).error(), "--larger-than");
    rule.larger_than = *size;
  }
  std::vector<Rule> out;
  out.push_back(TRY(client::complete_rule(std::move(rule))));
  return out;
}

Result<std::vector<Rule>> rules_from(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail_errno(file, errno);
  std::ostringstream text;
  text << in.rdbuf();
  CleanupRules rules = parse_cleanup_rules(text.str());
  if (rules.problems.empty()) return std::move(rules.rules);
  std::string all;
  for (const ConfigProblem& problem : rules.problems) {
    all += (all.empty() ? "" : "\n") + print_problem(file, problem);
  }
  return fail(Code::invalid, all);
}

// $XDG_STATE_HOME/eilpost/cleanup/ACCOUNT.journal (XDG Base Directory Specification).
Result<std::string> journal_path(const CleanupArguments& arguments, const std::string& account) {
  if (!arguments.journal.empty()) return arguments.journal;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string path;
  if (state != nullptr && *state == '/') {
    path = state;
  } else if (home != nullptr && *home != '\0') {
    path = std::string(home) + "/.local/state";
  } else {
    return fail(Code::invalid, "--journal: must be given where there is no HOME");
  }
  path += "/eilpost/cleanup/";
  for (const char c : account) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("@._-").find(c) != std::string_view::npos;
    path += plain ? c : '_';
  }
  return path + ".journal";
}

// Asked on the terminal; without one the answer has to be on the command line.
Result<bool> confirm(const std::string& question) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) return fail(Code::invalid, "no terminal to ask on: --yes agrees beforehand");
  const std::string asked = question + " Type yes to go on: ";
  (void)!::write(terminal, asked.data(), asked.size());
  std::string answer;
  char octet = 0;
  while (answer.size() < 16 && ::read(terminal, &octet, 1) == 1 && octet != '\n') answer += octet;
  ::close(terminal);
  return answer == "yes";
}

// The plans of all rules, shown as they are found.
net::Task<Result<std::vector<client::Plan>>> look(client::Account& account, std::vector<Rule> rules,
                                                  CleanupReport& report, ToolWorld& world,
                                                  Timestamp now) {
  auto session = co_await account.connect();
  CO_TRY(session);
  auto show = [&report, &world](const Rule& rule, const std::string& mailbox,
                                const client::Message& message,
                                const client::Place* original) -> Result<> {
    report.message(rule, mailbox, message, original);
    if (world.stopping()) return fail(Code::cancelled, "stopped; nothing was changed");
    if (world.output.gone) return fail(Code::closed, "nobody reads the list any more");
    return {};
  };
  client::Finder finder(**session, now, std::move(show));
  std::vector<client::Plan> out;
  const bool several = rules.size() > 1;
  for (Rule& rule : rules) {
    const std::string name = rule.name;
    auto plan = co_await finder.find(std::move(rule));
    if (!plan && several && plan.error().code == Code::not_found) {
      world.output.error("{}: {}\n", name, plan.error().detail);
      continue;
    }
    CO_TRY(plan);
    report.plan(*plan);
    out.push_back(std::move(*plan));
  }
  co_await (*session)->logout();
  co_return out;
}

client::ChangerOptions changer_options(ToolWorld& world, Timestamp now, bool json) {
  client::ChangerOptions out;
  std::string stamp = time_text(now.seconds());
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  out.run = fmt::format("{}-{:04x}", stamp, world.random.below(0x10000));
  out.now = now;
  out.stop = &world.stop_signal();
  out.stopping = &world.stopping();
  if (!json) out.progress = [&world](const std::string& text) { world.output.error("{}\n", text); };
  return out;
}

Result<> ask_before_purge(const CleanupArguments& arguments,
                          const std::vector<client::Plan>& plans) {
  uint64_t purged = 0;
  for (const client::Plan& plan : plans) {
    if (plan.rule.action == Action::purge) purged += plan.messages();
  }
  if (purged <= arguments.ask_above || arguments.yes) return {};
  const bool agreed = TRY(confirm(fmt::format(
      "{} will be removed for ever; undo cannot bring them back.", messages_text(purged))));
  if (!agreed) return fail(Code::cancelled, "nothing was changed");
  return {};
}

net::Task<Result<int>> change(client::Account& account, std::vector<client::Plan> plans,
                              client::Journal& journal, client::ChangerOptions options,
                              CleanupReport& report) {
  client::Changer changer(account, journal, std::move(options));
  int code = 0;
  for (client::Plan& plan : plans) {
    if (plan.rule.action == Action::list || plan.messages() == 0) continue;
    client::Plan shown;
    shown.rule = plan.rule;
    auto totals = co_await changer.apply(std::move(plan));
    CO_TRY(totals);
    report.changed(shown, *totals);
    if (!totals->troubles.empty()) code = 1;
  }
  co_await changer.logout();
  co_return code;
}

Result<int> run_rules(ToolWorld& world, const CleanupArguments& arguments,
                      std::vector<Rule> rules) {
  auto account = TRY(
      client::Account::make(TRY(account_spec(arguments.account, "")), world.hooks(), world.random));
  const std::string path = TRY(journal_path(arguments, client::journal_account(*account)));
  std::unique_ptr<client::Journal> journal;
  if (arguments.apply) journal = TRY(client::Journal::open(path));
  TRY(account->read_secret_now());
  const Timestamp now = world.clock.now();
  CleanupReport report(world.output, arguments.report, now);
  auto looked =
      net::block_on(world.executor(), look(*account, std::move(rules), report, world, now));
  if (!looked) {
    world.output.error("eilpost cleanup: {}\n", looked.error().detail);
    return 1;  // whatever the server said: the usage was right
  }
  std::vector<client::Plan> plans = std::move(*looked);
  uint64_t changes = 0;
  bool can_undo = false;
  int code = 0;
  for (const client::Plan& plan : plans) {
    if (plan.rule.action != Action::list) changes += plan.messages();
    can_undo = can_undo || (plan.rule.action != Action::purge && plan.messages() > 0);
    const bool trouble =
        std::any_of(plan.shares.begin(), plan.shares.end(),
                    [](const client::Share& share) { return !share.trouble.empty(); });
    if (trouble) code = 1;
  }
  if (!arguments.apply || changes == 0) {
    report.end(arguments.apply);
    if (changes > 0) world.output.error("Nothing was changed; --apply does it.\n");
    return code;
  }
  TRY(ask_before_purge(arguments, plans));
  auto options = changer_options(world, now, arguments.report.json);
  const std::string run = options.run;
  const int changed = world.run(
      "cleanup", change(*account, std::move(plans), *journal, std::move(options), report));
  report.end(true);
  const auto& entries = journal->entries();
  if (can_undo && !entries.empty() && entries.back().run == run) {
    world.output.error("eilpost cleanup undo --run {} takes it back.\n", run);
  }
  return changed != 0 ? changed : code;
}

net::Task<Result<int>> take_back(client::Account& account, client::Journal& journal,
                                 std::string run, client::ChangerOptions options,
                                 CleanupReport& report) {
  client::Changer changer(account, journal, std::move(options));
  auto totals = co_await changer.undo(std::move(run));
  CO_TRY(totals);
  report.undone(*totals);
  co_await changer.logout();
  co_return totals->troubles.empty() && totals->lost == 0 ? 0 : 1;
}

// What undo is about: the account, its journal, the run.
struct Past {
  std::unique_ptr<client::Account> account;
  std::unique_ptr<client::Journal> journal;
};

Result<Past> open_past(ToolWorld& world, const CleanupArguments& arguments) {
  Past out;
  out.account = TRY(
      client::Account::make(TRY(account_spec(arguments.account, "")), world.hooks(), world.random));
  const std::string path = TRY(journal_path(arguments, client::journal_account(*out.account)));
  if (::access(path.c_str(), F_OK) != 0) return fail_errno(path, errno);
  out.journal = TRY(client::Journal::open(path));
  if (out.journal->unreadable() > 0) {
    world.output.error("{}: {} lines are no records and were passed over\n", path,
                       out.journal->unreadable());
  }
  return out;
}

Result<int> run_undo(ToolWorld& world, const CleanupArguments& arguments) {
  Past past = TRY(open_past(world, arguments));
  const std::string label = client::journal_account(*past.account);
  const std::string run =
      arguments.run.empty() ? client::last_run(*past.journal, label) : arguments.run;
  if (run.empty()) return fail(Code::not_found, "the journal has nothing to take back");
  const Timestamp now = world.clock.now();
  CleanupReport report(world.output, arguments.report, now);
  if (!arguments.apply) {
    bool known = false;
    for (const client::Journal::Entry& entry : past.journal->entries()) {
      if (entry.run != run || entry.account != label) continue;
      known = true;
      if (entry.state == client::Journal::State::open) {
        world.output.error("change {} was interrupted; --apply finds out how it ended\n",
                           entry.number);
      }
      if (entry.state != client::Journal::State::done || entry.undone) continue;
      const client::Change change = TRY(past.journal->change(entry));
      const client::Outcome outcome = TRY(past.journal->outcome(entry));
      report.undoable(change, outcome);
    }
    if (!known) return fail(Code::not_found, "the journal has no run " + run);
    world.output.error("Nothing was changed; --apply takes run {} back.\n", run);
    return 0;
  }
  TRY(past.account->read_secret_now());
  auto options = changer_options(world, now, arguments.report.json);
  return world.run("cleanup",
                   take_back(*past.account, *past.journal, run, std::move(options), report));
}

Result<int> run_journal(ToolWorld& world, const CleanupArguments& arguments) {
  Past past = TRY(open_past(world, arguments));
  CleanupReport report(world.output, arguments.report, world.clock.now());
  report.runs(*past.journal, client::journal_account(*past.account));
  return 0;
}

// --- the command line ---

using Arguments = std::shared_ptr<CleanupArguments>;

void add_selection_options(CLI::App& command, CleanupArguments& arguments) {
  Rule& rule = arguments.rule;
  command
      .add_option("--mailbox", rule.mailboxes,
                  "A mailbox or a LIST pattern (\"*\" for all); may be repeated")
      ->type_name("PATTERN")
      ->capture_default_str();
  command.add_option("--exclude", rule.exclude, "But not these; may be repeated")
      ->type_name("PATTERN");
  command
      .add_option("--marked", arguments.marked,
                  "Marked \\Deleted: yes, no or any; without it what the command is for")
      ->type_name("YES|NO|ANY");
  command.add_option("--seen", arguments.seen, "Read: yes, no or any")->type_name("YES|NO|ANY");
  command.add_option("--flagged", arguments.flagged, "Flagged: yes, no or any")
      ->type_name("YES|NO|ANY");
  command.add_option("--older-than", rule.older_than_days, "Older than so many days")
      ->type_name("DAYS")
      ->check(CLI::Range(1, 36'500));
  command
      .add_option("--age-by", arguments.age_by,
                  "Age by arrival at the server, or by the Date that the message says")
      ->type_name("ARRIVAL|DATE")
      ->capture_default_str();
  command.add_option("--larger-than", arguments.larger_than, "Larger than this, such as 5M")
      ->type_name("SIZE");
  command.add_option("--from", rule.from, "With this in From")->type_name("TEXT");
  command.add_option("--subject", rule.subject, "With this in Subject")->type_name("TEXT");
  command.add_flag("--duplicates", rule.duplicates,
                   "All but one of the messages that have the same content");
  command.add_flag("--across", rule.across,
                   "Duplicates across mailboxes (not Trash and Junk), not only within each");
}

void add_output_options(CLI::App& command, CleanupArguments& arguments) {
  command.add_flag("--json", arguments.report.json, "Print JSON, one object a line");
  command.add_flag("--summary", arguments.report.summary, "Print sums only, no single messages");
}

void add_apply_options(CLI::App& command, CleanupArguments& arguments) {
  command.add_flag("--apply", arguments.apply, "Do it; without this it is only shown");
  command
      .add_option("--journal", arguments.journal,
                  "What is changed is written down here (in ~/.local/state/eilpost/cleanup)")
      ->type_name("FILE");
}

void add_purge_options(CLI::App& command, CleanupArguments& arguments) {
  command
      .add_option("--ask-above", arguments.ask_above,
                  "Ask before more than so many messages are removed for ever")
      ->type_name("MESSAGES")
      ->capture_default_str();
  command.add_flag("--yes", arguments.yes, "Agree to that beforehand");
}

using Run = Result<int> (*)(ToolWorld& world, const CleanupArguments& arguments);

Result<int> run_options(ToolWorld& world, const CleanupArguments& arguments) {
  return run_rules(world, arguments, TRY(rules_of(arguments)));
}

Result<int> run_rules_file(ToolWorld& world, const CleanupArguments& arguments) {
  return run_rules(world, arguments, TRY(rules_from(arguments.rules_file)));
}

// The subcommand, which sets `action` when it is chosen.
CLI::App* add_command(CLI::App& parent, const ToolHost& host, const Arguments& arguments,
                      const char* name, const char* help, Run run) {
  CLI::App* command = add_tool(parent, name, help);
  add_account_options(*command, "", arguments->account);
  command->callback([arguments, run, name = std::string(name), choose = host.choose] {
    choose([arguments, run, name] {
      if (const auto action = client::action_named(name)) arguments->rule.action = *action;
      ToolWorld world;
      const auto code = run(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost cleanup: {}\n", code.error().detail);
      return code.error().code == Code::invalid ? 2 : 1;
    });
  });
  return command;
}

}  // namespace

void add_cleanup(ToolHost& host) {
  // Shared with the commands' callbacks, which outlive this function.
  auto arguments = std::make_shared<CleanupArguments>();
  CLI::App* parent = add_tool(host.app, "cleanup",
                              "Find, undelete, purge, move and de-duplicate mail on any server");
  parent->require_subcommand(1);
  struct Selecting {
    const char* name;
    const char* help;
    Action action;
  };
  for (const Selecting& one :
       {Selecting{"list", "Show messages; without a condition those marked \\Deleted",
                  Action::list},
        Selecting{"undelete", "Take the mark \\Deleted away", Action::undelete},
        Selecting{"mark", "Mark messages \\Deleted", Action::mark},
        Selecting{"trash", "Move messages to Trash, or to another mailbox", Action::trash},
        Selecting{"purge", "Remove for ever what is marked \\Deleted", Action::purge}}) {
    CLI::App* command = add_command(*parent, host, arguments, one.name, one.help, run_options);
    add_selection_options(*command, *arguments);
    add_output_options(*command, *arguments);
    if (one.action != Action::list) add_apply_options(*command, *arguments);
    if (one.action == Action::purge) add_purge_options(*command, *arguments);
    if (one.action == Action::trash) {
      command->add_option("--to", arguments->rule.target, "This mailbox instead of Trash")
          ->type_name("MAILBOX");
    }
  }
  CLI::App* rules = add_command(*parent, host, arguments, "rules",
                                "Do what the rules of a TOML file say", run_rules_file);
  rules->add_option("file", arguments->rules_file, "The file")->type_name("FILE")->required();
  add_output_options(*rules, *arguments);
  add_apply_options(*rules, *arguments);
  add_purge_options(*rules, *arguments);
  CLI::App* undo = add_command(*parent, host, arguments, "undo",
                               "Put back what a run has moved or marked", run_undo);
  undo->add_option("--run", arguments->run, "This run; without it the last one")->type_name("RUN");
  add_output_options(*undo, *arguments);
  add_apply_options(*undo, *arguments);
  CLI::App* journal = add_command(*parent, host, arguments, "journal",
                                  "Show the runs that the journal knows", run_journal);
  journal->add_option("--journal", arguments->journal, "The journal")->type_name("FILE");
  journal->add_flag("--json", arguments->report.json, "Print JSON, one object a line");
  parent->footer(
      "For example: eilpost cleanup list --server imaps://imap.example.org --user "
      "anna@example.org\n"
      "Nothing is changed without --apply. What is moved or marked can be put back by undo; what "
      "is "
      "purged cannot.\nExit codes: 0 done, 1 failed or not all of it could be done, 2 wrong "
      "usage.");
}

}  // namespace eilpost
