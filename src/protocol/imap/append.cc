#include "protocol/imap/append.h"

namespace eilpost::imap {
namespace {

// mailbox 1*append-message (RFC 3502), behind the command's name. nullopt, with a partial parse
// only: the announced literal is the mailbox name or a URL.
Result<std::optional<Append>> parse_rest(Cursor& cursor, PartialParse partial) {
  TRY(cursor.space());
  Append command;
  if (partial.allowed && cursor.at_literal() &&
      cursor.rest().find('}') == cursor.rest().size() - 1) {
    return std::optional<Append>();
  }
  command.mailbox = TRY(cursor.mailbox());
  do {
    TRY(cursor.space());
    auto message = TRY(parse_append_message(cursor, partial));
    if (!message) return std::optional<Append>();
    command.messages.push_back(std::move(*message));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
    // A space may stand before the end of the line.
    if (cursor.rest().find_first_not_of(' ') == std::string_view::npos) break;
  } while (!cursor.at_end());
  return std::optional<Append>(std::move(command));
}

}  // namespace

Result<std::optional<AppendMessage>> parse_append_message(Cursor& cursor, PartialParse partial) {
  AppendMessage message;
  if (cursor.peek() == '(') {
    message.flags = TRY(cursor.flag_list());
    TRY(cursor.space());
  }
  if (cursor.peek() == '"') {
    message.date = TRY(cursor.date_time());
    TRY(cursor.space());
  }
  // append-data = literal / literal8 / utf8-literal / "CATENATE" SP "(" ... ")"
  if (cursor.accept_word("CATENATE")) {
    TRY(cursor.space());
    auto parts = TRY(parse_catenate(cursor, partial));
    if (!parts) return std::optional<AppendMessage>();
    message.parts = std::move(*parts);
    return std::optional(std::move(message));
  }
  message.utf8 = cursor.accept_word("UTF8");
  MessageLiteral literal = message.utf8
                               ? TRY(parse_utf8_literal(cursor, partial))
                               : TRY(parse_message_literal(cursor, "the message as a literal"));
  message.size = literal.size;
  message.literal8 = literal.literal8;
  message.streamed = literal.streamed;
  message.octets = std::move(literal.octets);
  return std::optional(std::move(message));
}

// append = "APPEND" SP mailbox 1*append-message
Result<Append> parse_append(Cursor& cursor) {
  return *TRY(parse_rest(cursor, PartialParse()));
}

void print_append_message(CommandWriter& out, const AppendMessage& message) {
  if (!message.flags.empty()) out.flags(message.flags).raw(" ");
  if (message.date) {
    append_date_time(out.line(), *message.date);
    out.raw(" ");
  }
  if (!message.parts.empty()) {
    print_catenate(out, message.parts);
  } else if (message.utf8) {
    out.raw("UTF8 (").literal(message.octets, {.literal8 = true}).raw(")");
  } else {
    out.literal(message.octets, {.literal8 = message.literal8});
  }
}

void print_append(CommandWriter& out, const Append& command) {
  out.raw("APPEND ").mailbox(command.mailbox);
  for (const AppendMessage& message : command.messages) {
    out.raw(" ");
    print_append_message(out, message);
  }
}

Result<std::optional<AppendSoFar>> parse_append_so_far(const Frame& pending, ParseOptions options) {
  Cursor cursor(pending, options);
  AppendSoFar out;
  if (!cursor.tag() || !cursor.space()) return std::optional<AppendSoFar>();
  const bool uid = cursor.accept_word("UID");
  if (uid) TRY(cursor.space());
  out.replaces = cursor.accept_word("REPLACE");
  if (!out.replaces && (uid || !cursor.accept_word("APPEND"))) return std::optional<AppendSoFar>();
  if (out.replaces) {
    TRY(cursor.space());
    if (!cursor.accept('*')) TRY(cursor.nz_number("a message"));
  }
  auto append = TRY(parse_rest(cursor, PartialParse{.allowed = true}));
  if (!append) return std::optional<AppendSoFar>();
  if (out.replaces && append->messages.size() > 1) return cursor.expected("the end");
  out.append = std::move(*append);
  return std::optional(std::move(out));
}

}  // namespace eilpost::imap
