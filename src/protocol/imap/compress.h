// COMPRESS (RFC 4978). Values only; any thread.
#pragma once

#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Compress {
  std::string algorithm;  // upper case; "DEFLATE" is the only one there is
  friend bool operator==(const Compress&, const Compress&) = default;
};
Result<Compress> parse_compress(Cursor& cursor);
void print_compress(CommandWriter& out, const Compress& command);

}  // namespace eilpost::imap
