#include "protocol/lmtp/framer.h"

#include <algorithm>

namespace eilpost::lmtp {

LineFramer::Line LineFramer::finish() {
  Line out;
  if (overflowed_) {
    out.kind = Kind::too_long;
  } else {
    partial_.pop_back();  // the CR
    const bool bare = partial_.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
    out.kind = bare ? Kind::bare_end : Kind::line;
    if (!bare) out.text = std::move(partial_);
  }
  partial_.clear();
  overflowed_ = false;
  last_was_cr_ = false;
  return out;
}

std::optional<LineFramer::Line> LineFramer::take(std::string_view& input) {
  while (!input.empty()) {
    const size_t end = input.find('\n');
    const size_t length = end == std::string_view::npos ? input.size() : end;
    const auto piece = input.substr(0, length);
    if (!piece.empty()) last_was_cr_ = piece.back() == '\r';
    // One octet of room for the CR of the line's end.
    if (!overflowed_ && partial_.size() + piece.size() > line_bytes_max_ + 1) {
      overflowed_ = true;
      partial_.clear();
    }
    if (!overflowed_) partial_ += piece;
    if (end == std::string_view::npos) {
      input = {};
      return std::nullopt;
    }
    input.remove_prefix(end + 1);
    if (last_was_cr_) return finish();
    if (!overflowed_) partial_ += '\n';
  }
  return std::nullopt;
}

bool DotDecoder::take(std::string_view& input, std::string& out) {
  while (!input.empty() && state_ != State::done) {
    if (state_ == State::text) {
      // Runs without a CR go through at once.
      const size_t run = std::min(input.find('\r'), input.size());
      out += input.substr(0, run);
      input.remove_prefix(run);
      if (input.empty()) break;
    }
    const char c = input.front();
    input.remove_prefix(1);
    if (state_ == State::dot_cr) {
      if (c == '\n') {
        state_ = State::done;
        break;
      }
      out += '\r';  // the dot was a stuffed one: it goes, the CR stays
      state_ = State::cr;
    }
    if (state_ == State::line_start && c == '.') {
      state_ = State::dot;
      continue;
    }
    if (state_ == State::dot && c == '\r') {
      state_ = State::dot_cr;
      continue;
    }
    out += c;
    state_ = c == '\r'                          ? State::cr
             : c == '\n' && state_ == State::cr ? State::line_start
                                                : State::text;
  }
  return done();
}

void DotEncoder::put(std::string_view content, std::string& out) {
  for (const char c : content) {
    if (state_ == State::line_start && c == '.') out += '.';
    out += c;
    state_ = c == '\r'                          ? State::cr
             : c == '\n' && state_ == State::cr ? State::line_start
                                                : State::text;
  }
}

void DotEncoder::finish(std::string& out) {
  if (state_ != State::line_start) out += "\r\n";
  out += ".\r\n";
  state_ = State::line_start;
}

std::string dot_stuff(std::string_view content) {
  std::string out;
  out.reserve(content.size() + 16);
  DotEncoder encoder;
  encoder.put(content, out);
  encoder.finish(out);
  return out;
}

std::string_view ChunkCounter::take(std::string_view& input) {
  const auto out = input.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, input.size())));
  input.remove_prefix(out.size());
  left_ -= out.size();
  return out;
}

}  // namespace eilpost::lmtp
