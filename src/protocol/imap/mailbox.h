// CREATE (with special use, RFC 6154), DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. RFC 9051 6.3.4
// to 6.3.8. Names are UTF-8 as given; whether they may be is mailbox_name.h's business. Any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Create {
  // A trailing delimiter ("the client will make children") is kept.
  std::string mailbox;
  std::vector<std::string> special_use;  // "\Sent", in the RFC's spelling where it has one
  friend bool operator==(const Create&, const Create&) = default;
};
Result<Create> parse_create(Cursor& cursor);
void print_create(CommandWriter& out, const Create& command);

struct Delete {
  std::string mailbox;
  friend bool operator==(const Delete&, const Delete&) = default;
};
Result<Delete> parse_delete(Cursor& cursor);
void print_delete(CommandWriter& out, const Delete& command);

struct Rename {
  std::string from;
  std::string to;
  friend bool operator==(const Rename&, const Rename&) = default;
};
Result<Rename> parse_rename(Cursor& cursor);
void print_rename(CommandWriter& out, const Rename& command);

struct Subscribe {
  std::string mailbox;
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
Result<Subscribe> parse_subscribe(Cursor& cursor);
void print_subscribe(CommandWriter& out, const Subscribe& command);

struct Unsubscribe {
  std::string mailbox;
  friend bool operator==(const Unsubscribe&, const Unsubscribe&) = default;
};
Result<Unsubscribe> parse_unsubscribe(Cursor& cursor);
void print_unsubscribe(CommandWriter& out, const Unsubscribe& command);

}  // namespace eilpost::imap
