#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace eilpost::log {

namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger;
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks;  // one at a time; the logger has it too
  Format format = Format::text;
  std::string file;
  std::string pattern;
};

Result<std::shared_ptr<spdlog::sinks::sink>> open_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    return std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  } catch (const spdlog::spdlog_ex& e) {
    return fail(Code::io, e.what());
  }
}

// The one process-wide sink: a log has to work before main has built anything.
State& state() {
  static State s = [] {
    State fresh;
    fresh.logger = std::make_shared<spdlog::logger>(
        "eilpost", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    fresh.logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %v", spdlog::pattern_time_type::utc);
    return fresh;
  }();
  return s;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// As the configuration spells it.
const char* level_name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    case Level::error: return "error";
  }
  return "info";
}

// A log line holds one event: whatever could end or fake a line is written as \xNN.
void append_escaped(std::string& out, std::string_view text, bool json) {
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (json && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      out += json ? fmt::format("\\u{:04x}", octet) : fmt::format("\\x{:02x}", octet);
    } else {
      out += c;
    }
  }
}

}  // namespace

Result<> configure(const Settings& settings) {
  auto sink = TRY(open_sink(settings.file));
  State& s = state();
  s.sinks = std::make_shared<spdlog::sinks::dist_sink_mt>();
  s.sinks->set_sinks({std::move(sink)});
  s.logger = std::make_shared<spdlog::logger>("eilpost", s.sinks);
  s.format = settings.format;
  s.file = settings.file;
  s.logger->set_level(to_spdlog(settings.level));
  s.logger->flush_on(spdlog::level::info);
  s.pattern = settings.format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ",%v})"
                                              : "%Y-%m-%dT%H:%M:%S.%fZ %v";
  s.logger->set_pattern(s.pattern, spdlog::pattern_time_type::utc);
  return {};
}

Result<> reopen() {
  State& s = state();
  if (s.file.empty()) return {};
  auto sink = TRY(open_sink(s.file));
  sink->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(s.pattern, spdlog::pattern_time_type::utc));
  s.sinks->set_sinks({std::move(sink)});
  return {};
}

bool enabled(Level level) {
  return state().logger->should_log(to_spdlog(level));
}

void write(Level level, std::string_view component, std::string_view id, std::string_view message) {
  State& s = state();
  const bool json = s.format == Format::json;
  std::string text;
  text += json ? "\"level\":\"" : "";
  text += level_name(level);
  text += json ? "\",\"component\":\"" : " [";
  text += component;
  text += json ? "\"" : "]";
  if (!id.empty()) {
    text += json ? ",\"id\":\"" : " id=";
    append_escaped(text, id, json);
    if (json) text += '"';
  }
  text += json ? ",\"message\":\"" : " ";
  append_escaped(text, message, json);
  if (json) text += "\"}";
  if (json) text.pop_back();  // the pattern closes the object
  s.logger->log(to_spdlog(level), "{}", text);
}

}  // namespace eilpost::log
