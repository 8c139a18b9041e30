// Keeps the accounts' text indexes (search/index/text_indexes.h) up to date: a second behind what
// changes in accounts that are in memory, at once for those that a search has asked for, and all of
// them at the start and every hour; what attachments say comes behind, account by account. Where
// other nodes have the engine too, only accounts that were
// searched here have an index here. Works on the batch pool in slices, one account at a time; an
// account whose index cannot be written is left alone for a while. Started and stopped by main's
// thread.
#pragma once

#include <chrono>
#include <future>
#include <memory>

#include "net/signal.h"
#include "search/index/text_indexes.h"
#include "server/world.h"

namespace eilpost::server {

struct IndexerOptions {
  std::chrono::milliseconds look_every{1000};
  // A few changes of an account that nobody searches wait for so long.
  std::chrono::seconds few_after{30};
  std::chrono::seconds pass_every{3600};
  std::chrono::seconds retry_after{600};
};

class Indexer {
 public:
  // The world has indexes.
  Indexer(ServerWorld& world, IndexerOptions options);
  // stop().
  ~Indexer();
  Indexer(const Indexer&) = delete;
  Indexer& operator=(const Indexer&) = delete;
  // Waits for the slice that runs. Not on an IoPool's thread.
  void stop();

 private:
  struct State;
  static net::Task<> run(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the coroutine
  net::Signal::Handle handle_;
  std::future<void> ended_;
};

// Brings one account's index up to date; `all`: with everything that fills a block. Code::in_use:
// somebody else is at it.
struct IndexRun {
  PartitionId partition;
  bool all = false;
};
net::Task<Result<>> update_index(ServerWorld& world, const net::Signal& stop, IndexRun what);
// Has helpers read some attachments of an account; true when there are more. Code::in_use as above.
net::Task<Result<bool>> read_some_attachments(ServerWorld& world, PartitionId partition);

}  // namespace eilpost::server
