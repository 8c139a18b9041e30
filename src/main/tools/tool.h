// The client tools on the command line: commands that speak to any IMAP server and need no server,
// data directory or configuration of ours. A tool is one file here with an add_x(ToolHost&), called
// in add_tools(); what it does lies in src/client/x/. Main thread only.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "client/account/account.h"
#include "main/output.h"
#include "net/io_pool.h"
#include "net/signal.h"

namespace eilpost {

// What a tool does when it was chosen; the exit code.
using ToolCommand = std::function<int()>;

// Where tools hang their commands.
struct ToolHost {
  CLI::App& app;
  std::function<void(ToolCommand)> choose;
};
void add_tools(ToolHost host);

// A subcommand with a --help of the usual form.
CLI::App* add_tool(CLI::App& parent, const char* name, const char* help);

// The options that name an account on a server: "--from-user" with prefix "from-".
struct AccountArguments {
  std::string server;
  std::string user;
  std::string authzid;
  std::string password;  // a source (client/account/secret.h)
  std::string token;     // likewise
  std::string provider;  // whose tokens `eilpost oauth login` has put into the cache
  std::string token_cache;
  std::string mechanism;
  std::string ca_file;
  std::string certificate;
  std::string key;
  bool ticket = false;
  bool insecure = false;
  int silence_seconds = 120;
  std::string compress = "auto";
};
void add_account_options(CLI::App& command, const std::string& prefix, AccountArguments& arguments);
// The option that says where tokens are kept; empty afterwards: the default place.
void add_token_cache_option(CLI::App& command, const std::string& prefix, std::string& path);
// Code::invalid names the option that is wrong.
Result<client::AccountSpec> account_spec(const AccountArguments& arguments,
                                         const std::string& prefix);

// What a running tool stands on: one thread for coroutines, and the user's wish to stop. The first
// Ctrl-C (SIGINT, SIGTERM) asks the tool to come to an end, the second ends the process.
class ToolWorld {
 public:
  ToolWorld();
  ~ToolWorld();
  ToolWorld(const ToolWorld&) = delete;
  ToolWorld& operator=(const ToolWorld&) = delete;

  // Runs the task and waits for it. 0 done, 1 failed (the Error is printed as "eilpost NAME: ...").
  int run(const char* name, net::Task<Result<int>> task);
  // Alerts, and what the server does against the rules, go to standard error, each once.
  client::Hooks hooks();

  net::Executor executor() { return io_.executor(0); }

 private:
  // In every thread that is made afterwards, so it comes first.
  struct BlockedSignals {
    BlockedSignals();
  };
  BlockedSignals blocked_;

 public:
  SystemClock clock;
  Random random = Random::from_os();
  Output output;
  const std::atomic<bool>& stopping() const { return stopping_; }
  // Notified (reason 1) when the user wants it to stop; for the tool's coroutine.
  net::Signal& stop_signal() { return stop_; }

 private:
  net::IoPool io_;
  std::atomic<bool> stopping_{false};
  net::Signal stop_;
  struct Watcher;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace eilpost
