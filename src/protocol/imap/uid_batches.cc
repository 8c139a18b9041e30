#include "protocol/imap/uid_batches.h"

namespace eilpost::imap {

// uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]
Result<UidBatches> parse_uid_batches(Cursor& cursor) {
  UidBatches command;
  TRY(cursor.space());
  command.size = TRY(cursor.nz_number("the size of a batch"));
  if (cursor.at_end()) return command;
  TRY(cursor.space());
  if (cursor.at_end()) return command;
  UidBatches::Range range;
  range.first = TRY(cursor.nz_number("the number of a batch"));
  TRY(cursor.expect(':'));
  range.last = TRY(cursor.nz_number("the number of a batch"));
  command.range = range;
  return command;
}

void print_uid_batches(CommandWriter& out, const UidBatches& command) {
  out.raw("UIDBATCHES ").number(command.size);
  if (!command.range) return;
  out.raw(" ").number(command.range->first).raw(":").number(command.range->last);
}

}  // namespace eilpost::imap
