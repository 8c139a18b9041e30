// For tests of the client: a server that follows a script, on a Unix socket and a thread of its
// own. One line of the script, one step:
//   S: text      sends "text" and CRLF; "$" at its begin is the tag of the last command
//   S- text      the same without CRLF; "\r", "\n", "\0" and "\\" are written out
//   C: text      reads a command, which must be "text" behind its tag; a "*" at the end matches the
//   rest R: text      reads a line without tag R# n         reads n octets close        closes the
//   connection; the next step waits for another one
// A step that does not fit ends the script; failure() then says why, and the test asks for it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"
#include "client/session/session.h"
#include "net/io_pool.h"

namespace eilpost::client::test {

class FakeServer {
 public:
  explicit FakeServer(std::string script) : script_(std::move(script)) {
    std::string pattern = std::filesystem::temp_directory_path() / "eilpost-fake-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_, 8) == 0);
    thread_ = std::thread([this] { run(); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/imap"; }
  SessionOptions options() const {
    SessionOptions out;
    out.endpoint = {path(), 0, Security::none, true};
    out.silence = std::chrono::seconds(20);
    return out;
  }
  // Waits for the script's end. "": every step fitted.
  std::string failure() {
    if (thread_.joinable()) thread_.join();
    return failure_;
  }

 private:
  void run() {
    std::istringstream steps(script_);
    std::string step;
    while (failure_.empty() && std::getline(steps, step)) {
      step.erase(0, step.find_first_not_of(' '));
      if (step.empty()) continue;
      if (connection_ < 0 && !accept()) return;
      follow(step);
    }
    hang_up();
  }
  bool accept() {
    connection_ = ::accept(listener_, nullptr, nullptr);
    if (connection_ < 0) failure_ = "nobody connected";
    return connection_ >= 0;
  }
  void hang_up() {
    if (connection_ >= 0) ::close(connection_);
    connection_ = -1;
  }
  void follow(const std::string& step) {
    const std::string kind = step.substr(0, 2);
    std::string text = step.size() > 3 ? step.substr(3) : "";
    if (step == "close") {
      hang_up();
    } else if (kind == "S:") {
      if (text.substr(0, 1) == "$") text = tag_ + text.substr(1);
      send(text + "\r\n");
    } else if (kind == "S-") {
      send(unescape(text));
    } else if (kind == "R#") {
      read_octets(std::stoul(text));
    } else {
      std::string line = read_line();
      if (kind == "C:") {
        tag_ = line.substr(0, line.find(' '));
        line.erase(0, std::min(tag_.size() + 1, line.size()));
      }
      if (!fits(line, text)) failure_ = "expected \"" + text + "\", got \"" + line + "\"";
    }
  }
  static bool fits(std::string_view line, std::string_view pattern) {
    if (pattern.empty() || pattern.back() != '*') return line == pattern;
    pattern.remove_suffix(1);
    return line.substr(0, pattern.size()) == pattern;
  }
  static std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
    }
    return out;
  }
  void send(std::string_view octets) {
    while (!octets.empty()) {
      const ssize_t sent = ::send(connection_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        failure_ = "the client has gone";
        return;
      }
      octets.remove_prefix(static_cast<size_t>(sent));
    }
  }
  std::string read_octets(size_t count) {
    std::string out;
    char octet = 0;
    while (out.size() < count && ::recv(connection_, &octet, 1, 0) == 1) out += octet;
    if (out.size() < count) failure_ = "the client has gone";
    return out;
  }
  std::string read_line() {
    std::string out;
    char octet = 0;
    while (::recv(connection_, &octet, 1, 0) == 1) {
      if (octet == '\n') break;
      if (octet != '\r') out += octet;
    }
    return out;
  }

  std::string script_;
  std::string directory_;
  std::string failure_;
  std::string tag_;
  int listener_ = -1;
  int connection_ = -1;
  std::thread thread_;
};

// Runs `task` on a thread of its own and waits for it.
template <class T>
T run(net::Task<T> task) {
  net::IoPool pool(1);
  T out = net::block_on(pool.executor(0), std::move(task));
  pool.stop();
  return out;
}

}  // namespace eilpost::client::test
