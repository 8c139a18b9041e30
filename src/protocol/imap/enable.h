// ENABLE: the capabilities that a client asks for, known or not. RFC 9051 6.3.1. Any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Enable {
  std::vector<std::string> capabilities;  // upper case
  friend bool operator==(const Enable&, const Enable&) = default;
};
Result<Enable> parse_enable(Cursor& cursor);
void print_enable(CommandWriter& out, const Enable& command);

}  // namespace eilpost::imap
