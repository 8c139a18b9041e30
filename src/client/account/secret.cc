#include "client/account/secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "client/account/shell.h"

namespace eilpost::client {

namespace {

constexpr size_t secret_bytes_max = 64 * 1024;

// Closes what it was given.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Up to the end of the line or of the file.
Result<std::string> read_line(int fd, std::string_view what) {
  std::string line;
  for (;;) {
    char octet = 0;
    const ssize_t got = ::read(fd, &octet, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(what, errno);
    if (got == 0 || octet == '\n') break;
    if (line.size() == secret_bytes_max) {
      return fail(Code::invalid, fmt::format("{}: longer than {} octets", what, secret_bytes_max));
    }
    line += octet;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty()) return fail(Code::invalid, fmt::format("{}: nothing there", what));
  return line;
}

Result<std::string> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(path, errno);
  if (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0) {
    return fail(Code::permission, fmt::format("{}: others may read it; chmod 600 it first", path));
  }
  return read_line(file.get(), path);
}

Result<std::string> read_descriptor(const std::string& number) {
  int fd = -1;
  std::from_chars(number.data(), number.data() + number.size(), fd);
  return read_line(fd, "file descriptor " + number);
}

Result<std::string> read_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return fail(Code::invalid, fmt::format("the environment has no {}", name));
  }
  return std::string(value);
}

Result<std::string> read_command(const std::string& line) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  const Descriptor out(ends[0]);
  pid_t child = 0;
  {
    const Descriptor in(ends[1]);
    child = TRY(start_shell({line, {}, in.get()}));
  }
  auto secret = read_line(out.get(), "the command for the password");
  const int status = wait_for_shell(child);
  // A command that goes on writing after its first line may die of the closed pipe; that is no
  // failure once the line is there.
  constexpr int ended_by_pipe = 128 + SIGPIPE;
  if (status != 0 && status != ended_by_pipe) {
    return fail(Code::io,
                fmt::format("the command for the password ended with exit code {}", status));
  }
  return secret;
}

// Switches the terminal's echo off while it lives.
class Silent {
 public:
  explicit Silent(int fd) : fd_(fd) {
    on_ = ::tcgetattr(fd_, &before_) == 0;
    if (!on_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  Silent(const Silent&) = delete;
  Silent& operator=(const Silent&) = delete;
  ~Silent() {
    if (on_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  bool on_ = false;
  termios before_{};
};

Result<std::string> ask(const std::string& question) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (terminal.get() < 0) {
    return fail(Code::invalid,
                "no terminal to ask for the password on: name a source of it, such as "
                "env:NAME, fd:3, file:PATH or command:LINE");
  }
  const auto say = [&](std::string_view text) {
    (void)!::write(terminal.get(), text.data(), text.size());
  };
  say(question + ": ");
  const Silent silent(terminal.get());
  auto secret = read_line(terminal.get(), "the terminal");
  say("\n");
  return secret;
}

}  // namespace

Result<SecretSource> parse_secret_source(std::string_view text) {
  if (text == "prompt") return SecretSource{};
  using Kind = SecretSource::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kinds{{
      {"file:", Kind::file},
      {"fd:", Kind::descriptor},
      {"env:", Kind::environment},
      {"command:", Kind::command},
  }};
  for (const auto& [prefix, kind] : kinds) {
    if (text.substr(0, prefix.size()) != prefix) continue;
    text.remove_prefix(prefix.size());
    const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
    if (text.empty() || (kind == Kind::descriptor && (!digits || text.size() > 6))) break;
    return SecretSource{kind, std::string(text)};
  }
  return fail(Code::invalid,
              "expected prompt, file:PATH, fd:NUMBER, env:NAME or command:LINE as the source of a "
              "password");
}

std::string print_secret_source(const SecretSource& source) {
  switch (source.kind) {
    case SecretSource::Kind::prompt: return "prompt";
    case SecretSource::Kind::file: return "file:" + source.from;
    case SecretSource::Kind::descriptor: return "fd:" + source.from;
    case SecretSource::Kind::environment: return "env:" + source.from;
    case SecretSource::Kind::command: return "command:" + source.from;
  }
  return "";
}

Result<std::string> read_secret(const SecretSource& source, const std::string& question) {
  switch (source.kind) {
    case SecretSource::Kind::prompt: return ask(question);
    case SecretSource::Kind::file: return read_file(source.from);
    case SecretSource::Kind::descriptor: return read_descriptor(source.from);
    case SecretSource::Kind::environment: return read_environment(source.from);
    case SecretSource::Kind::command: return read_command(source.from);
  }
  return fail(Code::internal, "no such source");
}

}  // namespace eilpost::client
