// The control socket, DATA/control.sock: admin commands reach the running server, which alone may
// open the data. A request is the command's arguments; the answer is its output as it comes, and
// its exit code. Only the user that runs the server (and root) may connect. Blocking sockets and
// one thread a request: these are few.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "main/output.h"

namespace eilpost {

struct ControlRequest {
  std::vector<std::string> arguments;  // as typed, without the program's name
  std::string directory;               // where it was typed: relative paths begin there
  std::string password;                // for commands that want one; never logged
  bool terminal = false;
  int columns = 80;
};
std::string print_request(const ControlRequest& request);
Result<ControlRequest> parse_request(std::string_view octets);

std::string control_path(const std::string& data_dir);

// Runs the command; the answer is its exit code. Called on a thread of its own.
using ControlHandler = std::function<int(const ControlRequest&, Output&)>;

class ControlServer {
 public:
  static Result<std::unique_ptr<ControlServer>> open(const std::string& data_dir,
                                                     ControlHandler handler);
  // stop().
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  // Takes no more requests, and makes those that run believe that their asker has left; waits.
  void stop();

 private:
  struct State;
  explicit ControlServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with its threads
};

// The exit code of the command, run by the server; its output goes to `output`. Code::not_found: no
// server runs.
Result<int> control_call(const std::string& data_dir, const ControlRequest& request,
                         Output& output);

}  // namespace eilpost
