#include "protocol/imap/cancel_update.h"

namespace eilpost::imap {

// "CANCELUPDATE" 1*(SP quoted)
Result<CancelUpdate> parse_cancel_update(Cursor& cursor) {
  CancelUpdate command;
  do {
    TRY(cursor.space());
    command.tags.push_back(TRY(cursor.string("a tag in quotes")));
  } while (cursor.peek() == ' ');
  return command;
}

void print_cancel_update(CommandWriter& out, const CancelUpdate& command) {
  out.raw("CANCELUPDATE");
  for (const std::string& tag : command.tags) out.raw(" ").string(tag);
}

}  // namespace eilpost::imap
