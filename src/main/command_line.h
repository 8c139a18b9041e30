// The command line: what the arguments mean, with their --help. CLI11 stands behind command_line.cc
// and nowhere else.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "main/admin/admin_command.h"
#include "main/admin/top.h"
#include "main/backup/restore.h"
#include "main/demo.h"

namespace eilpost {

struct ServeCommand {};
struct ConfigCheckCommand {
  std::string file;
};
struct ConfigKeysCommand {};
struct VersionCommand {};
// A client tool (main/tools/tool.h): what it does, ready to run; the exit code.
struct ToolRun {
  std::function<int()> run;
};

struct CommandLine {
  std::variant<std::monostate, ServeCommand, DemoOptions, RestoreOptions, TopOptions,
               ConfigCheckCommand, ConfigKeysCommand, VersionCommand, AdminCommand, ToolRun>
      command;
  std::string config_file;  // --config; empty: the default place, if there is a file
  std::string data_dir;     // --data; empty: what the configuration says
};

// `arguments` without the program's name. When there is nothing to run - help was asked for, or the
// usage is wrong - `text` is to be shown and `exit_code` returned.
struct ParsedCommandLine {
  CommandLine line;
  bool runs = false;
  int exit_code = 0;
  std::string text;
};
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

// All of the program. The exit code: 0 done, 1 failed, 2 wrong usage. Called once by main().
int run_command_line(int argc, char** argv);

}  // namespace eilpost
