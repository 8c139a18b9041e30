// For tests: a server on a Unix socket that answers by rules, on as many connections as come. A
// rule is how a command begins behind its tag, and the answer; "$" in the answer is the tag, and an
// answer that is "close" hangs up. What no rule fits is BAD. The first rule that fits counts, so a
// test that wants a liar puts its rule in front. A rule for "ID+LIST" holds on connections that
// have sent ID only.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "client/session/endpoint.h"

namespace eilpost::client::test {

using Rules = std::vector<std::pair<std::string, std::string>>;

class RulesServer {
 public:
  RulesServer(std::string greeting, Rules rules)
      : greeting_(std::move(greeting)), rules_(std::move(rules)) {
    std::string pattern = std::filesystem::temp_directory_path() / "eilpost-rules-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_, 8) == 0);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  RulesServer(const RulesServer&) = delete;
  RulesServer& operator=(const RulesServer&) = delete;
  ~RulesServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) ::shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) ::close(connection);
    ::close(listener_);
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/imap"; }
  Endpoint endpoint() const { return {path(), 0, Security::none, true}; }
  // Every command that came, without tags.
  std::vector<std::string> commands() {
    const std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  void accept_all() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      connections_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }
  void serve(int connection) {
    send(connection, greeting_ + "\r\n");
    bool identified = false;
    for (std::string line = read_line(connection); !line.empty(); line = read_line(connection)) {
      if (line == "DONE") continue;  // IDLE's rule has said all
      if (line.back() == '}') line += read_line(connection);
      const size_t space = line.find(' ');
      const std::string command = line.substr(space + 1);
      if (!answer(connection, line.substr(0, space), command, identified)) break;
      identified = identified || command.substr(0, 3) == "ID ";
    }
    ::shutdown(connection, SHUT_RDWR);
  }
  bool answer(int connection, const std::string& tag, const std::string& command, bool identified) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(command);
    }
    std::string text = "$ BAD not known: " + command + "\r\n";
    for (const auto& [begin, answer] : rules_) {
      const bool after_id = begin.substr(0, 3) == "ID+";
      const std::string word = after_id ? begin.substr(3) : begin;
      if ((after_id && !identified) || command.substr(0, word.size()) != word) continue;
      text = answer;
      break;
    }
    if (text == "close") return false;
    for (size_t at = text.find('$'); at != std::string::npos;
         at = text.find('$', at + tag.size())) {
      text.replace(at, 1, tag);
    }
    send(connection, text);
    return true;
  }
  static void send(int connection, const std::string& text) {
    (void)::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
  }
  static std::string read_line(int connection) {
    std::string out;
    char octet = 0;
    while (::recv(connection, &octet, 1, 0) == 1) {
      if (octet == '\n') return out;
      if (octet != '\r') out += octet;
    }
    return "";
  }

  std::string greeting_;
  Rules rules_;
  std::string directory_;
  std::mutex mutex_;
  std::vector<std::string> commands_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  int listener_ = -1;
  std::thread acceptor_;
};

}  // namespace eilpost::client::test
