// LIST in its basic and extended form (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 8440, 9590), LSUB (RFC
// 3501 6.3.9) and XLIST, which Gmail had before RFC 6154. Patterns and references are UTF-8 with
// "*" and "%"; see mailbox_name.h for matching. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/metadata.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct List {
  // The client used selection options, several patterns or RETURN.
  bool extended = false;
  // Selection options.
  bool select_subscribed = false;
  bool select_remote = false;
  bool select_recursive_match = false;  // only beside a base option: the parser refuses it alone
  bool select_special_use = false;
  std::vector<std::string> unknown_selection;  // names, upper case: the session answers BAD
  std::string reference;
  std::vector<std::string> patterns;  // at least one
  // RETURN options.
  bool return_subscribed = false;
  bool return_children = false;
  bool return_special_use = false;
  bool return_myrights = false;
  std::optional<std::vector<StatusItem>> return_status;
  std::optional<MetadataRequest> return_metadata;
  std::vector<std::string> unknown_return;
  friend bool operator==(const List&, const List&) = default;
};
Result<List> parse_list(Cursor& cursor);
void print_list(CommandWriter& out, const List& command);

struct Lsub {
  std::string reference;
  std::string pattern;
  friend bool operator==(const Lsub&, const Lsub&) = default;
};
Result<Lsub> parse_lsub(Cursor& cursor);
void print_lsub(CommandWriter& out, const Lsub& command);

struct Xlist {
  std::string reference;
  std::string pattern;
  friend bool operator==(const Xlist&, const Xlist&) = default;
};
Result<Xlist> parse_xlist(Cursor& cursor);
void print_xlist(CommandWriter& out, const Xlist& command);

}  // namespace eilpost::imap
