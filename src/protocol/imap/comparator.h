// COMPARATOR (RFC 5255 4.7): which collation compares strings. The command and its response, in
// both directions. Values only; any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Comparator {
  // By preference: names ("i;octet"), patterns ("*") or "default". None: which one is it?
  std::vector<std::string> wanted;
  friend bool operator==(const Comparator&, const Comparator&) = default;
};
Result<Comparator> parse_comparator(Cursor& cursor);
void print_comparator(CommandWriter& out, const Comparator& command);

struct ComparatorData {
  std::string active;
  std::vector<std::string> matching;  // what else was meant by the client's list
  friend bool operator==(const ComparatorData&, const ComparatorData&) = default;
};
// "* COMPARATOR i;octet (i;octet i;ascii-casemap)"
void append_comparator(std::string& out, const ComparatorData& data, WriteStyle style);
// What stands behind "COMPARATOR".
Result<ComparatorData> parse_comparator_data(Cursor& cursor);

}  // namespace eilpost::imap
