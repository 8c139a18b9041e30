// REPLACE and UID REPLACE: one message takes another's place. RFC 8508. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/imap/append.h"

namespace eilpost::imap {

struct Replace {
  uint32_t number = 0;  // a message number, with UID a uid; 0 is "*"
  std::string mailbox;
  AppendMessage message;
  friend bool operator==(const Replace&, const Replace&) = default;
};
Result<Replace> parse_replace(Cursor& cursor);
void print_replace(CommandWriter& out, const Replace& command);

}  // namespace eilpost::imap
