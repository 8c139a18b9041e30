// Where a command's text goes: the terminal, or through the control socket to the one who asked.
// Used by one thread at a time.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

namespace eilpost {

enum class Channel : uint8_t { out, err };

struct Output {
  // False when nobody listens any more.
  std::function<bool(Channel, std::string_view)> write;
  bool terminal = false;  // `err` is a terminal: progress may be drawn there
  int columns = 80;
  // Whether the one who asked has left; empty: he cannot.
  std::function<bool()> left;
  bool gone = false;  // he has left: long commands stop at their next step

  // Looks whether he has; for commands that write nothing for long.
  bool abandoned() {
    gone = gone || (left && left());
    return gone;
  }

  template <class... A>
  void print(fmt::format_string<A...> format, A&&... args) {
    put(Channel::out, fmt::format(format, std::forward<A>(args)...));
  }
  template <class... A>
  void error(fmt::format_string<A...> format, A&&... args) {
    put(Channel::err, fmt::format(format, std::forward<A>(args)...));
  }
  void put(Channel channel, std::string_view text) {
    if (!gone && !write(channel, text)) gone = true;
  }
};

// To standard output and standard error.
Output process_output();

}  // namespace eilpost
