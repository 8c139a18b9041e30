// The protocol traces that administrators are taking at this moment (`eilpost trace ACCOUNT`), and
// what one session adds to them. A session keeps what it says before anybody is known, up to 16
// KiB, and gives it to the traces of the account that its login names. Costs one atomic load while
// nobody traces. Traces is thread safe and outlives sessions; a SessionTrace belongs to its
// session.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "protocol/imap/trace.h"

namespace eilpost::server {

// What one `eilpost trace` waits for.
class Trace {
 public:
  Trace(AccountId account, std::vector<std::string> names, uint64_t bytes_max)
      : account_(account), names_(std::move(names)), bytes_left_(bytes_max) {}

  bool is_of(AccountId account) const { return account == account_; }
  bool is_of(std::string_view name) const;
  void add(std::string_view text);
  // What has come, after at most `milliseconds`; empty: nothing.
  std::string take(int milliseconds);
  bool full() const;

 private:
  const AccountId account_;
  const std::vector<std::string> names_;  // folded
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::string text_;
  uint64_t bytes_left_;
  bool full_ = false;
};
using TracePtr = std::shared_ptr<Trace>;  // shared by the command and the sessions

class Traces {
 public:
  bool active() const { return active_.load(std::memory_order_relaxed) > 0; }
  // Code::limit: too many at a time.
  bool start(TracePtr trace);
  void stop(const TracePtr& trace);
  std::vector<TracePtr> of(AccountId account) const;
  std::vector<TracePtr> of(std::string_view name) const;

 private:
  mutable std::mutex mutex_;
  std::vector<TracePtr> all_;
  std::atomic<int> active_{0};
};

class SessionTrace {
 public:
  SessionTrace(Traces& traces, const Clock& clock, std::string id)
      : traces_(traces), clock_(clock), id_(std::move(id)) {}

  void command(const imap::Frame& frame);
  // What a client said in reply to a continuation, or "DONE": shown unless it may be a secret.
  void note(std::string_view text);
  void response(std::string_view octets, bool secret);
  // By the name that a login gives (folded), or the account when it is known.
  void identify(std::string_view name);
  void identify(AccountId account);

 private:
  void add(char direction, std::string_view lines);
  void give(std::vector<TracePtr> traces);

  Traces& traces_;
  const Clock& clock_;
  std::string id_;
  imap::ResponseTrace responses_;
  std::string waiting_;  // of nobody yet
  std::vector<TracePtr> to_;
};

}  // namespace eilpost::server
