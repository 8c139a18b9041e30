#include "main/admin/top.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "base/clock.h"
#include "main/admin/control.h"
#include "main/admin/session_lines.h"

namespace eilpost {

namespace {

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  interrupted = true;
}

struct Screen {
  int columns = 120;
  int rows = 40;
};

Screen screen_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {size.ws_col, size.ws_row};
}

Result<std::vector<server::SessionInfo>> fetch(const std::string& data_dir) {
  ControlRequest request;
  request.arguments = {"sessions"};
  std::string text;
  std::string errors;
  Output output;
  output.write = [&](Channel channel, std::string_view piece) {
    (channel == Channel::out ? text : errors).append(piece);
    return true;
  };
  const int code = TRY(control_call(data_dir, request, output));
  if (code != 0) return fail(Code::unavailable, errors);
  std::vector<server::SessionInfo> out;
  std::string_view rest = text;
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    out.push_back(TRY(parse_session_line(rest.substr(0, end))));
    rest.remove_prefix(end + 1);
  }
  return out;
}

std::string octets(uint64_t count) {
  constexpr std::string_view units = "KMGT";
  if (count < 10'000) return std::to_string(count);
  double value = static_cast<double>(count);
  size_t unit = 0;
  for (value /= 1024; value >= 1000 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f}{}", value, units[unit]);
}

std::string age(int64_t seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

// Cut to so many characters, not octets.
std::string cut(std::string_view text, size_t columns) {
  size_t seen = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && seen++ == columns) return std::string(text.substr(0, at));
  }
  return std::string(text);
}

std::string line_of(const server::SessionInfo& s, int64_t now) {
  return fmt::format("{:<13} {:<5} {:<4} {:<28} {:<13} {:<20} {:>7} {:>7} {:>7} {:<22} {}", s.id,
                     s.protocol, s.tls ? "tls" : "-",
                     cut(s.login_name.empty() ? "-" : s.login_name, 28), cut(s.state, 13),
                     cut(s.mailbox, 20), octets(s.bytes_in), octets(s.bytes_out),
                     age(now - s.since.seconds()), cut(s.peer, 22), s.client);
}

std::string head_line() {
  return fmt::format("{:<13} {:<5} {:<4} {:<28} {:<13} {:<20} {:>7} {:>7} {:>7} {:<22} {}", "ID",
                     "PROTO", "TLS", "ACCOUNT", "STATE", "MAILBOX", "IN", "OUT", "AGE", "PEER",
                     "CLIENT");
}

std::string counted(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary(const std::vector<server::SessionInfo>& sessions) {
  std::map<std::string, size_t> protocols;
  std::map<uint64_t, size_t> accounts;
  for (const auto& s : sessions) {
    ++protocols[s.protocol];
    if (s.account) ++accounts[s.account.value];
  }
  std::string out = fmt::format("{} of {}", counted(sessions.size(), "session"),
                                counted(accounts.size(), "account"));
  for (const auto& [name, count] : protocols) out += fmt::format(", {} {}", count, name);
  return out;
}

std::string draw(std::vector<server::SessionInfo> sessions, int64_t now, const Screen& screen) {
  // The busiest first: that is what one looks for.
  std::stable_sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
    return a.bytes_in + a.bytes_out > b.bytes_in + b.bytes_out;
  });
  const auto columns = static_cast<size_t>(screen.columns);
  std::string out = "\x1b[H\x1b[2J" + cut(summary(sessions), columns) + "   (Ctrl-C ends)\r\n";
  out += "\x1b[7m" + cut(head_line(), columns) + "\x1b[0m\r\n";
  const auto rows = static_cast<size_t>(std::max(screen.rows - 3, 1));
  for (size_t i = 0; i < std::min(rows, sessions.size()); ++i) {
    out += cut(line_of(sessions[i], now), columns) + "\r\n";
  }
  return out;
}

int print_once(const std::string& data_dir, int64_t now) {
  const auto sessions = fetch(data_dir);
  if (!sessions) {
    fmt::print(stderr, "eilpost top: {}\n", sessions.error().detail);
    return 1;
  }
  fmt::print("{}\n{}\n", summary(*sessions), head_line());
  for (const auto& session : *sessions) fmt::print("{}\n", line_of(session, now));
  return 0;
}

}  // namespace

int run_top(const TopOptions& options) {
  const SystemClock clock;
  if (options.once || ::isatty(STDOUT_FILENO) == 0) {
    return print_once(options.data_dir, clock.now().seconds());
  }
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  int code = 0;
  // The other screen, without a cursor; both are put back at the end.
  fmt::print("\x1b[?1049h\x1b[?25l");
  std::string message;
  while (!interrupted) {
    auto sessions = fetch(options.data_dir);
    if (!sessions) {
      message = sessions.error().detail;
      code = 1;
      break;
    }
    const std::string text = draw(std::move(*sessions), clock.now().seconds(), screen_size());
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  fmt::print("\x1b[?25h\x1b[?1049l");
  std::fflush(stdout);
  if (code != 0) fmt::print(stderr, "eilpost top: {}\n", message);
  return code;
}

}  // namespace eilpost
