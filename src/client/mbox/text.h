// What the mbox format (mboxrd, and its relatives mboxo and mboxcl) does to messages: the "From "
// lines between them, the ">" in front of lines that look like one, the header fields in which mail
// programs keep state, and line ends. Streams are fed piece by piece; memory is bounded by the
// longest line's first octets. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eilpost::client {

// The date of "From sender Mon Jan  2 15:04:05 2006", read as UTC; nothing when there is none.
std::optional<int64_t> parse_from_line(std::string_view line);
// With its line end.
std::string print_from_line(std::string_view sender, int64_t seconds);

// Puts ">" before "From " and ">From " at line starts, in a stream.
class MboxQuoter {
 public:
  std::string feed(std::string_view octets);
  std::string finish();

 private:
  std::string held_;
  bool start_ = true;
};

// Takes away what mbox adds to a message: ">From " loses one ">" (mboxrd), and the header fields in
// which mail programs keep state (Status, X-Status, X-Keywords, X-UID, X-IMAP, X-IMAPbase,
// Content-Length of mboxcl) are left out; they have become flags.
class MboxFilter {
 public:
  // What can be said so far; valid until the next call.
  std::string_view feed(std::string_view octets);
  std::string_view finish();

 private:
  void take(char c);
  void take_body(char c);
  void settle();

  // The beginning of a line is held until it tells what the line is.
  std::string held_;
  std::string out_;
  bool held_is_start_ = true;
  bool in_header_ = true;
  bool quoted_ = false;    // a ">" of this line is held back
  bool dropping_ = false;  // within a field that is left out
};

// Whether the name (without the colon) is one of those fields.
bool is_mbox_state_field(std::string_view name);

// Bare LF becomes CRLF, what is CRLF stays.
class LineEnds {
 public:
  void feed(std::string_view octets, std::string& out);

 private:
  bool last_was_cr_ = false;
};

}  // namespace eilpost::client
