// The threads that run coroutines: one io_context and one thread per core. A connection lives on
// one of them from accept to close, so that its code needs no locks. Destroy an IoPool last: after
// its listeners, sessions, disk pools and engine, since all of these may post to it.
#pragma once

#include <cstddef>
#include <memory>

#include "net/task.h"

namespace eilpost::net {

class IoPool {
 public:
  // Starts `threads` threads (0: one per core) and ignores SIGPIPE in the process, because OpenSSL
  // writes to sockets without MSG_NOSIGNAL.
  explicit IoPool(size_t threads = 0);
  // stop().
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  size_t size() const;
  Executor executor(size_t index) const;
  // Each in turn. Any thread.
  Executor next();
  // Ends the threads after what they run at the moment; coroutines that wait are destroyed with
  // the IoPool. Not from one of its own threads.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eilpost::net
