// Watches mailboxes of one account and tells what happens in them: by NOTIFY on one connection (RFC
// 5465) where the server has it, else by a few connections in IDLE and STATUS for the rest.
// Whatever ends a connection - the network, a suspend, a server that falls silent - it comes back,
// compares what is there with what was known, and tells the difference, so that nothing is missed.
// Runs on one executor; the account's sessions are its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/account/account.h"
#include "client/watch/event.h"
#include "net/signal.h"

namespace eilpost::client {

struct WatchOptions {
  std::vector<std::string> patterns = {"INBOX"};  // as LIST has them
  int idle_connections = 3;  // besides the one that asks for STATUS; 0: STATUS only
  int poll_seconds = 300;    // for mailboxes that nobody idles in
  int renew_seconds = 540;   // IDLE is begun anew: middle boxes forget who says nothing
  bool notify = true;        // where the server has it
};

struct WatchHooks {
  std::function<Result<>(const std::vector<Event>&)> events;  // an Error ends the watch
  // What happens to the connection, for the user's log: "connected (NOTIFY)", "lost: ...".
  std::function<void(const std::string&)> progress;
  // The states have changed: the moment to save them.
  std::function<void(const WatchedMailboxes&)> states;
};

class Watcher {
 public:
  // `stop` and `stopping` belong to the one who ends it; both outlive it.
  Watcher(Account& account, WatchOptions options, WatchHooks hooks, net::Signal& stop,
          const std::atomic<bool>& stopping);
  ~Watcher();

  // Until stopping. `known`: from an earlier run, empty at the first. An Error when trying again
  // makes no sense: wrong password, no such mechanism, an event that could not be told.
  Task<Result<>> run(WatchedMailboxes known);
  // One look at all of it, and the end.
  Task<Result<>> once(WatchedMailboxes known);

 private:
  struct Pool;
  Task<Result<>> watch_connected(Session& session);
  // Until stopping, or until the server has no more of it.
  Task<Result<>> by_notify(Session& session);
  Task<Result<>> by_idle(Session& session);
  Task<Result<>> look_at_all(Session& session);
  Task<Result<>> look_at(Session& session, std::string mailbox);
  Task<Result<std::vector<std::string>>> names(Session& session);
  Result<> tell(std::vector<Event> events);
  std::string notify_command() const;
  bool wanted(std::string_view mailbox) const;

  Account& account_;
  WatchOptions options_;
  WatchHooks hooks_;
  net::Signal& stop_;
  const std::atomic<bool>& stopping_;
  WatchedMailboxes known_;
  std::set<std::string> unmatched_;  // patterns that name nothing, told already
  bool first_look_ = true;           // nothing was known before: what is there is no news
  bool catching_up_ = false;
};

}  // namespace eilpost::client
