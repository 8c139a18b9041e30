// Octets to command lines, and the two forms of message data. Each of these takes what it needs off
// the front of the caller's input and leaves the rest, so that pipelined input goes from one to the
// other (RFC 2920). Memory is bounded by the line limit. Not thread safe.
//
// Line ends: only CRLF ends a command line, and only CRLF "." CRLF ends DATA. A bare LF or CR never
// ends anything: a peer and its relay that disagree about line ends cannot smuggle a second message
// past us. A command line with a bare CR or LF in it is refused whole; in DATA they are kept as
// content.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace eilpost::lmtp {

class LineFramer {
 public:
  explicit LineFramer(size_t line_bytes_max = limits::lmtp_line_bytes_max)
      : line_bytes_max_(line_bytes_max) {}

  enum class Kind {
    line,      // text holds it, without CRLF
    too_long,  // longer than the limit; dropped up to its CRLF
    bare_end,  // held a bare CR or LF, or a NUL; dropped
  };
  struct Line {
    Kind kind = Kind::line;
    std::string text;
  };
  // Takes the next line off `input`; nothing when there is no whole one (all of `input` is taken).
  std::optional<Line> take(std::string_view& input);
  // Octets of an unfinished line, held or dropped.
  bool in_line() const { return !partial_.empty() || overflowed_; }

 private:
  Line finish();

  size_t line_bytes_max_;
  std::string partial_;
  bool overflowed_ = false;
  bool last_was_cr_ = false;
};

// DATA (RFC 5321 4.5.2): takes stuffed octets, gives the message's. The CRLF before the final dot
// belongs to the message.
class DotDecoder {
 public:
  // Takes octets off `input`, up to and with the end, and appends content to `out`. True: at the
  // end.
  bool take(std::string_view& input, std::string& out);
  bool done() const { return state_ == State::done; }

 private:
  enum class State { line_start, text, cr, dot, dot_cr, done };
  State state_ = State::line_start;
};

// The other direction, for clients.
class DotEncoder {
 public:
  void put(std::string_view content, std::string& out);
  // Adds CRLF if the content did not end with one, and the final dot.
  void finish(std::string& out);

 private:
  enum class State { line_start, text, cr };
  State state_ = State::line_start;
};
std::string dot_stuff(std::string_view content);

// The octets of one BDAT chunk (RFC 3030).
class ChunkCounter {
 public:
  explicit ChunkCounter(uint64_t octets) : left_(octets) {}
  // Takes what belongs to the chunk off `input`.
  std::string_view take(std::string_view& input);
  bool done() const { return left_ == 0; }
  uint64_t left() const { return left_; }

 private:
  uint64_t left_;
};

}  // namespace eilpost::lmtp
