// ID: who the client says it is. RFC 2971. NIL and () are both an empty list. Any thread.
#pragma once

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Id {
  IdParameters parameters;  // at most 30 fields
  friend bool operator==(const Id&, const Id&) = default;
};
Result<Id> parse_id(Cursor& cursor);
// "(...)" or NIL; ID responses have it too.
Result<IdParameters> parse_id_parameters(Cursor& cursor);
void print_id(CommandWriter& out, const Id& command);

}  // namespace eilpost::imap
