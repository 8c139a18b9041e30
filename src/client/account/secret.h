// Where a password or token comes from, so that it never needs to stand in a command line or a
// configuration file: a prompt, a file, a file descriptor, the environment, or a command that
// prints it. One line of text names the source. Reading blocks.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::client {

struct SecretSource {
  enum class Kind { prompt, file, descriptor, environment, command };
  Kind kind = Kind::prompt;
  std::string from;  // path, number, variable or command line; empty for a prompt
  friend bool operator==(const SecretSource&, const SecretSource&) = default;
};

// "prompt", "file:PATH", "fd:3", "env:NAME", "command:LINE". Code::invalid for anything else; its
// detail does not repeat what was given, which may be the secret itself.
Result<SecretSource> parse_secret_source(std::string_view text);
std::string print_secret_source(const SecretSource& source);

// One line, without its end. `question` is what a prompt asks, on the terminal and without echo.
// Code::invalid: nothing there; Code::permission: a file that others may read; Code::io: the
// command failed (with its exit code, its standard error goes to the user's).
Result<std::string> read_secret(const SecretSource& source, const std::string& question);

}  // namespace eilpost::client
