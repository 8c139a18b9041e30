// Sync that stays: a run at the begin, then one of the mailboxes in which something has happened,
// as soon as it is quiet for a moment. The server's side is heard by client/watch, the Maildir's by
// inotify; where that has no room, and every now and then in any case, everything is looked at.
// What fails is told and tried again. On the executor of its coroutine, with one thread beside it
// that waits for inotify.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/sync/syncer.h"
#include "net/signal.h"

namespace eilpost::client {

struct LiveOptions {
  std::vector<std::string> patterns = {"*"};
  int poll_seconds = 300;
};

struct LiveHooks {
  std::function<void(const std::string& line)> tell;
  std::function<void(const SyncReport& report)> report;  // after each run
};

class LiveSync {
 public:
  // Everything given by reference outlives it.
  LiveSync(Syncer& syncer, Account& account, const MaildirTree& tree, LiveOptions options,
           LiveHooks hooks, net::Signal& stop, const std::atomic<bool>& stopping);
  ~LiveSync();

  // Until stopping; an Error when trying again makes no sense (a wrong password).
  Task<Result<>> run();

 private:
  struct Heard;
  void start_watcher(std::shared_ptr<Heard> heard);
  void watch_maildir(Heard& heard);
  Task<Result<>> loop(std::shared_ptr<Heard> heard);
  // Until something was heard; at the deadline it is everything.
  Task<> wait(Heard& heard, net::Deadline deadline);
  Task<> settle(Heard& heard);

  Syncer& syncer_;
  Account& account_;
  const MaildirTree& tree_;
  LiveOptions options_;
  LiveHooks hooks_;
  net::Signal& stop_;
  const std::atomic<bool>& stopping_;
  bool started_ = false;  // the watcher
};

}  // namespace eilpost::client
