// What a server's refusal means to a tool: one Code to act on, and how long to wait where the
// server is busy rather than unwilling. Servers say so in response codes (RFC 5530), or only in
// words: the words that are known are in one table, each with the server that says them. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "protocol/imap/data.h"

namespace eilpost::client {

// NO and BAD as an Error whose detail is the server's own line, for the user to read. BAD is
// Code::invalid: the tool said what this server does not understand.
Error error_of(const imap::StatusResponse& status);

// The server wants to be left alone for a while.
struct Throttle {
  int64_t wait_seconds = 0;  // as told; 0: it did not say, the caller chooses
  bool connections = false;  // too many of them, rather than too much asked
  bool daily = false;        // a budget of the day is used up: hours rather than minutes
};
// Of any condition: Gmail says "OK Success [THROTTLED]" and goes on slowly.
std::optional<Throttle> throttle_of(const imap::StatusResponse& status);

// The same of an Error made by error_of().
std::optional<Throttle> throttle_of(const Error& error);

// Waits that grow: 1, 2, 4 ... seconds up to five minutes, or what the server asked for. A success
// starts again. For one thread.
class Backoff {
 public:
  // Seconds to wait before the next try.
  int64_t next(const Throttle& throttle);
  void succeeded() { tries_ = 0; }
  int tries() const { return tries_; }

 private:
  int tries_ = 0;
};

}  // namespace eilpost::client
