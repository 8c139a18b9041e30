#include "protocol/imap/append.h"

namespace eilpost::imap {
namespace {

// append-message = [SP flag-list] [SP date-time] SP literal; the space in front is taken already.
Result<AppendMessage> parse_append_message(Cursor& cursor) {
  AppendMessage message;
  if (cursor.peek() == '(') {
    message.flags = TRY(cursor.flag_list());
    TRY(cursor.space());
  }
  if (cursor.peek() == '"') {
    message.date = TRY(cursor.date_time());
    TRY(cursor.space());
  }
  size_t start = cursor.position();
  const Literal* literal = TRY(cursor.literal("the message as a literal"));
  message.size = literal->size;
  message.literal8 = literal->literal8;
  message.streamed = literal->streamed;
  message.octets = literal->octets;
  if (!message.literal8 && message.octets.find('\0') != std::string::npos) {
    return cursor.error_at(Code::invalid, "expected a message without NUL", start);
  }
  return message;
}

}  // namespace

// append = "APPEND" SP mailbox 1*append-message (RFC 3502)
Result<Append> parse_append(Cursor& cursor) {
  TRY(cursor.space());
  Append command;
  command.mailbox = TRY(cursor.mailbox());
  do {
    TRY(cursor.space());
    command.messages.push_back(TRY(parse_append_message(cursor)));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
    // A space may stand before the end of the line.
    if (cursor.rest().find_first_not_of(' ') == std::string_view::npos) break;
  } while (!cursor.at_end());
  return command;
}

void print_append(CommandWriter& out, const Append& command) {
  out.raw("APPEND ").mailbox(command.mailbox);
  for (const AppendMessage& message : command.messages) {
    out.raw(" ");
    if (!message.flags.empty()) out.flags(message.flags).raw(" ");
    if (message.date) {
      append_date_time(out.line(), *message.date);
      out.raw(" ");
    }
    out.literal(message.octets, {.literal8 = message.literal8});
  }
}

Result<std::optional<Append>> parse_append_so_far(const Frame& pending, ParseOptions options) {
  if (!equal_nocase(pending.name(), "APPEND")) return std::optional<Append>();
  Cursor cursor(pending, options);
  TRY(cursor.tag());
  TRY(cursor.space());
  TRY(cursor.atom());
  TRY(cursor.space());
  if (cursor.at_literal() && pending.literals.size() == 1) return std::optional<Append>();
  Cursor again(pending, options);
  TRY(again.tag());
  TRY(again.space());
  TRY(again.atom());
  return std::optional<Append>(TRY(parse_append(again)));
}

}  // namespace eilpost::imap
