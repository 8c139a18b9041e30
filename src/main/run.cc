// From the parsed command line to what is done.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/admin/client.h"
#include "main/command_line.h"
#include "main/server.h"

#ifndef EILPOST_VERSION
#define EILPOST_VERSION "unknown"
#endif

namespace eilpost {

namespace {

const log::Source source{"main", ""};

// What an administrator should know before anybody connects.
void warn_of_surprises(const Config& config) {
  struct stat info {};
  if (::stat(config.data_dir.c_str(), &info) == 0) {
    if (::geteuid() == 0 && info.st_uid != 0) {
      source.warn(
          "running as root on the data of user {}: it will not be able to open what is "
          "made here; run the server as that user",
          info.st_uid);
    }
    if ((info.st_mode & 0077) != 0) {
      source.warn("{} can be read by others: its mode is {:o}", config.data_dir,
                  info.st_mode & 07777);
    }
  }
  if (!config.tls.certificates.empty()) return;
  source.warn(
      "no [[tls.certificate]]: IMAP clients cannot log in, except where a listener has "
      "plaintext_login = true");
}

int run_serve(const CommandLine& line) {
  block_signals();
  auto config = load_config(line);
  if (!config) return 1;
  if (config->listeners.empty()) config->listeners = default_listeners(*config);
  if (const auto logs = log::configure(config->log); !logs) {
    fmt::print(stderr, "eilpost: log.file: {}\n", logs.error().detail);
    return 1;
  }
  raise_descriptor_limit();
  source.info("starting version={} data={} config={}", EILPOST_VERSION, config->data_dir,
              config->file.empty() ? "-" : config->file);
  warn_of_surprises(*config);
  auto server = Server::open(std::move(*config));
  if (!server) {
    source.error("not started: {}", server.error().detail);
    return 1;
  }
  return (*server)->run([] { source.info("ready"); });
}

int run_config_check(const std::string& file) {
  const auto read = read_config(file);
  if (!read) {
    fmt::print(stderr, "eilpost: {}\n", read.error().detail);
    return 1;
  }
  for (const ConfigProblem& problem : read->problems) {
    fmt::print("{}\n", print_problem(file, problem));
  }
  if (!read->problems.empty()) return 1;
  // Read as the server would read them: a key that does not fit is better found here than at night.
  if (!read->config.tls.certificates.empty()) {
    const auto tls = net::TlsContext::server(read->config.tls);
    if (!tls) {
      fmt::print("{}: [[tls.certificate]]: {}\n", file, tls.error().detail);
      return 1;
    }
  }
  fmt::print("{}: nothing wrong\n", file);
  return 0;
}

int run_restore(const RestoreOptions& options) {
  Output output = process_output();
  const auto done = restore(options, output);
  if (done) return 0;
  fmt::print(stderr, "eilpost restore: {}\n", done.error().detail);
  return 1;
}

struct Runner {
  const CommandLine& line;
  const std::vector<std::string>& arguments;

  int operator()(std::monostate) { return 2; }
  int operator()(const ServeCommand&) { return run_serve(line); }
  int operator()(const DemoOptions& options) { return run_demo(options); }
  int operator()(const RestoreOptions& options) { return run_restore(options); }
  int operator()(TopOptions options) {
    const auto config = load_config(line);
    if (!config) return 1;
    options.data_dir = config->data_dir;
    return run_top(options);
  }
  int operator()(const ConfigCheckCommand& command) { return run_config_check(command.file); }
  int operator()(const ConfigKeysCommand&) {
    fmt::print("{}", print_config_keys());
    return 0;
  }
  int operator()(const VersionCommand&) {
    fmt::print("eilpost {}\n", EILPOST_VERSION);
    return 0;
  }
  int operator()(const ToolRun& tool) { return tool.run(); }
  int operator()(const AdminCommand& command) { return run_admin_client(line, command, arguments); }
};

}  // namespace

int run_command_line(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const ParsedCommandLine parsed = parse_command_line(arguments);
  if (!parsed.runs) {
    fmt::print(parsed.exit_code == 0 ? stdout : stderr, "{}", parsed.text);
    return parsed.exit_code;
  }
  return std::visit(Runner{parsed.line, arguments}, parsed.line.command);
}

}  // namespace eilpost
