// Takes away what mbox adds to a message, in a stream: ">From " loses one ">" (mboxrd), and the
// header fields in which mail programs keep state (Status, X-Status, X-Keywords, X-UID, X-IMAP,
// X-IMAPbase) are left out; they have become flags. Memory is bounded by the longest line's first
// octets.
#pragma once

#include <string>
#include <string_view>

namespace eilpost {

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

}  // namespace eilpost
