#include "protocol/imap/client_framer.h"

#include <algorithm>
#include <cstring>

#include "protocol/imap/values.h"

namespace eilpost::imap {
namespace {

// Status responses and "+" end in human text: a "{5}" at its end is no literal. RFC 9051 7.1.
bool ends_in_text(std::string_view line) {
  if (!line.empty() && line.front() == '+') return true;
  size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  std::string_view word = line.substr(space + 1);
  word = word.substr(0, word.find(' '));
  for (std::string_view name : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    if (equal_nocase(word, name)) return true;
  }
  return false;
}

}  // namespace

void ClientFramer::feed(std::string_view octets) {
  if (position_ > 0) {
    buffer_.erase(0, position_);
    position_ = 0;
  }
  if (state_ != State::fatal) buffer_.append(octets);
}

ClientEvent ClientFramer::next() {
  if (delivered_) {
    held_ = 0;
    frame_.text.clear();
    frame_.literals.clear();
    delivered_ = false;
  }
  if (position_ == buffer_.size() && position_ > 0) {
    std::string().swap(buffer_);
    position_ = 0;
    scanned_ = 0;
  }
  for (;;) {
    std::optional<ClientEvent> event;
    switch (state_) {
      case State::line: event = next_line(); break;
      case State::buffering: event = next_buffering(); break;
      case State::streaming: event = next_streaming(); break;
      case State::fatal: return Fatal{"the server's response is too long"};
    }
    if (event) return std::move(*event);
  }
}

std::optional<ClientEvent> ClientFramer::next_line() {
  std::string_view text = rest();
  const void* at = scanned_ < text.size()
                       ? std::memchr(text.data() + scanned_, '\n', text.size() - scanned_)
                       : nullptr;
  if (at == nullptr) {
    scanned_ = text.size();
    if (frame_.text.size() + text.size() <= limits_.line_bytes_max) {
      if (text.empty() && frame_.text.empty()) std::string().swap(frame_.text);
      return NeedMore{};
    }
    give_up();
    return std::nullopt;
  }
  size_t lf = static_cast<size_t>(static_cast<const char*>(at) - text.data());
  std::string_view line = text.substr(0, lf);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  position_ += lf + 1;
  scanned_ = 0;
  return finish_line(line);
}

void ClientFramer::give_up() {
  state_ = State::fatal;
  std::string().swap(buffer_);
  position_ = 0;
  scanned_ = 0;
  frame_ = Frame{};
}

std::optional<ClientEvent> ClientFramer::finish_line(std::string_view line) {
  size_t start = frame_.text.size();
  frame_.text.append(line);
  std::optional<LiteralMark> mark = literal_mark(line);
  if (mark && ends_in_text(frame_.text)) mark.reset();
  if (!mark) {
    if (frame_.text.empty()) return std::nullopt;
    delivered_ = true;
    return ResponseFrame{&frame_};
  }
  Literal literal;
  literal.text_offset = start + mark->offset;
  literal.size = mark->size;
  literal.literal8 = mark->literal8;
  literal.synchronizing = mark->synchronizing;
  literal.streamed = mark->size > limits_.buffered_literal_bytes_max;
  if (!literal.streamed) held_ += mark->size;
  if (held_ > limits_.line_bytes_max) {
    give_up();
    return std::nullopt;
  }
  frame_.literals.push_back(std::move(literal));
  remaining_ = mark->size;
  if (!frame_.literals.back().streamed) {
    state_ = State::buffering;
    return std::nullopt;
  }
  state_ = State::streaming;
  return LiteralBegin{mark->size, &frame_};
}

std::optional<ClientEvent> ClientFramer::next_buffering() {
  size_t take = static_cast<size_t>(std::min<uint64_t>(remaining_, rest().size()));
  frame_.literals.back().octets.append(rest().substr(0, take));
  position_ += take;
  remaining_ -= take;
  if (remaining_ > 0) return NeedMore{};
  state_ = State::line;
  return std::nullopt;
}

std::optional<ClientEvent> ClientFramer::next_streaming() {
  if (remaining_ == 0) {
    state_ = State::line;
    return LiteralEnd{};
  }
  if (rest().empty()) return NeedMore{};
  LiteralChunk chunk{rest().substr(0, std::min<uint64_t>(remaining_, rest().size()))};
  position_ += chunk.octets.size();
  remaining_ -= chunk.octets.size();
  return chunk;
}

}  // namespace eilpost::imap
