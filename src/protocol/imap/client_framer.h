// The client's framer: octets in, whole responses (a Frame with its literals) out; literals above a
// size that the caller sets are streamed instead of held. Memory is bounded by the limits and given
// back when the input is used up. Values only, no I/O; not for several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/imap/framer.h"

namespace eilpost::imap {

// The response is complete. Valid until the next call of feed() or next().
struct ResponseFrame {
  const Frame* frame = nullptr;
};
// A literal is going to be streamed: Literal::streamed in the frame that comes later.
struct LiteralBegin {
  uint64_t size = 0;
  // The response so far, to see what it is ("* 12 FETCH (BODY[] {52428800}").
  const Frame* frame = nullptr;
};

using ClientEvent =
    std::variant<NeedMore, ResponseFrame, LiteralBegin, LiteralChunk, LiteralEnd, Fatal>;

struct ClientFramerLimits {
  // A longer line is Fatal, and so are more octets in the held literals of one response. SEARCH of
  // a large mailbox is one line.
  size_t line_bytes_max = 64 * 1024 * 1024;
  uint64_t buffered_literal_bytes_max = 1024 * 1024;  // literals above are streamed
};

class ClientFramer {
 public:
  explicit ClientFramer(ClientFramerLimits limits = {}) : limits_(limits) {}
  void feed(std::string_view octets);
  ClientEvent next();
  size_t buffered() const { return buffer_.size() - position_; }

 private:
  enum class State { line, buffering, streaming, fatal };
  std::optional<ClientEvent> next_line();
  void give_up();
  std::optional<ClientEvent> finish_line(std::string_view line);
  std::optional<ClientEvent> next_buffering();
  std::optional<ClientEvent> next_streaming();
  std::string_view rest() const { return std::string_view(buffer_).substr(position_); }

  ClientFramerLimits limits_;
  std::string buffer_;
  size_t position_ = 0;
  size_t scanned_ = 0;
  Frame frame_;
  bool delivered_ = false;
  State state_ = State::line;
  uint64_t remaining_ = 0;
  uint64_t held_ = 0;  // in literals of the response so far
};

}  // namespace eilpost::imap
