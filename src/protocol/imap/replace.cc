#include "protocol/imap/replace.h"

namespace eilpost::imap {

// replace = "REPLACE" SP seq-number SP mailbox append-message
// uid-replace = "UID" SP replace
Result<Replace> parse_replace(Cursor& cursor) {
  Replace command;
  TRY(cursor.space());
  if (!cursor.accept('*')) command.number = TRY(cursor.nz_number("a message"));
  TRY(cursor.space());
  command.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  command.message = *TRY(parse_append_message(cursor, PartialParse()));
  return command;
}

void print_replace(CommandWriter& out, const Replace& command) {
  out.raw("REPLACE ");
  if (command.number == 0) {
    out.raw("*");
  } else {
    out.number(command.number);
  }
  out.raw(" ").mailbox(command.mailbox).raw(" ");
  print_append_message(out, command.message);
}

}  // namespace eilpost::imap
