#include "client/account/shell.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

extern char** environ;

namespace eilpost::client {

Result<pid_t> start_shell(const ShellCommand& command) {
  std::vector<std::string> added = command.environment;
  std::vector<char*> environment;
  for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
  for (std::string& value : added) environment.push_back(value.data());
  environment.push_back(nullptr);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string line = command.line;
  std::array<char*, 4> arguments{shell.data(), flag.data(), line.data(), nullptr};

  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  if (command.output >= 0) {
    posix_spawn_file_actions_adddup2(&actions, command.output, STDOUT_FILENO);
  }
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno("sh", error);
  return child;
}

int wait_for_shell(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace eilpost::client
