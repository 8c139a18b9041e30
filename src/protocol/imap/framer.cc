#include "protocol/imap/framer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "protocol/imap/cursor.h"

namespace eilpost::imap {
namespace {

// "~{", 20 digits, "+}", and a CR: what must be kept of a skipped line to see a literal at its end.
constexpr size_t tail_bytes = 32;
constexpr size_t literal_digits_max = 20;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view leading_tag(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && is_tag_char(static_cast<unsigned char>(text[end]))) ++end;
  if (end < text.size() && text[end] != ' ') return {};
  return text.substr(0, end);
}

std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// Empties `value` and gives its memory back, which assigning an empty one does not do.
template <class T>
void give_back(T& value) {
  T empty;
  std::swap(value, empty);
}

size_t find_lf(std::string_view text, size_t from) {
  if (from >= text.size()) return std::string_view::npos;
  const void* at = std::memchr(text.data() + from, '\n', text.size() - from);
  if (at == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

}  // namespace

std::string_view Frame::tag() const {
  return leading_tag(text);
}

std::string_view Frame::name() const {
  std::string_view rest = text;
  rest.remove_prefix(tag().size());
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return rest.substr(0, rest.find(' '));
}

std::optional<LiteralMark> literal_mark(std::string_view line) {
  if (line.empty() || line.back() != '}') return std::nullopt;
  LiteralMark mark;
  size_t at = line.size() - 1;
  if (at > 0 && line[at - 1] == '+') {
    mark.synchronizing = false;
    --at;
  }
  size_t digits_end = at;
  while (at > 0 && is_digit(line[at - 1]) && digits_end - at < literal_digits_max) --at;
  if (at == digits_end || at == 0 || line[at - 1] != '{') return std::nullopt;
  constexpr uint64_t max = std::numeric_limits<uint64_t>::max();
  for (char c : line.substr(at, digits_end - at)) {
    uint64_t digit = static_cast<uint64_t>(c - '0');
    mark.size = mark.size > (max - digit) / 10 ? max : mark.size * 10 + digit;
  }
  mark.offset = at - 1;
  if (mark.offset > 0 && line[mark.offset - 1] == '~') {
    mark.literal8 = true;
    --mark.offset;
  }
  return mark;
}

FramerLimits preauth_framer_limits() {
  // A line may hold a whole SASL message (RFC 4959 6).
  FramerLimits limits;
  limits.command_bytes_max = limits::preauth_command_bytes_max;
  limits.drain_bytes_max = limits::preauth_drain_bytes_max;
  return limits;
}

void Framer::feed(std::string_view octets) {
  if (position_ > 0) {
    buffer_.erase(0, position_);
    position_ = 0;
  }
  if (state_ != State::fatal) buffer_.append(octets);
}

FramerEvent Framer::next() {
  release();
  for (;;) {
    if (auto event = step()) return std::move(*event);
  }
}

// One step; nullopt means that the state changed and the next step may give an event.
std::optional<FramerEvent> Framer::step() {
  switch (state_) {
    case State::line: return step_line();
    case State::announced: break;
    case State::buffering: return step_buffering();
    case State::streaming: return step_streaming();
    case State::draining_line: return step_draining_line();
    case State::draining_literal: return step_draining_literal();
    case State::settled: return settle();
    case State::fatal: return Fatal{why_};
  }
  CHECK(state_ != State::announced);
  return std::nullopt;
}

std::optional<FramerEvent> Framer::step_line() {
  size_t lf = find_lf(rest(), scanned_);
  size_t line_bytes = lf == std::string_view::npos ? rest().size() : lf;
  if (frame_.text.size() + line_bytes > limits_.line_bytes_max + 1) {  // + 1: the CR
    begin_drain(Verdict::too_long, rest().substr(0, line_bytes));
    return std::nullopt;
  }
  if (lf == std::string_view::npos) {
    scanned_ = rest().size();
    release();
    return NeedMore{};
  }
  return finish_line(without_cr(rest().substr(0, lf)), lf + 1);
}

std::optional<FramerEvent> Framer::finish_line(std::string_view line, size_t wire_bytes) {
  if (raw_line_) {
    raw_line_ = false;
    RawLine event{std::string(line)};
    position_ += wire_bytes;
    scanned_ = 0;
    return event;
  }
  bool nul = line.find('\0') != std::string_view::npos;
  if (nul || line.find('\r') != std::string_view::npos) {
    why_ = nul ? "a line may not hold NUL" : "a line may not hold CR without LF";
    begin_drain(Verdict::bad, line);
    return std::nullopt;
  }
  position_ += wire_bytes;
  scanned_ = 0;
  frame_.text.append(line);
  frame_bytes_ += line.size();
  if (auto mark = literal_mark(line)) return announce(*mark, line);
  return finish_command();
}

std::optional<FramerEvent> Framer::finish_command() {
  // A stray CRLF behind a literal or a SASL exchange is common and means nothing.
  if (frame_.text.empty()) return std::nullopt;
  CommandFrame event{std::move(frame_)};
  reset_command();
  return event;
}

FramerEvent Framer::announce(const LiteralMark& mark, std::string_view line) {
  Literal literal;
  literal.text_offset = frame_.text.size() - line.size() + mark.offset;
  literal.size = mark.size;
  literal.literal8 = mark.literal8;
  literal.synchronizing = mark.synchronizing;
  frame_.literals.push_back(std::move(literal));
  frame_bytes_ += sizeof(Literal);
  remaining_ = mark.size;
  state_ = State::announced;
  bool fits = frame_bytes_ <= limits_.command_bytes_max &&
              mark.size <= limits_.command_bytes_max - frame_bytes_;
  return LiteralAnnounced{mark.size, mark.literal8, mark.synchronizing, fits};
}

void Framer::buffer_literal() {
  CHECK(state_ == State::announced);
  if (frame_bytes_ > limits_.command_bytes_max ||
      remaining_ > limits_.command_bytes_max - frame_bytes_) {
    refuse_literal();
    return;
  }
  frame_bytes_ += remaining_;
  state_ = State::buffering;
}

void Framer::stream_literal() {
  CHECK(state_ == State::announced);
  frame_.literals.back().streamed = true;
  state_ = State::streaming;
}

void Framer::refuse_literal() {
  CHECK(state_ == State::announced || state_ == State::streaming);
  tag_ = std::string(frame_.tag());
  verdict_ = Verdict::refused;
  drained_ = 0;
  if (state_ == State::streaming) {
    // Its size was agreed to, so skipping it counts against no limit.
    state_ = State::draining_literal;
    return;
  }
  if (frame_.literals.back().synchronizing) {
    // RFC 9051 4.3: without "+" neither the literal nor the rest of the command is sent.
    state_ = State::settled;
    return;
  }
  state_ = State::draining_literal;
  count_drained(remaining_);
}

std::optional<FramerEvent> Framer::step_buffering() {
  size_t take = static_cast<size_t>(std::min<uint64_t>(remaining_, rest().size()));
  frame_.literals.back().octets.append(rest().substr(0, take));
  position_ += take;
  remaining_ -= take;
  if (remaining_ > 0) {
    release();
    return NeedMore{};
  }
  state_ = State::line;
  return std::nullopt;
}

std::optional<FramerEvent> Framer::step_streaming() {
  if (remaining_ == 0) {
    state_ = State::line;
    return LiteralEnd{};
  }
  if (rest().empty()) {
    release();
    return NeedMore{};
  }
  LiteralChunk chunk{rest().substr(0, std::min<uint64_t>(remaining_, rest().size()))};
  position_ += chunk.octets.size();
  remaining_ -= chunk.octets.size();
  return chunk;
}

// `line` is the first part, or all, of a line at the head of the buffer that is not going to be
// used.
void Framer::begin_drain(Verdict verdict, std::string_view line) {
  verdict_ = verdict;
  // Of an overlong line only so much counts as is there however it was fed.
  if (frame_.text.empty()) line = line.substr(0, limits_.line_bytes_max);
  if (verdict == Verdict::too_long && line.find(' ') == std::string_view::npos) line = {};
  tag_ = std::string(frame_.text.empty() ? leading_tag(line) : frame_.tag());
  if (raw_line_) tag_.clear();
  drained_ = 0;
  tail_.clear();
  state_ = State::draining_line;
  give_back(frame_);
  frame_bytes_ = 0;
}

std::optional<FramerEvent> Framer::step_draining_line() {
  size_t lf = find_lf(rest(), 0);
  size_t take = lf == std::string_view::npos ? rest().size() : lf;
  std::string_view part = rest().substr(0, take);
  tail_.append(part.substr(part.size() - std::min(part.size(), tail_bytes)));
  if (tail_.size() > tail_bytes) tail_.erase(0, tail_.size() - tail_bytes);
  position_ += take + (lf == std::string_view::npos ? 0 : 1);
  scanned_ = 0;
  count_drained(take);
  if (state_ == State::fatal) return std::nullopt;
  if (lf == std::string_view::npos) {
    release();
    return NeedMore{};
  }
  finish_drained_line(without_cr(tail_));
  return std::nullopt;
}

void Framer::finish_drained_line(std::string_view line) {
  std::optional<LiteralMark> mark;
  if (!raw_line_) mark = literal_mark(line);
  tail_.clear();
  if (!mark || mark->synchronizing) {
    // A synchronizing literal: its client waits for our answer and sends nothing more.
    state_ = State::settled;
    return;
  }
  remaining_ = mark->size;
  state_ = State::draining_literal;
  count_drained(remaining_);
}

std::optional<FramerEvent> Framer::step_draining_literal() {
  size_t take = static_cast<size_t>(std::min<uint64_t>(remaining_, rest().size()));
  position_ += take;
  remaining_ -= take;
  if (remaining_ > 0) {
    release();
    return NeedMore{};
  }
  tail_.clear();
  state_ = State::draining_line;
  return std::nullopt;
}

void Framer::count_drained(uint64_t octets) {
  uint64_t left = limits_.drain_bytes_max - std::min(drained_, limits_.drain_bytes_max);
  if (octets <= left) {
    drained_ += octets;
    return;
  }
  state_ = State::fatal;
  why_ = "more than this server is willing to skip";
  give_back(buffer_);
  position_ = 0;
  scanned_ = 0;
  give_back(frame_);
}

FramerEvent Framer::settle() {
  Verdict verdict = verdict_;
  std::string tag = std::move(tag_);
  raw_line_ = false;
  reset_command();
  if (verdict == Verdict::too_long) return TooLong{std::move(tag)};
  if (verdict == Verdict::bad) return BadLine{std::move(tag), std::move(why_)};
  return Refused{std::move(tag)};
}

void Framer::expect_raw_line() {
  CHECK(between_commands());
  raw_line_ = true;
}

void Framer::discard() {
  CHECK(between_commands());
  position_ = buffer_.size();
  scanned_ = 0;
  release();
}

bool Framer::mid_command() const {
  return !between_commands() || buffered() > 0;
}

bool Framer::between_commands() const {
  return state_ == State::line && frame_.text.empty() && frame_.literals.empty();
}

size_t Framer::memory_bytes() const {
  return buffer_.capacity() + frame_.text.capacity() + frame_bytes_ + tail_.capacity() +
         tag_.capacity();
}

// Gives the buffer back when all of it is used; while a literal flows it is kept for the next
// octets.
void Framer::release() {
  if (position_ < buffer_.size()) return;
  position_ = 0;
  scanned_ = 0;
  if (state_ == State::streaming || state_ == State::draining_literal) {
    buffer_.clear();
  } else {
    give_back(buffer_);
  }
}

void Framer::reset_command() {
  give_back(frame_);
  frame_bytes_ = 0;
  state_ = State::line;
  verdict_ = Verdict::none;
  give_back(tag_);
  give_back(tail_);
  remaining_ = 0;
  drained_ = 0;
}

}  // namespace eilpost::imap
