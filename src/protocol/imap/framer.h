// The server's framer: octets in, whole commands out, before any grammar is looked at, so that a
// bad command never costs the connection. A Frame is a command's text with its literals beside it.
// The session decides at each literal: keep it in memory, stream it, or refuse it. Memory is
// bounded by FramerLimits plus what was fed and not yet taken, and is given back whenever the input
// is used up. Values only, no I/O; not for several threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace eilpost::imap {

struct Literal {
  // Where its "{" or "~{" stands in Frame::text.
  size_t text_offset = 0;
  // Octets announced.
  uint64_t size = 0;
  bool literal8 = false;
  bool synchronizing = true;
  // The octets went out as LiteralChunk events; `octets` is empty.
  bool streamed = false;
  std::string octets;
};

// One command (or one response, see client_framer.h): its lines without line ends, one behind the
// other, each literal's announcement ("{5}", "{5+}", "~{5}") in place, its octets in `literals`.
struct Frame {
  std::string text;
  std::vector<Literal> literals;

  // The tag that the text begins with, or "" if it begins with none. RFC 9051 2.2.1.
  std::string_view tag() const;
  // The word behind the tag as the client wrote it, or "".
  std::string_view name() const;
};

// More octets are needed.
struct NeedMore {};
// A whole command; empty lines are passed over. Parse it with parse_command() (command.h).
struct CommandFrame {
  Frame frame;
};
// A line ended with a literal. Look at Framer::pending(), then call exactly one of
// buffer_literal(), stream_literal(), refuse_literal() before next(). For a synchronizing one that
// is not refused, send the continuation request.
struct LiteralAnnounced {
  uint64_t size = 0;
  bool literal8 = false;
  bool synchronizing = true;
  // buffer_literal() would stay within FramerLimits::command_bytes_max.
  bool fits = true;
};
// Some octets of a streamed literal, in order; valid until the next call of feed() or next().
struct LiteralChunk {
  std::string_view octets;
};
// The streamed literal is complete; the rest of its command follows.
struct LiteralEnd {};
// A line asked for with expect_raw_line(), without its line end.
struct RawLine {
  std::string line;
};
// A line or command over the limit: answer "tag BAD [TOOBIG]" ("*" without tag). It has been
// skipped.
struct TooLong {
  std::string tag;
};
// A line with NUL or bare CR: answer "tag BAD why" ("*" without tag). It has been skipped.
struct BadLine {
  std::string tag;
  std::string why;
};
// The command whose literal was refused is skipped as far as its client sent it: answer tagged NO.
struct Refused {
  std::string tag;
};
// More to skip than FramerLimits::drain_bytes_max: answer BYE [TOOBIG]. next() gives nothing else.
struct Fatal {
  std::string why;
};

using FramerEvent = std::variant<NeedMore, CommandFrame, LiteralAnnounced, LiteralChunk, LiteralEnd,
                                 RawLine, TooLong, BadLine, Refused, Fatal>;

struct FramerLimits {
  size_t line_bytes_max = limits::command_line_bytes_max;
  // A command's lines and buffered literals together.
  size_t command_bytes_max = limits::command_bytes_max;
  uint64_t drain_bytes_max = limits::literal_drain_bytes_max;
};
// Before login: limits::preauth_command_bytes_max for a command that has literals.
FramerLimits preauth_framer_limits();

class Framer {
 public:
  explicit Framer(FramerLimits limits = {}) : limits_(limits) {}
  void set_limits(FramerLimits limits) { limits_ = limits; }

  // Copies the octets. To bound memory, feed only what one read gave, then call next() until
  // NeedMore.
  void feed(std::string_view octets);
  FramerEvent next();

  // The line after this comes as RawLine (a SASL response, DONE). Call between commands; holds for
  // one line. A longer one than line_bytes_max gives TooLong without tag.
  void expect_raw_line();

  // The command so far, after LiteralAnnounced: its last literal is the announced one, still empty.
  const Frame& pending() const { return frame_; }
  // Keeps the literal in the frame. If it does not fit the limits it is refused instead.
  void buffer_literal();
  void stream_literal();
  // Also while a literal is being streamed (the disk is full): the rest is skipped. Refused
  // follows.
  void refuse_literal();

  // Fed octets that no event has covered yet: RFC 9051 5.5 needs to know whether something waits,
  // STARTTLS that nothing does.
  size_t buffered() const { return buffer_.size() - position_; }
  // What buffered() counts: whole and partial lines as sent. Valid until feed() or next().
  std::string_view buffered_text() const { return rest(); }
  // Forgets what is buffered (STARTTLS, RFC 9051 6.2.1). Between commands only.
  void discard();
  // A command has begun and is not complete (its deadline is the session's business).
  bool mid_command() const;
  // What the framer holds at present, for admission by bytes.
  size_t memory_bytes() const;

 private:
  enum class State {
    line,
    announced,
    buffering,
    streaming,
    draining_line,
    draining_literal,
    settled,
    fatal,
  };
  enum class Verdict { none, too_long, bad, refused };

  std::optional<FramerEvent> step();
  std::optional<FramerEvent> step_line();
  std::optional<FramerEvent> finish_line(std::string_view line, size_t wire_bytes);
  std::optional<FramerEvent> finish_command();
  FramerEvent announce(const struct LiteralMark& mark, std::string_view line);
  std::optional<FramerEvent> step_buffering();
  std::optional<FramerEvent> step_streaming();
  std::optional<FramerEvent> step_draining_line();
  std::optional<FramerEvent> step_draining_literal();
  void begin_drain(Verdict verdict, std::string_view line);
  void finish_drained_line(std::string_view line);
  void count_drained(uint64_t octets);
  FramerEvent settle();
  void release();
  void reset_command();
  bool between_commands() const;
  std::string_view rest() const { return std::string_view(buffer_).substr(position_); }

  FramerLimits limits_;
  std::string buffer_;
  size_t position_ = 0;
  // Octets of rest() that hold no LF, so that a slow line is not searched again and again.
  size_t scanned_ = 0;
  Frame frame_;
  // What frame_ costs: text, literals and their bookkeeping.
  size_t frame_bytes_ = 0;
  State state_ = State::line;
  Verdict verdict_ = Verdict::none;
  std::string why_;
  std::string tag_;
  // The end of a line that is being skipped: it may announce a literal.
  std::string tail_;
  // Of the literal at hand.
  uint64_t remaining_ = 0;
  uint64_t drained_ = 0;
  bool raw_line_ = false;
};

// The literal announcement at a line's end, if there is one: "{5}", "{5+}", "~{5}", "~{5+}".
// `offset` is where it begins in the line. RFC 9051 4.3, RFC 7888, RFC 3516.
struct LiteralMark {
  size_t offset = 0;
  uint64_t size = 0;
  bool literal8 = false;
  bool synchronizing = true;
};
std::optional<LiteralMark> literal_mark(std::string_view line);

}  // namespace eilpost::imap
