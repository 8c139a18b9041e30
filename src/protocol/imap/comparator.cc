#include "protocol/imap/comparator.h"

#include "base/limits.h"

namespace eilpost::imap {

// comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)
Result<Comparator> parse_comparator(Cursor& cursor) {
  Comparator command;
  for (cursor.skip_spaces(); !cursor.at_end(); cursor.skip_spaces()) {
    if (command.wanted.size() == limits::preferences_max) {
      return cursor.error(Code::limit, "too many comparators");
    }
    command.wanted.push_back(TRY(cursor.astring("a comparator")));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
  }
  return command;
}

void print_comparator(CommandWriter& out, const Comparator& command) {
  out.raw("COMPARATOR");
  for (const std::string& wanted : command.wanted) out.raw(" ").astring(wanted);
}

// comparator-data = "COMPARATOR" SP comp-sel-quoted
//                   [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]
void append_comparator(std::string& out, const ComparatorData& data, WriteStyle style) {
  out += "* COMPARATOR ";
  append_astring(out, data.active, style);
  std::string_view before = " (";
  for (const std::string& name : data.matching) {
    out += before;
    append_astring(out, name, style);
    before = " ";
  }
  if (!data.matching.empty()) out += ')';
  out += "\r\n";
}

Result<ComparatorData> parse_comparator_data(Cursor& cursor) {
  ComparatorData data;
  TRY(cursor.space());
  data.active = TRY(cursor.astring("a comparator"));
  cursor.skip_spaces();
  if (cursor.at_end()) return data;
  TRY(cursor.list_of_some([&]() -> Result<> {
    data.matching.push_back(TRY(cursor.astring("a comparator")));
    return {};
  }));
  return data;
}

}  // namespace eilpost::imap
