// `eilpost migrate`: options, one account or a list of them, what is shown while it runs.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "client/migrate/batch/batch.h"
#include "client/migrate/migration.h"
#include "client/migrate/sides/file_sides.h"
#include "client/migrate/sides/imap_sides.h"
#include "main/progress.h"
#include "main/tools/tools.h"
#include "net/socket.h"

namespace eilpost {

namespace {

namespace fs = std::filesystem;

struct MigrateArguments {
  AccountArguments from;
  AccountArguments to;
  std::string from_maildir;
  std::string from_mbox;
  std::string to_maildir;
  std::string to_mbox;
  std::string phase = "copy";
  std::vector<std::string> renamed;
  client::MigrateOptions options;
  bool no_special_uses = false;
  bool no_subscriptions = false;
  bool no_acl = false;
  bool no_metadata = false;
  std::string labels = "copies";
  std::string verify = "quick";
  std::string octets_per_day;
  std::string ledger;
  std::string report;
  std::string batch;
  std::vector<std::string> columns;
  bool quiet = false;
};

// What one account's migration is told to do.
struct Job {
  AccountArguments from;
  AccountArguments to;
  std::string from_secret;  // of a list's cell; "" for none
  std::string to_secret;
  std::string from_root;
  std::string to_root;
  std::string ledger;
};

// "500M": K, M and G are 1024 each.
Result<uint64_t> parse_octets(const std::string& text) {
  uint64_t number = 0;
  size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && number < (1ULL << 50); ++at) {
    number = number * 10 + static_cast<uint64_t>(text[at] - '0');
  }
  const std::string unit = text.substr(at);
  constexpr std::string_view units = "KMG";
  const size_t power = unit.size() == 1 ? units.find(unit.front()) : std::string_view::npos;
  if (at == 0 || (!unit.empty() && power == std::string_view::npos)) {
    return fail(Code::invalid, "--octets-per-day: expected a number and K, M or G");
  }
  return unit.empty() ? number : number << (10 * (power + 1));
}

// A file name of its own for each pair of accounts.
std::string default_ledger(const std::string& from, const std::string& to) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = state != nullptr && *state == '/' ? fs::path(state)
                        : home != nullptr                 ? fs::path(home) / ".local/state"
                                                          : fs::path(".");
  std::string name = from + " to " + to;
  for (char& c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  return base / "eilpost" / "migrate" / (name + ".ledger");
}

// What is shown while it runs: on a terminal one line that changes, elsewhere only why it waits.
class Display {
 public:
  Display(ToolWorld& world, bool quiet)
      : world_(world), quiet_(quiet), progress_(world.output, world.clock) {}

  void show(const client::MigrateProgress& now) {
    if (quiet_) return;
    if (!now.waiting.empty() && now.waiting != waiting_) {
      progress_.finish();
      world_.output.error("{}\n", now.waiting);
    }
    waiting_ = now.waiting;
    const int64_t micros = world_.clock.steady_micros();
    if (began_ == 0) {
      began_ = micros;
      done_then_ = now.done;
    }
    const double passed = static_cast<double>(micros - began_) / 1e6;
    std::string label = fmt::format("{:.1f} MB", static_cast<double>(now.octets) / 1e6);
    const uint64_t done = now.done - done_then_;
    if (passed > 1 && done > 0 && now.total > now.done) {
      const auto left = static_cast<int64_t>(static_cast<double>(now.total - now.done) * passed /
                                             static_cast<double>(done));
      label += fmt::format(", {:.0f}/s, {}:{:02}:{:02} left", static_cast<double>(done) / passed,
                           left / 3600, left / 60 % 60, left % 60);
    }
    progress_.show(label + " " + now.mailbox, now.done, std::max(now.total, now.done));
  }
  void finish() { progress_.finish(); }

 private:
  ToolWorld& world_;
  bool quiet_;
  Progress progress_;
  std::string waiting_;
  int64_t began_ = 0;
  uint64_t done_then_ = 0;
};

std::string plan_text(const client::MigrateReport& report) {
  std::string out;
  uint64_t messages = 0;
  for (const client::MailboxReport& mailbox : report.mailboxes) {
    if (!mailbox.left_out.empty()) {
      out += fmt::format("{}: left out, {}\n", mailbox.source, mailbox.left_out);
      continue;
    }
    messages += mailbox.in_source;
    out += fmt::format("{} > {}: {} message{}", mailbox.source, mailbox.target, mailbox.in_source,
                       mailbox.in_source == 1 ? "" : "s");
    out += mailbox.before > 0 ? fmt::format(", {} of them copied\n", mailbox.before) : "\n";
  }
  return out + fmt::format("in all: {} messages; nothing was changed\n", messages);
}

// An account; a secret of the list's own goes to it by a descriptor that only we have.
Result<std::unique_ptr<client::Account>> account_of(ToolWorld& world,
                                                    const AccountArguments& arguments,
                                                    const std::string& prefix,
                                                    const std::string& secret) {
  client::AccountSpec spec = TRY(account_spec(arguments, prefix));
  net::Fd reading;
  if (!secret.empty()) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
    reading = net::Fd(ends[0]);
    const std::string line = secret + "\n";
    const bool fits =
        ::write(ends[1], line.data(), line.size()) == static_cast<ssize_t>(line.size());
    ::close(ends[1]);
    if (!fits) return fail(Code::invalid, "the password is too long");
    spec.secret = {client::SecretSource::Kind::descriptor, std::to_string(reading.get())};
  }
  auto account = TRY(client::Account::make(std::move(spec), world.hooks(), world.random));
  TRY(account->read_secret_now());
  return account;
}

// Whose mail it is.
std::string owner_of(const client::Account& account) {
  const client::AccountSpec& spec = account.spec();
  return spec.authzid.empty() ? spec.name : spec.authzid;
}

net::Task<Result<client::MailSource>> connect_source(client::Account& account) {
  auto session = co_await account.connect();
  CO_TRY(session);
  co_return client::imap_source(std::move(*session), owner_of(account));
}

net::Task<Result<client::MailTarget>> connect_target(client::Account& account) {
  auto session = co_await account.connect();
  CO_TRY(session);
  co_return client::imap_target(std::move(*session), owner_of(account));
}

net::Task<Result<int>> migrate(client::Migration& migration, client::MigratePhase phase,
                               client::MigrateReport& report) {
  report = co_await migration.run(phase);
  co_return 0;
}

client::MigratePhase phase_of(const std::string& name) {
  if (name == "plan") return client::MigratePhase::plan;
  if (name == "cutover") return client::MigratePhase::cutover;
  if (name == "verify") return client::MigratePhase::verify;
  return client::MigratePhase::copy;
}

// 0 whole, 1 could not go on, 3 something is missing or different, 4 to be run again.
int exit_code(const client::MigrateReport& report) {
  if (report.stopped || report.budget) return 4;
  if (!report.error.empty()) return 1;
  return report.whole() ? 0 : 3;
}

Result<client::Ledger> open_ledger(const std::string& path, const std::string& from,
                                   const std::string& to) {
  const fs::path directory = fs::path(path).parent_path();
  std::error_code trouble;
  if (!directory.empty()) fs::create_directories(directory, trouble);
  if (trouble) return fail(Code::io, directory.string() + ": " + trouble.message());
  return client::Ledger::open(path, from, to);
}

// What the functions of MigrateEnds connect to.
struct Accounts {
  std::unique_ptr<client::Account> from;
  std::unique_ptr<client::Account> to;
};

std::string absolute(const std::string& path) {
  std::error_code trouble;
  const fs::path whole = fs::absolute(path, trouble);
  return trouble ? path : whole.lexically_normal().string();
}

Result<client::MigrateEnds> ends_of(ToolWorld& world, const MigrateArguments& arguments,
                                    const Job& job, Accounts& accounts) {
  client::MigrateEnds out;
  if (!arguments.from_maildir.empty()) {
    out.from = "Maildir " + absolute(arguments.from_maildir);
    out.source = [path = arguments.from_maildir] {
      return client::at_once(client::maildir_source(path));
    };
  } else if (!arguments.from_mbox.empty()) {
    out.from = "mbox " + absolute(arguments.from_mbox);
    out.source = [path = arguments.from_mbox] {
      return client::at_once(client::mbox_source(path));
    };
  } else {
    accounts.from = TRY(account_of(world, job.from, "from-", job.from_secret));
    out.from = accounts.from->label();
    out.source = [account = accounts.from.get()] { return connect_source(*account); };
  }
  if (!arguments.to_maildir.empty()) {
    out.to = "Maildir " + absolute(arguments.to_maildir);
    out.target = [path = arguments.to_maildir] {
      return client::at_once(client::maildir_target(path));
    };
  } else if (!arguments.to_mbox.empty()) {
    out.to = "mbox " + absolute(arguments.to_mbox);
    out.target = [path = arguments.to_mbox] { return client::at_once(client::mbox_target(path)); };
  } else {
    accounts.to = TRY(account_of(world, job.to, "to-", job.to_secret));
    out.to = accounts.to->label();
    out.target = [account = accounts.to.get()] { return connect_target(*account); };
  }
  const bool accounts_too = accounts.from != nullptr && accounts.to != nullptr;
  if (out.from == out.to &&
      (!accounts_too || accounts.from->spec().endpoint == accounts.to->spec().endpoint)) {
    return fail(Code::invalid, "source and target are the same");
  }
  return out;
}

Result<client::MigrateReport> run_job(ToolWorld& world, const MigrateArguments& arguments,
                                      const Job& job) {
  Accounts accounts;
  client::MigrateEnds ends = TRY(ends_of(world, arguments, job, accounts));
  const client::MigratePhase phase = phase_of(arguments.phase);
  const std::string path = job.ledger.empty() ? default_ledger(ends.from, ends.to) : job.ledger;
  client::Ledger ledger = TRY(open_ledger(path, ends.from, ends.to));
  client::MigrateOptions options = arguments.options;
  // Files are one side, whoever works on them.
  if (!accounts.from || !accounts.to) options.connections = 1;
  if (!job.from_root.empty()) options.mapping.from_root = job.from_root;
  if (!job.to_root.empty()) options.mapping.to_root = job.to_root;
  net::DiskPoolSettings settings;
  settings.name = "ledger";
  settings.threads = 1;
  net::DiskPool pool(settings);
  Display display(world, arguments.quiet);
  client::MigrateContext context{
      options,
      ledger,
      pool,
      world.clock,
      world.stopping(),
      world.stop_signal(),
      [&display](const client::MigrateProgress& now) { display.show(now); }};
  client::Migration migration(std::move(ends), context);
  client::MigrateReport report;
  world.run("migrate", migrate(migration, phase, report));
  display.finish();
  pool.stop();
  return report;
}

// --- lists of accounts ---

Result<std::string> read_list(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(path, errno);
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(Code::io, path + " cannot be read");
  return text.str();
}

Result<std::vector<Job>> jobs_of_list(const MigrateArguments& arguments) {
  client::ColumnNames columns;
  for (const std::string& text : arguments.columns) {
    auto pair = client::parse_rename(text);
    if (!pair) return fail(Code::invalid, "--column: expected FIELD=HEADER");
    columns.insert(std::move(*pair));
  }
  const std::string text = TRY(read_list(arguments.batch));
  auto rows = client::parse_batch(text, columns);
  if (!rows) return wrap(std::move(rows).error(), arguments.batch);
  const bool secrets = std::any_of(rows->begin(), rows->end(), [](const client::BatchRow& row) {
    return !row.from_password.empty() || !row.to_password.empty();
  });
  struct stat status {};
  if (secrets && ::stat(arguments.batch.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    return fail(Code::invalid, arguments.batch +
                                   " holds passwords and others may read it: chmod "
                                   "600 first");
  }
  std::vector<Job> out;
  for (client::BatchRow& row : *rows) {
    Job job{arguments.from,
            arguments.to,
            row.from_password,
            row.to_password,
            row.from_root,
            row.to_root,
            ""};
    if (!row.from_server.empty()) job.from.server = row.from_server;
    if (!row.to_server.empty()) job.to.server = row.to_server;
    // Who signs in on the command line opens the mailboxes of those in the list.
    (job.from.user.empty() ? job.from.user : job.from.authzid) = row.from_user;
    (job.to.user.empty() ? job.to.user : job.to.authzid) = row.to_user;
    if (!row.from_as.empty()) job.from.authzid = row.from_as;
    if (!row.to_as.empty()) job.to.authzid = row.to_as;
    if (!arguments.ledger.empty()) {
      std::string name = job.from.user + job.from.authzid + " to " + job.to.user + job.to.authzid;
      std::replace(name.begin(), name.end(), '/', '_');
      job.ledger = (fs::path(arguments.ledger) / (name + ".ledger")).string();
    }
    out.push_back(std::move(job));
  }
  return out;
}

Result<> write_report(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(path, errno);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(fd);
  return written ? Result<>() : fail_errno(path, error);
}

Result<int> run_list(ToolWorld& world, const MigrateArguments& arguments) {
  const std::vector<Job> jobs = TRY(jobs_of_list(arguments));
  std::string reports;
  int worst = 0;
  for (const Job& job : jobs) {
    auto report = run_job(world, arguments, job);
    int code = 1;
    if (report) {
      code = exit_code(*report);
      world.output.print("== {} to {}\n", report->from, report->to);
      world.output.print(
          "{}", arguments.phase == "plan" ? plan_text(*report) : client::print_text(*report));
      reports += (reports.empty() ? "" : ",\n") + client::print_json(*report);
    } else {
      world.output.error("eilpost migrate: {}: {}\n", job.from.user, report.error().detail);
    }
    // What could not be done at all is the worst, then what is not whole, then what is not at its
    // end.
    const auto rank = [](int value) { return value == 1 ? 4 : value == 4 ? 2 : value; };
    if (rank(code) > rank(worst)) worst = code;
    if (world.stopping()) break;
  }
  if (!arguments.report.empty()) TRY(write_report(arguments.report, "[" + reports + "]\n"));
  return worst;
}

// Exactly one source and one target.
Result<> check_ends(const MigrateArguments& arguments) {
  const auto given = [](const std::vector<const std::string*>& options) {
    return std::count_if(options.begin(), options.end(),
                         [](const std::string* option) { return !option->empty(); });
  };
  const bool list = !arguments.batch.empty();
  const auto from = given({&arguments.from.server, &arguments.from_maildir, &arguments.from_mbox});
  const auto to = given({&arguments.to.server, &arguments.to_maildir, &arguments.to_mbox});
  if (from > 1 || (from == 0 && !list)) {
    return fail(Code::invalid, "expected one of --from-server, --from-maildir, --from-mbox");
  }
  if (to > 1 || (to == 0 && !list)) {
    return fail(Code::invalid, "expected one of --to-server, --to-maildir, --to-mbox");
  }
  return {};
}

Result<int> run_migrate(ToolWorld& world, MigrateArguments arguments) {
  TRY(check_ends(arguments));
  client::MigrateOptions& options = arguments.options;
  for (const std::string& text : arguments.renamed) {
    auto pair = client::parse_rename(text);
    if (!pair) return wrap(std::move(pair).error(), "--map");
    options.mapping.renamed.push_back(std::move(*pair));
  }
  options.mapping.special_uses = !arguments.no_special_uses;
  options.subscriptions = !arguments.no_subscriptions;
  options.acl = !arguments.no_acl;
  options.metadata = !arguments.no_metadata;
  using Labels = client::MigrateOptions::Labels;
  options.labels = arguments.labels == "keywords" ? Labels::keywords : Labels::copies;
  using Verify = client::MigrateOptions::Verify;
  options.verify = arguments.verify == "none"      ? Verify::none
                   : arguments.verify == "content" ? Verify::content
                                                   : Verify::quick;
  if (!arguments.octets_per_day.empty()) {
    options.octets_per_day = TRY(parse_octets(arguments.octets_per_day));
  }
  if (!arguments.batch.empty()) return run_list(world, arguments);
  const Job job{arguments.from, arguments.to, "", "", "", "", arguments.ledger};
  const client::MigrateReport report = TRY(run_job(world, arguments, job));
  world.output.print("{}",
                     arguments.phase == "plan" ? plan_text(report) : client::print_text(report));
  if (!arguments.report.empty()) {
    TRY(write_report(arguments.report, client::print_json(report) + "\n"));
  }
  return exit_code(report);
}

void add_mapping_options(CLI::App& command, MigrateArguments& arguments) {
  client::MappingRules& rules = arguments.options.mapping;
  command
      .add_option("--include", rules.include,
                  "Only mailboxes that this LIST pattern names; may be repeated")
      ->type_name("PATTERN");
  command
      .add_option("--exclude", rules.exclude,
                  "Not those that this LIST pattern names; may be repeated")
      ->type_name("PATTERN");
  command
      .add_option("--map", arguments.renamed,
                  "This mailbox of the source becomes that one of the target; may be repeated")
      ->type_name("SOURCE=TARGET");
  command.add_option("--from-root", rules.from_root, "Only what is beneath this mailbox")
      ->type_name("MAILBOX");
  command.add_option("--to-root", rules.to_root, "Put everything beneath this mailbox")
      ->type_name("MAILBOX");
  command.add_flag("--no-special-use", arguments.no_special_uses,
                   "Keep names like Gesendet instead of using the target's Sent");
}

void add_copy_options(CLI::App& command, MigrateArguments& arguments) {
  command
      .add_option("--labels", arguments.labels,
                  "A message in several mailboxes of Gmail: copies within the target, or keywords")
      ->check(CLI::IsMember({"copies", "keywords"}))
      ->capture_default_str();
  command.add_flag("--delete", arguments.options.remove_gone,
                   "Remove from the target what was copied and has gone from the source since");
  command.add_flag("--copy-placeholders", arguments.options.copy_placeholders,
                   "Copy Exchange's notices in place of items that it cannot give");
  command.add_flag("--no-subscriptions", arguments.no_subscriptions, "Leave subscriptions alone");
  command.add_flag("--no-acl", arguments.no_acl, "Leave access control lists alone");
  command.add_flag("--no-metadata", arguments.no_metadata, "Leave METADATA alone");
  command
      .add_option("--verify", arguments.verify,
                  "Compare afterwards: none, quick (counts, sizes, flags) or content")
      ->check(CLI::IsMember({"none", "quick", "content"}))
      ->capture_default_str();
  command
      .add_option("--connections", arguments.options.connections,
                  "At most so many connections to each side")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  command
      .add_option("--octets-per-day", arguments.octets_per_day,
                  "Stop when so many octets of the source were read on one day (UTC): 2G")
      ->type_name("NUMBER");
  command
      .add_option("--ledger", arguments.ledger,
                  "What was done, for the next run; with --batch a directory (default: below "
                  "~/.local/state/eilpost/migrate)")
      ->type_name("FILE");
  command.add_option("--report", arguments.report, "Write all that was done and found, as JSON")
      ->type_name("FILE");
  command
      .add_option("--batch", arguments.batch,
                  "Migrate the accounts of this CSV file (EmailAddress,UserName,Password or "
                  "from-user, to-user and so on)")
      ->type_name("FILE");
  command
      .add_option("--column", arguments.columns,
                  "A field's column in that file: from-user=Login; may be repeated")
      ->type_name("FIELD=HEADER");
  command.add_flag("--quiet", arguments.quiet, "No progress");
}

}  // namespace

void add_migrate(ToolHost& host) {
  // Shared with the command's callback, which outlives this function.
  auto arguments = std::make_shared<MigrateArguments>();
  auto* command =
      add_tool(host.app, "migrate", "Copy an account's mail from any IMAP server to any other");
  command
      ->add_option("phase", arguments->phase,
                   "plan: show what would be done; copy (default): what is not copied yet, and "
                   "what has changed;\ncutover: copy until nothing is left; verify: compare only")
      ->check(CLI::IsMember({"plan", "copy", "delta", "cutover", "verify"}));
  add_account_options(*command, "from-", arguments->from);
  add_account_options(*command, "to-", arguments->to);
  // A list names them, too.
  command->get_option("--from-server")->required(false);
  command->get_option("--to-server")->required(false);
  command->add_option("--from-maildir", arguments->from_maildir, "A Maildir instead of a server")
      ->type_name("DIRECTORY");
  command->add_option("--from-mbox", arguments->from_mbox, "An mbox file, or a directory of them")
      ->type_name("PATH");
  command->add_option("--to-maildir", arguments->to_maildir, "A Maildir instead of a server")
      ->type_name("DIRECTORY");
  command->add_option("--to-mbox", arguments->to_mbox, "A directory of mbox files")
      ->type_name("DIRECTORY");
  add_mapping_options(*command, *arguments);
  add_copy_options(*command, *arguments);
  command->footer(
      "For example: eilpost migrate plan --from-server imaps://old.example.org --from-user anna "
      "\\\n"
      "                                  --to-server imaps://new.example.org --to-user anna\n"
      "Run plan, then copy while the old server is still in use, copy again (delta) for what has "
      "come since,\nturn deliveries over, and run cutover. The ledger keeps a message from being "
      "copied twice, also after\nan interruption at any moment. Nothing is ever removed from the "
      "source; from the target only with --delete.\n"
      "Exit codes: 0 everything is in the target, 1 failed, 2 wrong usage, 3 some messages could "
      "not be copied\nor differ (see the report), 4 stopped before the end (Ctrl-C, the day's "
      "octets): run it again.");
  command->callback([arguments, choose = host.choose] {
    choose([arguments] {
      ToolWorld world;
      const auto code = run_migrate(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost migrate: {}\n", code.error().detail);
      return code.error().code == Code::invalid ? 2 : 1;
    });
  });
}

}  // namespace eilpost
