#include "server/access/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace eilpost::server {

namespace {

constexpr size_t traces_max = 8;
constexpr size_t waiting_octets_max = 16 * 1024;

std::string time_of_day(Timestamp at) {
  const std::time_t seconds = at.seconds();
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", broken.tm_hour, broken.tm_min, broken.tm_sec,
                     at.micros % 1'000'000 / 1000);
}

}  // namespace

bool Trace::is_of(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

void Trace::add(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (full_) return;
  if (text.size() > bytes_left_) {
    full_ = true;
  } else {
    bytes_left_ -= text.size();
    text_ += text;
  }
  came_.notify_one();
}

std::string Trace::take(int milliseconds) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                 [&] { return !text_.empty() || full_; });
  return std::exchange(text_, std::string());
}

bool Trace::full() const {
  const std::lock_guard lock(mutex_);
  return full_ && text_.empty();
}

bool Traces::start(TracePtr trace) {
  const std::lock_guard lock(mutex_);
  if (all_.size() >= traces_max) return false;
  all_.push_back(std::move(trace));
  active_.store(static_cast<int>(all_.size()));
  return true;
}

void Traces::stop(const TracePtr& trace) {
  const std::lock_guard lock(mutex_);
  std::erase(all_, trace);
  active_.store(static_cast<int>(all_.size()));
}

std::vector<TracePtr> Traces::of(AccountId account) const {
  const std::lock_guard lock(mutex_);
  std::vector<TracePtr> out;
  for (const TracePtr& trace : all_) {
    if (trace->is_of(account)) out.push_back(trace);
  }
  return out;
}

std::vector<TracePtr> Traces::of(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<TracePtr> out;
  for (const TracePtr& trace : all_) {
    if (trace->is_of(name)) out.push_back(trace);
  }
  return out;
}

void SessionTrace::command(const imap::Frame& frame) {
  add('C', imap::trace_command(frame));
}

void SessionTrace::note(std::string_view text) {
  add('C', fmt::format("{}\n", text));
}

void SessionTrace::response(std::string_view octets, bool secret) {
  add('S', responses_.feed(octets, secret));
}

void SessionTrace::add(char direction, std::string_view lines) {
  if (lines.empty()) return;
  const std::string head = fmt::format("{} {} {}: ", time_of_day(clock_.now()), id_, direction);
  std::string text;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size() - 1);
    text += head;
    text += lines.substr(0, end + 1);
    lines.remove_prefix(end + 1);
  }
  if (!to_.empty()) {
    for (const TracePtr& trace : to_) trace->add(text);
  } else if (waiting_.size() + text.size() <= waiting_octets_max) {
    waiting_ += text;
  }
}

void SessionTrace::give(std::vector<TracePtr> traces) {
  for (TracePtr& trace : traces) {
    if (std::find(to_.begin(), to_.end(), trace) != to_.end()) continue;
    trace->add(waiting_);
    to_.push_back(std::move(trace));
  }
  if (!to_.empty()) waiting_.clear();
}

void SessionTrace::identify(std::string_view name) {
  give(traces_.of(name));
}

void SessionTrace::identify(AccountId account) {
  // Whom else a guess at a name has told goes on only if it was right.
  auto own = traces_.of(account);
  std::erase_if(
      to_, [&](const TracePtr& t) { return std::find(own.begin(), own.end(), t) == own.end(); });
  give(std::move(own));
  // The login is over and nobody wants it.
  if (to_.empty()) waiting_.clear();
}

}  // namespace eilpost::server
