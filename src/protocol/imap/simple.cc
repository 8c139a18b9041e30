#include "protocol/imap/simple.h"

namespace eilpost::imap {

// RFC 9051 6.4.9: uid-expunge = "UID" SP "EXPUNGE" SP sequence-set
Result<Expunge> parse_uid_expunge(Cursor& cursor) {
  TRY(cursor.space());
  return Expunge{TRY(cursor.sequence_set())};
}

void print_expunge(CommandWriter& out, const Expunge& command) {
  out.raw("EXPUNGE");
  if (command.uids) out.raw(" ").set(*command.uids);
}

}  // namespace eilpost::imap
