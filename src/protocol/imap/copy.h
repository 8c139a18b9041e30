// COPY and MOVE with their UID forms. RFC 9051 6.4.7, 6.4.8. Values only; any thread.
#pragma once

#include <string>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Copy {
  SequenceSet set;
  std::string mailbox;
  friend bool operator==(const Copy&, const Copy&) = default;
};
Result<Copy> parse_copy(Cursor& cursor);
void print_copy(CommandWriter& out, const Copy& command);

struct Move {
  SequenceSet set;
  std::string mailbox;
  friend bool operator==(const Move&, const Move&) = default;
};
Result<Move> parse_move(Cursor& cursor);
void print_move(CommandWriter& out, const Move& command);

}  // namespace eilpost::imap
