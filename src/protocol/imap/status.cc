#include "protocol/imap/status.h"

#include <algorithm>

namespace eilpost::imap {

// "(" status-att *(SP status-att) ")"
Result<std::vector<StatusItem>> parse_status_items(Cursor& cursor) {
  std::vector<StatusItem> items;
  TRY(cursor.list_of_some([&]() -> Result<> {
    size_t start = cursor.position();
    std::optional<StatusItem> item = status_item(TRY(cursor.atom("a STATUS item")));
    if (!item) return cursor.error_at(Code::invalid, "expected a known STATUS item", start);
    if (std::find(items.begin(), items.end(), *item) == items.end()) items.push_back(*item);
    return {};
  }));
  return items;
}

void append_status_items(std::string& out, const std::vector<StatusItem>& items) {
  out += '(';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ' ';
    out += status_item_name(items[i]);
  }
  out += ')';
}

// status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
Result<Status> parse_status(Cursor& cursor) {
  TRY(cursor.space());
  Status command;
  command.mailbox = TRY(cursor.mailbox());
  TRY(cursor.space());
  command.items = TRY(parse_status_items(cursor));
  return command;
}

void print_status(CommandWriter& out, const Status& command) {
  out.raw("STATUS ").mailbox(command.mailbox).raw(" ");
  append_status_items(out.line(), command.items);
}

}  // namespace eilpost::imap
