#include "client/watch/watcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/watch/liveness.h"
#include "protocol/imap/mailbox_name.h"

namespace eilpost::client {

namespace {

using std::chrono::seconds;

// How often a waiting connection is asked whether it may have died.
constexpr seconds heartbeat{15};

bool has_control_character(std::string_view name) {
  return std::any_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::vector<imap::StatusItem> items_for(const Session& session) {
  std::vector<imap::StatusItem> out = {imap::StatusItem::messages, imap::StatusItem::uid_next,
                                       imap::StatusItem::uid_validity, imap::StatusItem::unseen};
  if (session.has("CONDSTORE") || session.has("QRESYNC")) {
    out.push_back(imap::StatusItem::highest_modseq);
  }
  return out;
}

// Trying again would give the same answer, and may lock the account.
bool is_final(const Error& error) {
  switch (error.code) {
    case Code::auth_failed:
    case Code::authz_failed:
    case Code::expired:
    case Code::privacy_required:
    case Code::cannot:
    case Code::permission: return true;
    default: return false;
  }
}

// Whether a refused STATUS says that the mailbox is not there, or not for this account; the others
// are troubles of the server's or the account's.
bool not_there(const Error& error) {
  if (throttle_of(error)) return false;
  return error.code == Code::not_found || error.code == Code::permission ||
         error.code == Code::cannot || error.code == Code::invalid;
}

// Whether a connection that waits may have died without a word.
bool doubtful(SleepWatch& sleep, Session& session) {
  return sleep.slept() || !address_is_ours(session.connection().stream().local());
}

// What NOTIFY has told and nobody has looked at.
struct Heard {
  std::set<std::string> touched;
  bool overflow = false;
};

// The name in a STATUS or LIST response; "" in others.
std::string named_in(const imap::Response& response) {
  if (const auto* status = std::get_if<imap::StatusData>(&response)) return status->mailbox;
  if (const auto* list = std::get_if<imap::ListData>(&response)) return list->mailbox;
  return "";
}

}  // namespace

// The connections in IDLE and what they have noticed. Shared by the watcher and each of them: the
// last one out may be a connection that is still closing.
struct Watcher::Pool {
  Pool(Account& account_in, const WatchOptions& options_in, net::Executor executor_in)
      : account(account_in), options(options_in), executor(executor_in), news(executor_in) {}

  Account& account;
  const WatchOptions& options;
  net::Executor executor;
  net::Signal news;               // something was noticed, or a connection has ended
  std::set<std::string> touched;  // mailboxes to look at
  std::set<std::string> idled;    // mailboxes that a connection sits in
  std::vector<net::Signal::Handle> stops;
  std::string trouble;  // why the last one could not begin
  int running = 0;
  bool ending = false;

  void end() {
    ending = true;
    for (const net::Signal::Handle& stop : stops) stop.notify();
  }
};

namespace {

// One connection in IDLE: until the pool ends or the connection does.
template <class Pool>
Task<Result<>> idle_once(std::shared_ptr<Pool> pool, std::string mailbox, net::Signal& stop) {
  auto session = co_await pool->account.connect();
  CO_TRY(session);
  Session& s = **session;
  if (!s.has("IDLE") && !s.has("IMAP4rev2")) {
    co_return fail(Code::cannot, "the server does not know IDLE");
  }
  Session::SelectHow how;
  how.read_only = true;
  auto selected = co_await s.select(mailbox, std::move(how));
  CO_TRY(selected);
  pool->idled.insert(mailbox);
  SleepWatch sleep;
  while (!pool->ending) {
    // What came between the look before and this moment is looked for.
    pool->touched.insert(mailbox);
    pool->news.notify();
    bool touched = false;
    Expect expect;
    expect.untagged = [&touched](imap::Response response) -> Result<> {
      // "* OK Still here" is no news.
      touched = touched || !std::holds_alternative<imap::StatusResponse>(response);
      return {};
    };
    imap::Command command;
    command.body = imap::Idle();
    auto ticket = co_await s.connection().send(std::move(command), std::move(expect));
    CO_TRY(ticket);
    auto turn = co_await s.connection().wait_turn(*ticket);
    CO_TRY(turn);
    if (std::holds_alternative<Answer>(*turn)) {
      co_return fail(Code::cannot, "the server refuses IDLE");
    }
    const net::Deadline renew = net::after(seconds(pool->options.renew_seconds));
    while (!touched && !pool->ending && !doubtful(sleep, s)) {
      const net::Deadline beat = std::min(renew, net::after(heartbeat));
      auto waited = co_await s.connection().wait_untagged(beat, stop);
      CO_TRY(waited);
      if (std::chrono::steady_clock::now() >= renew) break;
    }
    Connection::LineKind plain;
    auto done = co_await s.connection().send_line("DONE", plain);
    CO_TRY(done);
    // The answer is the proof that the server still hears.
    auto answer = co_await s.finish(std::move(*ticket));
    CO_TRY(answer);
  }
  co_await s.logout();
  co_return Result<>();
}

template <class Pool>
Task<> idle(std::shared_ptr<Pool> pool, std::string mailbox) {
  net::Signal stop(pool->executor);
  pool->stops.push_back(stop.handle());
  Backoff backoff;
  while (!pool->ending) {
    auto done = co_await idle_once(pool, mailbox, stop);
    const bool held = pool->idled.erase(mailbox) > 0;
    pool->touched.insert(mailbox);
    if (done) break;
    if (held) backoff.succeeded();
    pool->trouble = mailbox + ": " + done.error().detail;
    const auto throttle = throttle_of(done.error());
    if (is_final(done.error()) || (throttle && throttle->connections)) break;
    pool->news.notify();
    const net::Deadline until = net::after(seconds(backoff.next(throttle.value_or(Throttle()))));
    co_await stop.wait_until(until);
  }
  --pool->running;
  pool->news.notify();
}

}  // namespace

Watcher::Watcher(Account& account, WatchOptions options, WatchHooks hooks, net::Signal& stop,
                 const std::atomic<bool>& stopping)
    : account_(account),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      stop_(stop),
      stopping_(stopping) {}

Watcher::~Watcher() = default;

Result<> Watcher::tell(std::vector<Event> events) {
  if (!first_look_ && !events.empty()) {
    for (Event& event : events) event.caught_up = catching_up_;
    TRY(hooks_.events(events));
  }
  if (hooks_.states) hooks_.states(known_);
  return {};
}

// --- looking ---

// The mailboxes that the patterns name, each once, that can be selected.
Task<Result<std::vector<std::string>>> Watcher::names(Session& session) {
  std::set<std::string> found;
  for (const std::string& pattern : options_.patterns) {
    auto listed = co_await session.list(pattern);
    CO_TRY(listed);
    if (listed->empty() && unmatched_.insert(pattern).second) {
      hooks_.progress("no mailbox is called " + pattern + " so far");
    }
    for (const MailboxInfo& info : *listed) {
      if (info.selectable && !has_control_character(info.name)) found.insert(info.name);
    }
  }
  co_return std::vector<std::string>(found.begin(), found.end());
}

Task<Result<>> Watcher::look_at_all(Session& session) {
  auto all = co_await names(session);
  CO_TRY(all);
  WatchedMailboxes now;
  for (const std::string& name : *all) {
    std::vector<imap::StatusItem> items = items_for(session);
    auto status = co_await session.status(name, std::move(items));
    // It may have gone since it was listed, or may not be read.
    if (!status && (!session.is_alive() || !not_there(status.error()))) {
      co_return tl::unexpected(std::move(status).error());
    }
    if (status) now.emplace(name, state_of(*status));
  }
  std::vector<Event> events = compare(known_, now);
  known_ = std::move(now);
  auto told = tell(std::move(events));
  first_look_ = false;
  co_return told;
}

Task<Result<>> Watcher::look_at(Session& session, std::string mailbox) {
  std::vector<imap::StatusItem> items = items_for(session);
  auto status = co_await session.status(mailbox, std::move(items));
  std::optional<MailboxState> after;
  if (status) {
    after = state_of(*status);
  } else if (!session.is_alive() || !not_there(status.error())) {
    co_return tl::unexpected(std::move(status).error());
  }
  std::optional<MailboxState> before;
  const auto known = known_.find(mailbox);
  if (known != known_.end()) before = known->second;
  std::vector<Event> events = compare(mailbox, before, after);
  if (after) {
    known_[mailbox] = *after;
  } else {
    known_.erase(mailbox);
  }
  co_return tell(std::move(events));
}

// --- waiting ---

bool Watcher::wanted(std::string_view mailbox) const {
  if (has_control_character(mailbox)) return false;
  return std::any_of(
      options_.patterns.begin(), options_.patterns.end(),
      [&](const std::string& pattern) { return imap::pattern_matches(pattern, mailbox); });
}

std::string Watcher::notify_command() const {
  const bool all =
      std::find(options_.patterns.begin(), options_.patterns.end(), "*") != options_.patterns.end();
  std::string which = "personal";
  if (!all) {
    imap::CommandWriter names{imap::WriteOptions()};
    bool wild = false;
    for (const std::string& pattern : options_.patterns) {
      wild = wild || pattern.find_first_of("*%") != std::string::npos;
      if (!names.line().empty()) names.raw(" ");
      names.mailbox(pattern);
    }
    if (!wild) which = "mailboxes (" + names.line() + ")";
  }
  return "NOTIFY SET (" + which +
         " (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))";
}

Task<Result<>> Watcher::by_notify(Session& session) {
  // Shared with the handler, which the session keeps when this coroutine has ended.
  auto heard = std::make_shared<Heard>();
  auto hear = [heard](imap::Response response) -> Result<> {
    if (const auto* status = std::get_if<imap::StatusResponse>(&response)) {
      heard->overflow = heard->overflow || status->code.text == "NOTIFICATIONOVERFLOW";
    }
    const std::string name = named_in(response);
    if (!name.empty()) heard->touched.insert(name);
    return {};
  };
  Expect expect;
  expect.untagged = hear;
  auto set = co_await session.text_command(notify_command(), std::move(expect));
  if (!set && session.is_alive()) {
    hooks_.progress("NOTIFY is refused: " + set.error().detail);
    co_return Result<>();
  }
  CO_TRY(set);
  hooks_.progress("connected (NOTIFY)");
  heard->touched.clear();
  session.connection().set_unasked(hear);
  auto again = co_await look_at_all(session);
  CO_TRY(again);
  catching_up_ = false;
  SleepWatch sleep;
  net::Deadline proof = net::after(seconds(options_.renew_seconds));
  net::Deadline poll = net::after(seconds(options_.poll_seconds));
  while (!stopping_ && !heard->overflow) {
    const net::Deadline beat = std::min({proof, poll, net::after(heartbeat)});
    auto waited = co_await session.connection().wait_untagged(beat, stop_);
    CO_TRY(waited);
    if (std::chrono::steady_clock::now() >= proof || doubtful(sleep, session)) {
      imap::CommandBody noop = imap::Noop();
      auto proved = co_await session.command(std::move(noop));
      CO_TRY(proved);
      proof = net::after(seconds(options_.renew_seconds));
    }
    // Servers that do not tell all are found out.
    if (std::chrono::steady_clock::now() >= poll) {
      auto polled = co_await look_at_all(session);
      CO_TRY(polled);
      poll = net::after(seconds(options_.poll_seconds));
    }
    while (!heard->touched.empty()) {
      const std::string name = *heard->touched.begin();
      heard->touched.erase(heard->touched.begin());
      if (!wanted(name)) continue;
      auto looked = co_await look_at(session, name);
      CO_TRY(looked);
    }
  }
  session.connection().set_unasked(nullptr);
  if (heard->overflow) hooks_.progress("the server has too much to notify of");
  co_return Result<>();
}

Task<Result<>> Watcher::by_idle(Session& session) {
  auto executor = co_await net::this_executor();
  auto pool = std::make_shared<Pool>(account_, options_, executor);
  for (const auto& [name, state] : known_) {
    if (pool->running == options_.idle_connections) break;
    ++pool->running;
    net::spawn(executor, idle(pool, name));
  }
  hooks_.progress(pool->running > 0 ? fmt::format("connected (IDLE in {} of {} mailboxes)",
                                                  pool->running, known_.size())
                                    : "connected (STATUS only)");
  catching_up_ = false;
  Result<> result;
  net::Deadline poll = net::after(seconds(options_.poll_seconds));
  SleepWatch sleep;
  while (!stopping_ && result) {
    const net::Deadline beat = std::min(poll, net::after(heartbeat));
    co_await pool->news.wait_until(beat);
    pool->news.take();
    if (!pool->trouble.empty()) {
      hooks_.progress("lost: " + pool->trouble);
      pool->trouble.clear();
    }
    std::set<std::string> touched;
    touched.swap(pool->touched);
    for (const std::string& name : touched) {
      if (!result) break;
      result = co_await look_at(session, name);
    }
    const bool due = std::chrono::steady_clock::now() >= poll || doubtful(sleep, session);
    if (result && due) {
      result = co_await look_at_all(session);
      poll = net::after(seconds(options_.poll_seconds));
    }
  }
  pool->end();
  while (pool->running > 0) {
    co_await pool->news.wait_until(net::no_deadline);
    pool->news.take();
  }
  co_return result;
}

Task<Result<>> Watcher::watch_connected(Session& session) {
  auto looked = co_await look_at_all(session);
  CO_TRY(looked);
  if (options_.notify && session.has("NOTIFY")) {
    auto done = co_await by_notify(session);
    CO_TRY(done);
    if (stopping_) co_return Result<>();
    // Refused, or given up by the server (RFC 5465 5.8): it goes on without.
    auto again = co_await look_at_all(session);
    CO_TRY(again);
  }
  auto done = co_await by_idle(session);
  co_return done;
}

Task<Result<>> Watcher::once(WatchedMailboxes known) {
  first_look_ = known.empty();
  known_ = std::move(known);
  catching_up_ = true;
  auto session = co_await account_.connect();
  CO_TRY(session);
  auto looked = co_await look_at_all(**session);
  CO_TRY(looked);
  co_await (*session)->logout();
  co_return Result<>();
}

Task<Result<>> Watcher::run(WatchedMailboxes known) {
  first_look_ = known.empty();
  known_ = std::move(known);
  Backoff backoff;
  while (!stopping_) {
    catching_up_ = true;
    Result<> done;
    auto session = co_await account_.connect();
    if (session) {
      backoff.succeeded();
      done = co_await watch_connected(**session);
      if (done) co_await (*session)->logout();
    } else {
      done = tl::unexpected(session.error());
    }
    if (done || stopping_) co_return Result<>();
    if (is_final(done.error())) co_return done;
    const int64_t wait = backoff.next(throttle_of(done.error()).value_or(Throttle()));
    hooks_.progress(fmt::format("lost: {}; trying again in {} s", done.error().detail, wait));
    const net::Deadline until = net::after(seconds(wait));
    co_await stop_.wait_until(until);
  }
  co_return Result<>();
}

}  // namespace eilpost::client
