// INPROGRESS (RFC 9585): a command that takes long tells its client, every ten seconds, how far it
// is, so that neither client nor middlebox takes the connection for dead. A command makes a
// Progress and calls at() between two of its steps. One session's coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace eilpost::server
