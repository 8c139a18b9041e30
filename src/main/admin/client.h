// Runs an admin command from where it was typed: through the control socket of the server that has
// the data, or, when none runs, on the data itself.
#pragma once

#include <string>
#include <vector>

#include "main/admin/control.h"
#include "main/command_line.h"
#include "main/config/config.h"
#include "main/node.h"

namespace eilpost {

// The configuration that --config and --data name. Prints what is wrong with it; nothing then.
std::optional<Config> load_config(const CommandLine& line);

// The exit code. `arguments` as typed, for the server.
int run_admin_client(const CommandLine& line, const AdminCommand& command,
                     const std::vector<std::string>& arguments);

// For the control socket's server side: parses and runs what a client sent.
int run_control_request(Node& node, const ControlRequest& request, Output& output);

}  // namespace eilpost
