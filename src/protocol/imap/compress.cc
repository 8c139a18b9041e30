#include "protocol/imap/compress.h"

namespace eilpost::imap {

// compress = "COMPRESS" SP algorithm
Result<Compress> parse_compress(Cursor& cursor) {
  TRY(cursor.space());
  return Compress{upper_ascii(TRY(cursor.atom("DEFLATE")))};
}

void print_compress(CommandWriter& out, const Compress& command) {
  out.raw("COMPRESS ").raw(command.algorithm);
}

}  // namespace eilpost::imap
