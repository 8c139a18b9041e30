// The program's log, one line an event: time, level, component, message with key=value pairs, and
// the correlation id of the session it belongs to. spdlog stands behind this header and nowhere
// else. Thread safe. Secrets and message contents never go in here.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::log {

enum class Level { debug, info, warn, error };
enum class Format { text, json };

struct Settings {
  Level level = Level::info;
  Format format = Format::text;
  std::string file;  // empty: standard error
};

// Called once by main before threads start; before that, lines go to standard error. Code::io: the
// file cannot be opened, and lines go where they went.
Result<> configure(const Settings& settings);
// Goes on in a file of the configured name, after somebody has moved the old one away. Code::io: it
// cannot be opened, and lines go on into the old one.
Result<> reopen();
bool enabled(Level level);
// `id` is a correlation id or empty; `component` one word such as "imap".
void write(Level level, std::string_view component, std::string_view id, std::string_view message);

// Where a session's lines come from. Cheap to copy.
struct Source {
  std::string_view component;  // a literal
  std::string id;

  template <class... A>
  void line(Level level, fmt::format_string<A...> format, A&&... args) const {
    if (enabled(level)) write(level, component, id, fmt::format(format, std::forward<A>(args)...));
  }
  template <class... A>
  void debug(fmt::format_string<A...> format, A&&... args) const {
    line(Level::debug, format, std::forward<A>(args)...);
  }
  template <class... A>
  void info(fmt::format_string<A...> format, A&&... args) const {
    line(Level::info, format, std::forward<A>(args)...);
  }
  template <class... A>
  void warn(fmt::format_string<A...> format, A&&... args) const {
    line(Level::warn, format, std::forward<A>(args)...);
  }
  template <class... A>
  void error(fmt::format_string<A...> format, A&&... args) const {
    line(Level::error, format, std::forward<A>(args)...);
  }
};

}  // namespace eilpost::log
