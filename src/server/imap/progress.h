// INPROGRESS (RFC 9585): a command that takes long tells its client, every ten seconds, how far it
// is, so that neither client nor middlebox takes the connection for dead. A command makes a
// Progress and calls at() between two of its steps; a step that cannot be divided, as the one
// commit of a COPY, is awaited by mutate_telling(). One session's coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/signal.h"
#include "server/imap/session.h"

namespace eilpost::server {

// When it is time for the next word. Pure.
class ProgressMeter {
 public:
  explicit ProgressMeter(int64_t now_micros) : last_micros_(now_micros) {}
  // Then the next pause begins.
  bool due(int64_t now_micros);

 private:
  int64_t last_micros_;
};

class Progress {
 public:
  // goal: what at() counts up to, if that is known.
  Progress(ImapSession& session, std::string_view tag, std::optional<uint64_t> goal);
  // Sends when it is time, together with what waits in out(). nullopt: nobody knows how far it is.
  net::Task<Result<>> at(std::optional<uint64_t> done);

 private:
  ImapSession& session_;
  std::string tag_;
  std::optional<uint64_t> goal_;
  ProgressMeter meter_;
};

// Until signalled; tells meanwhile that the command goes on.
net::Task<> wait_telling(net::Signal& done, Progress& progress);

// session.mutate(f), telling meanwhile. Without a Progress it is that alone.
template <class R>
net::Task<Result<R>> mutate_telling(ImapSession& session, Progress* progress,
                                    std::function<Result<R>(store::Tx&)> f) {
  if (progress == nullptr || session.identity().read_only) {
    auto plain = co_await session.mutate<R>(std::move(f));
    co_return plain;
  }
  const net::Executor here = co_await net::this_executor();
  net::Signal done(here);
  auto answer = std::make_shared<std::optional<Result<R>>>();  // shared with the callback
  std::function<void(Result<R>)> take = [answer, handle = done.handle()](Result<R> value) {
    answer->emplace(std::move(value));
    handle.notify();
  };
  session.account().mutate<R>(session.author(), std::move(f), std::move(take));
  co_await wait_telling(done, *progress);
  Result<R> result = std::move(**answer);
  if (result) session.note_change();
  co_return result;
}

}  // namespace eilpost::server
