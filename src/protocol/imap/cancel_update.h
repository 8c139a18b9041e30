// CANCELUPDATE: ends what RETURN (UPDATE) began. RFC 5267 4.3.5. Values only; any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct CancelUpdate {
  std::vector<std::string> tags;  // of the searching commands; one or more
  friend bool operator==(const CancelUpdate&, const CancelUpdate&) = default;
};
Result<CancelUpdate> parse_cancel_update(Cursor& cursor);
void print_cancel_update(CommandWriter& out, const CancelUpdate& command);

}  // namespace eilpost::imap
