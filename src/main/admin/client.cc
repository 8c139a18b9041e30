#include "main/admin/client.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "main/admin/admin.h"

namespace eilpost {

namespace {

constexpr const char* default_config_file = "/etc/eilpost/eilpost.toml";

// Switches the terminal's echo off while it lives.
class Quiet {
 public:
  Quiet() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Quiet() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

std::string read_line() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

std::string ask(const char* prompt) {
  fmt::print(stderr, "{}: ", prompt);
  const Quiet quiet;
  std::string line = read_line();
  fmt::print(stderr, "\n");
  return line;
}

Result<std::string> read_password() {
  if (::isatty(STDIN_FILENO) == 0) return read_line();
  std::string first = ask("Password");
  if (first != ask("Once more")) return fail(Code::invalid, "the two passwords differ");
  return first;
}

std::string current_directory() {
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

int run_here(const Config& config, const AdminCommand& command, const ControlRequest& request) {
  if (config.engine == EngineKind::memory) {
    fmt::print(stderr, "eilpost: no server runs, and engine = \"memory\" has nothing else\n");
    return 1;
  }
  std::error_code error;
  const bool makes = std::holds_alternative<AccountAdd>(command);
  const bool on_disk = config.engine == EngineKind::rocksdb;
  if (on_disk && !makes && !std::filesystem::exists(config.data_dir + "/engine", error)) {
    fmt::print(stderr, "eilpost: no server runs and there is no mail in {}\n", config.data_dir);
    return 1;
  }
  // Files that root makes in somebody else's directory would lock the server out of it.
  struct stat info {};
  if (on_disk && ::stat(config.data_dir.c_str(), &info) == 0 && info.st_uid != ::geteuid()) {
    fmt::print(stderr, "eilpost: {} belongs to user {}: run this command as that user\n",
               config.data_dir, info.st_uid);
    return 1;
  }
  auto node = Node::open(config);
  if (!node) {
    fmt::print(stderr, "eilpost: {}\n", node.error().detail);
    return 1;
  }
  Output output = process_output();
  AdminContext context{**node, output, request.directory, request.password};
  return run_admin_audited(context, command, request.arguments);
}

}  // namespace

std::optional<Config> load_config(const CommandLine& line) {
  std::string file = line.config_file;
  std::error_code error;
  if (file.empty() && line.data_dir.empty() &&
      std::filesystem::exists(default_config_file, error)) {
    file = default_config_file;
  }
  ConfigOutcome outcome;
  if (file.empty()) {
    outcome = parse_config("", "");
  } else {
    auto read = read_config(file);
    if (!read) {
      fmt::print(stderr, "eilpost: {}\n", read.error().detail);
      return std::nullopt;
    }
    outcome = std::move(*read);
  }
  for (const ConfigProblem& problem : outcome.problems) {
    fmt::print(stderr, "{}\n", print_problem(file, problem));
  }
  if (!outcome.problems.empty()) return std::nullopt;
  if (!line.data_dir.empty()) {
    outcome.config.data_dir = std::filesystem::absolute(line.data_dir, error).string();
  }
  return std::move(outcome.config);
}

int run_admin_client(const CommandLine& line, const AdminCommand& command,
                     const std::vector<std::string>& arguments) {
  auto config = load_config(line);
  if (!config) return 1;
  config->log.level = log::Level::warn;
  config->log.file.clear();
  log::configure(config->log);
  Output output = process_output();
  ControlRequest request;
  request.arguments = arguments;
  request.directory = current_directory();
  request.terminal = output.terminal;
  request.columns = output.columns;
  if (wants_password(command)) {
    auto password = read_password();
    if (!password) {
      fmt::print(stderr, "eilpost: {}\n", password.error().detail);
      return 1;
    }
    request.password = std::move(*password);
  }
  const auto code = control_call(config->data_dir, request, output);
  if (code) return *code;
  if (code.error().code == Code::not_found) return run_here(*config, command, request);
  fmt::print(stderr, "eilpost: {}\n", code.error().detail);
  return 1;
}

int run_control_request(Node& node, const ControlRequest& request, Output& output) {
  const ParsedCommandLine parsed = parse_command_line(request.arguments);
  const auto* command = std::get_if<AdminCommand>(&parsed.line.command);
  if (!parsed.runs || command == nullptr) {
    output.error("eilpost: the server does not know this command\n{}", parsed.text);
    return 2;
  }
  AdminContext context{node, output, request.directory, request.password};
  return run_admin_audited(context, *command, request.arguments);
}

}  // namespace eilpost
