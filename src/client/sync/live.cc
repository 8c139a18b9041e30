#include "client/sync/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/maildir/notices.h"
#include "client/watch/watcher.h"

namespace eilpost::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A mail program that works through many messages is let finish, within reason.
constexpr milliseconds quiet{400};
constexpr seconds patience{5};

bool is_final(const Error& error) {
  switch (error.code) {
    case Code::auth_failed:
    case Code::authz_failed:
    case Code::expired:
    case Code::privacy_required:
    case Code::cannot:
    case Code::permission:
    case Code::invalid: return true;
    default: return false;
  }
}

}  // namespace

// What has happened on either side and is not synced yet. Shared with the watcher's coroutine.
struct LiveSync::Heard {
  explicit Heard(net::Executor executor_in)
      : executor(executor_in), news(executor_in), watcher_stop(executor_in) {}

  net::Executor executor;
  net::Signal news;  // something was heard, or the watcher or the user has come to an end
  net::Signal watcher_stop;
  std::atomic<bool> watcher_stopping{false};
  std::set<std::string> touched;
  bool everything = false;
  bool relaying = true;   // the user's stop is waited for
  bool watching = false;  // the watcher is there
  std::unique_ptr<MaildirNotices> notices;

  void take_notices() {
    if (!notices) return;
    const MaildirNotices::News heard = notices->take();
    touched.insert(heard.mailboxes.begin(), heard.mailboxes.end());
    everything = everything || heard.everything;
  }
  bool anything() const { return everything || !touched.empty(); }
};

LiveSync::LiveSync(Syncer& syncer, Account& account, const MaildirTree& tree, LiveOptions options,
                   LiveHooks hooks, net::Signal& stop, const std::atomic<bool>& stopping)
    : syncer_(syncer),
      account_(account),
      tree_(tree),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      stop_(stop),
      stopping_(stopping) {}

LiveSync::~LiveSync() = default;

namespace {

// Ends when it is told to, or when trying again makes no sense.
template <class Heard>
Task<> watch_server(std::shared_ptr<Heard> heard, Account& account, WatchOptions options,
                    WatchHooks hooks) {
  Watcher watcher(account, std::move(options), std::move(hooks), heard->watcher_stop,
                  heard->watcher_stopping);
  auto done = co_await watcher.run({});
  // The run that follows meets the same trouble, and tells it.
  if (!done) heard->everything = true;
  heard->watching = false;
  heard->news.notify();
}

// Hands the user's wish to stop to all who wait.
template <class Heard>
Task<> relay_stop(std::shared_ptr<Heard> heard, net::Signal& stop) {
  co_await stop.wait_until(net::no_deadline);
  heard->watcher_stopping = true;
  heard->watcher_stop.notify();
  heard->relaying = false;
  heard->news.notify();
}

bool is_wild(const std::string& pattern) {
  return pattern.find_first_of("*%") != std::string::npos;
}

}  // namespace

// After the first run, when it is known how the server names mailboxes.
void LiveSync::start_watcher(std::shared_ptr<Heard> heard) {
  WatchOptions watch;
  watch.patterns.clear();
  for (const std::string& pattern : options_.patterns) {
    watch.patterns.push_back(is_wild(pattern) ? "*" : syncer_.server_name(pattern));
  }
  watch.poll_seconds = options_.poll_seconds;
  WatchHooks hooks;
  hooks.events = [this, heard](const std::vector<Event>& events) -> Result<> {
    for (const Event& event : events) {
      const bool tree = event.kind == EventKind::created || event.kind == EventKind::deleted;
      if (tree) heard->everything = true;
      if (!tree) heard->touched.insert(syncer_.local_name(event.mailbox));
    }
    heard->news.notify();
    return {};
  };
  // What came before it began to listen is looked for.
  hooks.progress = [this, heard](const std::string& line) {
    hooks_.tell(line);
    heard->everything = true;
    heard->news.notify();
  };
  heard->watching = true;
  net::spawn(heard->executor, watch_server(heard, account_, std::move(watch), std::move(hooks)));
}

// Waits until nothing has been heard for a moment.
Task<> LiveSync::settle(Heard& heard) {
  const net::Deadline latest = net::after(patience);
  while (!stopping_ && std::chrono::steady_clock::now() < latest) {
    const net::Deadline moment = net::after(quiet);
    const bool more = co_await heard.news.wait_until(moment);
    heard.take_notices();
    if (!more) break;
    heard.news.take();
  }
}

Task<> LiveSync::wait(Heard& heard, net::Deadline deadline) {
  while (!heard.anything() && !stopping_) {
    const bool woken = co_await heard.news.wait_until(deadline);
    heard.news.take();
    heard.take_notices();
    if (!woken) heard.everything = true;
  }
}

// Mailboxes may have been made: their directories are to be watched, too.
void LiveSync::watch_maildir(Heard& heard) {
  auto wake = [handle = heard.news.handle()] { handle.notify(); };
  auto notices = MaildirNotices::start(tree_, std::move(wake));
  if (!notices) hooks_.tell(notices.error().detail);
  heard.take_notices();
  heard.notices = notices ? std::move(*notices) : nullptr;
}

Task<Result<>> LiveSync::loop(std::shared_ptr<Heard> heard) {
  net::Deadline poll = net::no_deadline;
  Backoff backoff;
  while (!stopping_) {
    std::optional<std::set<std::string>> only;
    if (!heard->everything) only = heard->touched;
    heard->everything = false;
    heard->touched.clear();
    const bool all = !only;
    if (all) watch_maildir(*heard);
    auto report = co_await syncer_.run(std::move(only));
    if (!report) {
      if (is_final(report.error())) co_return tl::unexpected(std::move(report).error());
      const int64_t pause = backoff.next(throttle_of(report.error()).value_or(Throttle()));
      hooks_.tell(fmt::format("{}; trying again in {} s", report.error().detail, pause));
      const net::Deadline until = net::after(seconds(pause));
      while (!stopping_ && std::chrono::steady_clock::now() < until) {
        co_await heard->news.wait_until(until);
        heard->news.take();
      }
      heard->everything = true;
      continue;
    }
    backoff.succeeded();
    hooks_.report(*report);
    if (!started_) start_watcher(heard);
    started_ = true;
    if (all) poll = net::after(seconds(options_.poll_seconds));
    co_await wait(*heard, poll);
    co_await settle(*heard);
  }
  co_return Result<>();
}

Task<Result<>> LiveSync::run() {
  auto executor = co_await net::this_executor();
  auto heard = std::make_shared<Heard>(executor);
  heard->everything = true;
  net::spawn(executor, relay_stop(heard, stop_));
  auto done = co_await loop(heard);
  stop_.notify();
  while (heard->watching || heard->relaying) {
    co_await heard->news.wait_until(net::no_deadline);
    heard->news.take();
  }
  heard->notices = nullptr;
  co_return done;
}

}  // namespace eilpost::client
