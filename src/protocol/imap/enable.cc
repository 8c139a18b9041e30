#include "protocol/imap/enable.h"

namespace eilpost::imap {

// enable = "ENABLE" 1*(SP capability)
Result<Enable> parse_enable(Cursor& cursor) {
  TRY(cursor.space());
  Enable command;
  do {
    command.capabilities.push_back(upper_ascii(TRY(cursor.atom("a capability"))));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
    cursor.skip_spaces();
  } while (!cursor.at_end());
  return command;
}

void print_enable(CommandWriter& out, const Enable& command) {
  out.raw("ENABLE");
  for (const std::string& name : command.capabilities) out.raw(" ").raw(name);
}

}  // namespace eilpost::imap
