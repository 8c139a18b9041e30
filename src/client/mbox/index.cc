#include "client/mbox/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <utility>

#include "base/bytes.h"
#include "client/mbox/text.h"
#include "mime/header.h"

namespace eilpost::client {

namespace {

constexpr size_t piece_bytes = 1024 * 1024;
constexpr size_t line_kept = 1024;  // of a line, for what it says

void add_flags(MboxMessage& message, std::string_view letters) {
  for (const char letter : letters) {
    std::string_view flag;
    switch (letter) {
      case 'R': flag = "\\Seen"; break;
      case 'A': flag = "\\Answered"; break;
      case 'F': flag = "\\Flagged"; break;
      case 'D': flag = "\\Deleted"; break;
      case 'T': flag = "\\Draft"; break;
      default: continue;
    }
    if (std::find(message.flags.begin(), message.flags.end(), flag) == message.flags.end()) {
      message.flags.emplace_back(flag);
    }
  }
}

// Finds the messages of one file, fed in pieces.
class Indexer {
 public:
  explicit Indexer(const MboxOctets& octets) : octets_(octets) {}

  Result<> feed(std::string_view octets) {
    while (!octets.empty()) {
      const size_t end = octets.find('\n');
      const bool whole = end != std::string_view::npos;
      const std::string_view part = octets.substr(0, whole ? end + 1 : octets.size());
      if (line_.size() < line_kept) line_.append(part.substr(0, line_kept - line_.size()));
      line_bytes_ += part.size();
      octets.remove_prefix(part.size());
      if (whole) TRY(end_line());
    }
    return {};
  }
  Result<std::vector<MboxMessage>> finish() {
    if (line_bytes_ > 0) TRY(end_line());
    end_message();
    return std::move(out_);
  }

 private:
  Result<> end_line() {
    const bool blank = line_ == "\n" || line_ == "\r\n";
    const bool from = after_blank_ && line_.compare(0, 5, "From ") == 0 && at_ >= trusted_;
    if (from && (at_ == 0 || parse_from_line(line_))) {
      begin_message();
    } else if (in_message_) {
      TRY(add_line(blank));
    }
    at_ += line_bytes_;
    after_blank_ = blank || at_ == trusted_;
    line_.clear();
    line_bytes_ = 0;
    return {};
  }

  void begin_message() {
    end_message();
    message_ = {};
    message_.offset = at_ + line_bytes_;
    message_.seconds = parse_from_line(line_);
    in_message_ = true;
    in_header_ = true;
    internal_ = false;
    content_length_.reset();
    crc_a_ = 0;
    crc_b_ = 0x9e3779b9;
    end_ = message_.offset;
    blank_.clear();
  }

  Result<> add_line(bool blank) {
    if (!blank_.empty()) {
      add_octets(std::exchange(blank_, {}));
      end_ = at_;
    }
    // A message's last blank line belongs to the file, if it does not end the header.
    if (blank && !in_header_ && at_ + line_bytes_ > trusted_) {
      blank_ = line_;
      return {};
    }
    add_octets(line_);
    end_ = at_ + line_bytes_;
    if (!in_header_) return {};
    if (!blank) {
      read_field();
      return {};
    }
    in_header_ = false;
    return trust_length();
  }

  // mboxcl: what it says is believed when a message begins there, or the file ends.
  Result<> trust_length() {
    if (!content_length_ || *content_length_ > (uint64_t{1} << 48)) return {};
    const uint64_t end = at_ + line_bytes_ + *content_length_;
    const std::string there = TRY(octets_(end, line_kept));
    std::string_view next = there;
    for (const std::string_view line_end : {"\r\n", "\n"}) {
      if (next.substr(0, line_end.size()) == line_end) {
        next.remove_prefix(line_end.size());
        break;
      }
    }
    const std::string before = end > 0 ? TRY(octets_(end - 1, 1)) : "";
    const bool at_end = next.empty() && !before.empty();
    const bool follows = next.substr(0, 5) == "From " &&
                         parse_from_line(next.substr(0, next.find('\n'))).has_value();
    if (at_end || (follows && (before == "\n" || there.size() > next.size()))) trusted_ = end;
    return {};
  }

  // A line's first octets are enough to tell messages apart, together with the size.
  void add_octets(std::string_view octets) {
    crc_a_ = crc32c(octets, crc_a_);
    crc_b_ = crc32c(octets, crc_b_);
  }

  void read_field() {
    const size_t colon = line_.find(':');
    if (colon == std::string::npos) return;
    const std::string_view name = std::string_view(line_).substr(0, colon);
    if (!is_mbox_state_field(name)) return;
    const std::string value = mime::unfold(std::string_view(line_).substr(colon + 1));
    if (mime::equals_ignoring_case(name, "x-imap")) internal_ = true;
    if (mime::equals_ignoring_case(name, "x-keywords")) {
      std::istringstream words(value);
      for (std::string word; words >> word;) message_.keywords.push_back(word);
    } else if (mime::equals_ignoring_case(name, "content-length")) {
      uint64_t length = 0;
      const auto read = std::from_chars(value.data(), value.data() + value.size(), length);
      if (read.ec == std::errc() && read.ptr == value.data() + value.size()) {
        content_length_ = length;
      }
    } else if (mime::equals_ignoring_case(name, "status") ||
               mime::equals_ignoring_case(name, "x-status")) {
      add_flags(message_, value);
    }
  }

  void end_message() {
    const bool was_message = std::exchange(in_message_, false);
    // The message in which IMAP servers keep the folder's own data is none.
    if (!was_message || internal_ || end_ <= message_.offset) return;
    message_.length = end_ - message_.offset;
    message_.content = fmt::format("{}-{:08x}{:08x}", message_.length, crc_a_, crc_b_);
    message_.equal_before = seen_[message_.content]++;
    out_.push_back(std::move(message_));
  }

  const MboxOctets& octets_;
  std::vector<MboxMessage> out_;
  std::map<std::string, int> seen_;  // equal messages of one file are counted apart
  MboxMessage message_;
  std::string line_;
  size_t line_bytes_ = 0;
  uint64_t at_ = 0;       // where the line begins
  uint64_t end_ = 0;      // of the message so far, without a blank line at its end
  uint64_t trusted_ = 0;  // up to here it is one message, as its Content-Length says
  std::string blank_;     // that blank line
  std::optional<uint64_t> content_length_;
  uint32_t crc_a_ = 0;
  uint32_t crc_b_ = 0;
  bool after_blank_ = true;
  bool in_message_ = false;
  bool in_header_ = false;
  bool internal_ = false;
};

}  // namespace

Result<std::vector<MboxMessage>> index_mbox(const MboxOctets& at) {
  Indexer indexer(at);
  uint64_t offset = 0;
  for (;;) {
    const std::string piece = TRY(at(offset, piece_bytes));
    if (piece.empty()) return indexer.finish();
    TRY(indexer.feed(piece));
    offset += piece.size();
  }
}

bool begins_as_mbox(std::string_view start) {
  return start.empty() || start.substr(0, 5) == "From ";
}

}  // namespace eilpost::client
