// `eilpost doctor`: options, the question before further sign-ins, and where the report goes.

#include "client/doctor/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <iostream>

#include "main/tools/tools.h"

namespace eilpost {

namespace {

struct DoctorArguments {
  AccountArguments account;
  std::vector<std::string> also;
  std::vector<std::string> names;
  std::string windows_domain;
  std::string mailbox = "INBOX";
  std::string format = "text";
  std::string output;
  std::string trace;
  int tries = -1;  // -1: ask
  int messages = 20;
  int patience_seconds = 0;
  bool write = false;
  bool discovery = false;
};

bool has_account(const AccountArguments& account) {
  const bool in_url = account.server.find('@') != std::string::npos;
  return !account.user.empty() || account.ticket || !account.certificate.empty() || in_url;
}

// Looks for the server, and keeps what was looked at for the report.
Result<> look_for_server(const DoctorArguments& arguments, client::DoctorOptions& options,
                         AccountArguments& account) {
  const bool wanted = arguments.discovery || account.server.empty();
  if (!wanted || account.user.find('@') == std::string::npos) return {};
  const auto sources = TRY(client::system_sources(account.ca_file));
  auto found = client::discover(account.user, sources, &options.discovery);
  if (!account.server.empty()) return {};  // only to be told
  if (!found) return tl::unexpected(std::move(found).error());
  account.server = client::print_endpoint(found->endpoint);
  account.user = found->user;
  return {};
}

Result<client::DoctorOptions> options_of(const DoctorArguments& arguments) {
  client::DoctorOptions out;
  AccountArguments account = arguments.account;
  TRY(look_for_server(arguments, out, account));
  if (has_account(account)) {
    client::AccountSpec spec = TRY(account_spec(account, ""));
    out.endpoint = spec.endpoint;
    out.tls = spec.tls;
    client::SignIn& sign_in = out.sign_in.emplace();
    sign_in.name = spec.name;
    sign_in.authzid = spec.authzid;
    sign_in.kind = spec.kind;
    sign_in.mechanism = spec.mechanism;
    using Kind = client::SignIn::Kind;
    if (spec.tokens) {
      sign_in.secret = TRY(spec.tokens(""));
    } else if (spec.kind == Kind::password || spec.kind == Kind::token) {
      const std::string question =
          fmt::format("{} of {} at {}", spec.kind == Kind::token ? "Token" : "Password", spec.name,
                      spec.endpoint.host);
      sign_in.secret = TRY(client::read_secret(spec.secret, question));
    }
  } else {
    if (account.server.empty()) {
      return fail(Code::invalid, "--server: expected a server, or a mail address as --user");
    }
    auto endpoint = client::parse_endpoint(account.server);
    if (!endpoint) return wrap(std::move(endpoint).error(), "--server");
    out.endpoint = endpoint->endpoint;
    out.tls.ca_file = account.ca_file;
  }
  for (const std::string& text : arguments.also) {
    auto endpoint = client::parse_endpoint(text);
    if (!endpoint) return wrap(std::move(endpoint).error(), "--also");
    out.also.push_back(endpoint->endpoint);
  }
  out.names = arguments.names;
  out.windows_domain = arguments.windows_domain;
  out.mailbox = arguments.mailbox;
  out.messages = arguments.messages;
  out.write = arguments.write;
  out.patience = std::chrono::seconds(arguments.patience_seconds);
  out.silence = std::chrono::seconds(account.silence_seconds);
  return out;
}

// A file that only its owner may read: reports and traces tell much.
class File {
 public:
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  Result<> open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd_ >= 0 ? Result<>() : fail_errno(path, errno);
  }
  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written <= 0) return false;
      text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

 private:
  int fd_ = -1;
};

// "y" allows all of them, a number so many, anything else none.
int ask_user(ToolWorld& world, int times, const std::string& why) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return 0;
  world.output.error("{}.\nMake them? [y, a number, or N] ", why);
  std::string answer;
  if (!std::getline(std::cin, answer)) return 0;
  if (answer == "y" || answer == "Y" || answer == "yes") return times;
  int number = 0;
  std::from_chars(answer.data(), answer.data() + answer.size(), number);
  return number;
}

client::DoctorHooks hooks_of(ToolWorld& world, const DoctorArguments& arguments, File& trace) {
  client::DoctorHooks out;
  if (world.output.terminal) {
    out.progress = [&world](const std::string& what) { world.output.error("... {}\n", what); };
  }
  out.consent = [&world, &arguments](int times, const std::string& why) {
    return arguments.tries >= 0 ? arguments.tries : ask_user(world, times, why);
  };
  if (!arguments.trace.empty()) {
    out.trace = [&trace](client::ConnectionOptions::Way way, std::string_view line) {
      const bool ours = way == client::ConnectionOptions::Way::to_server;
      trace.write(fmt::format("{} {}\n", ours ? "C:" : "S:", line));
    };
  }
  return out;
}

net::Task<Result<int>> run_examination(ToolWorld& world, const DoctorArguments& arguments,
                                       client::DoctorOptions options, client::DoctorHooks hooks,
                                       File& file) {
  auto report = co_await client::examine(std::move(options), std::move(hooks), world.random,
                                         world.clock, world.stopping());
  CO_TRY(report);
  const std::string text = arguments.format == "json"   ? client::print_json(*report) + "\n"
                           : arguments.format == "html" ? client::print_html(*report)
                                                        : client::print_text(*report);
  if (arguments.output.empty()) {
    world.output.print("{}", text);
  } else if (!file.write(text)) {
    co_return fail_errno(arguments.output, errno);
  }
  co_return report->exit_code();
}

Result<int> run_doctor(ToolWorld& world, const DoctorArguments& arguments) {
  client::DoctorOptions options = TRY(options_of(arguments));
  File trace, file;
  if (!arguments.trace.empty()) TRY(trace.open(arguments.trace));
  if (!arguments.output.empty()) TRY(file.open(arguments.output));
  client::DoctorHooks hooks = hooks_of(world, arguments, trace);
  return net::block_on(world.executor(), run_examination(world, arguments, std::move(options),
                                                         std::move(hooks), file));
}

void add_options(CLI::App& command, DoctorArguments& arguments) {
  add_account_options(command, "", arguments.account);
  command.add_option("--also", arguments.also, "Look at this port as well; may be repeated")
      ->type_name("SERVER");
  command
      .add_option("--name", arguments.names,
                  "A login name to try besides those that follow from --user; may be repeated")
      ->type_name("NAME");
  command.add_option("--windows-domain", arguments.windows_domain, "To try DOMAIN\\user")
      ->type_name("DOMAIN");
  command
      .add_option("--tries", arguments.tries,
                  "Make so many further sign-ins without asking; 0 for none (default: ask)")
      ->type_name("NUMBER")
      ->check(CLI::Range(0, 100));
  command.add_option("--mailbox", arguments.mailbox, "The mailbox to look into")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--messages", arguments.messages, "How many messages to compare")
      ->type_name("NUMBER")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_flag("--write", arguments.write,
                   "Try writing too, in two mailboxes that are made and removed");
  command
      .add_option("--patience", arguments.patience_seconds,
                  "Sit in IDLE so long to see whether the server holds it")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 7200));
  command.add_flag("--discovery", arguments.discovery,
                   "See how programs find the server, also where --server names it");
  command.add_option("--format", arguments.format, "text, json or html")
      ->check(CLI::IsMember({"text", "json", "html"}))
      ->capture_default_str();
  command.add_option("--output", arguments.output, "Write the report here")->type_name("FILE");
  command.add_option("--trace", arguments.trace, "Write here what was said, without secrets")
      ->type_name("FILE");
}

}  // namespace

void add_doctor(ToolHost& host) {
  // Shared with the command's callback, which outlives this function.
  auto arguments = std::make_shared<DoctorArguments>();
  auto* command = add_tool(host.app, "doctor", "Examine any IMAP server, and say what to do");
  arguments->account.silence_seconds = 30;
  add_options(*command, *arguments);
  command->footer(
      "For example: eilpost doctor --server imaps://imap.example.org --user anna@example.org\n"
      "Without --user it looks from outside: ports, TLS, certificate, what is offered. With an\n"
      "account it signs in once, reads, and changes nothing. Further sign-ins (other mechanisms,\n"
      "ports and forms of the name) are counted and asked for first, and end at the first sign of\n"
      "a lock-out. Exit codes: 0 nothing to be done, 1 warnings or problems, 2 could not connect\n"
      "or wrong usage.");
  command->callback([arguments, choose = host.choose] {
    choose([arguments] {
      ToolWorld world;
      const auto code = run_doctor(world, *arguments);
      if (code) return *code;
      world.output.error("eilpost doctor: {}\n", code.error().detail);
      return 2;
    });
  });
}

}  // namespace eilpost
