// STATUS. RFC 9051 6.3.11 with the items of RFC 7162, 7889, 8474 and 9208. Any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Status {
  std::string mailbox;
  std::vector<StatusItem> items;  // at least one, each once
  friend bool operator==(const Status&, const Status&) = default;
};
Result<Status> parse_status(Cursor& cursor);
void print_status(CommandWriter& out, const Status& command);

// "(MESSAGES UNSEEN)"; LIST's RETURN (STATUS ...) has it too.
Result<std::vector<StatusItem>> parse_status_items(Cursor& cursor);
void append_status_items(std::string& out, const std::vector<StatusItem>& items);

}  // namespace eilpost::imap
