#include "protocol/imap/copy.h"

namespace eilpost::imap {
namespace {

template <class Command>
Result<Command> parse_set_and_mailbox(Cursor& cursor) {
  TRY(cursor.space());
  Command command;
  command.set = TRY(cursor.sequence_set());
  TRY(cursor.space());
  command.mailbox = TRY(cursor.mailbox());
  return command;
}

}  // namespace

// copy = "COPY" SP sequence-set SP mailbox
Result<Copy> parse_copy(Cursor& cursor) {
  return parse_set_and_mailbox<Copy>(cursor);
}

void print_copy(CommandWriter& out, const Copy& command) {
  out.raw("COPY ").set(command.set).raw(" ").mailbox(command.mailbox);
}

// move = "MOVE" SP sequence-set SP mailbox
Result<Move> parse_move(Cursor& cursor) {
  return parse_set_and_mailbox<Move>(cursor);
}

void print_move(CommandWriter& out, const Move& command) {
  out.raw("MOVE ").set(command.set).raw(" ").mailbox(command.mailbox);
}

}  // namespace eilpost::imap
