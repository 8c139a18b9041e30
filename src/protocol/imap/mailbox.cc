#include "protocol/imap/mailbox.h"

#include <array>

namespace eilpost::imap {
namespace {

// RFC 6154 2, RFC 8457.
constexpr std::array<std::string_view, 8> special_uses{
    "\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important"};

Result<std::string> parse_special_use(Cursor& cursor) {
  if (!cursor.accept('\\')) return cursor.expected("a special use like \\Sent");
  std::string use = "\\";
  use += TRY(cursor.atom("a special use like \\Sent"));
  for (std::string_view known : special_uses) {
    if (equal_nocase(known, use)) return std::string(known);
  }
  return use;
}

// create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
Result<> parse_create_parameters(Cursor& cursor, Create& command) {
  TRY(cursor.enter());
  cursor.skip_spaces();
  if (!cursor.accept_word("USE")) return cursor.expected("USE");
  TRY(cursor.space());
  TRY(cursor.list([&]() -> Result<> {
    command.special_use.push_back(TRY(parse_special_use(cursor)));
    return {};
  }));
  cursor.skip_spaces();
  return cursor.leave();
}

Result<std::string> only_mailbox(Cursor& cursor) {
  TRY(cursor.space());
  return cursor.mailbox();
}

}  // namespace

// create = "CREATE" SP mailbox [create-params]
Result<Create> parse_create(Cursor& cursor) {
  Create command;
  command.mailbox = TRY(only_mailbox(cursor));
  if (cursor.at_end()) return command;
  TRY(cursor.space());
  if (!cursor.at_end()) TRY(parse_create_parameters(cursor, command));
  return command;
}

void print_create(CommandWriter& out, const Create& command) {
  out.raw("CREATE ").mailbox(command.mailbox);
  if (command.special_use.empty()) return;
  out.raw(" (USE ").flags(command.special_use).raw(")");
}

Result<Delete> parse_delete(Cursor& cursor) {
  return Delete{TRY(only_mailbox(cursor))};
}

void print_delete(CommandWriter& out, const Delete& command) {
  out.raw("DELETE ").mailbox(command.mailbox);
}

// rename = "RENAME" SP mailbox SP mailbox
Result<Rename> parse_rename(Cursor& cursor) {
  Rename command;
  command.from = TRY(only_mailbox(cursor));
  command.to = TRY(only_mailbox(cursor));
  return command;
}

void print_rename(CommandWriter& out, const Rename& command) {
  out.raw("RENAME ").mailbox(command.from).raw(" ").mailbox(command.to);
}

Result<Subscribe> parse_subscribe(Cursor& cursor) {
  return Subscribe{TRY(only_mailbox(cursor))};
}

void print_subscribe(CommandWriter& out, const Subscribe& command) {
  out.raw("SUBSCRIBE ").mailbox(command.mailbox);
}

Result<Unsubscribe> parse_unsubscribe(Cursor& cursor) {
  return Unsubscribe{TRY(only_mailbox(cursor))};
}

void print_unsubscribe(CommandWriter& out, const Unsubscribe& command) {
  out.raw("UNSUBSCRIBE ").mailbox(command.mailbox);
}

}  // namespace eilpost::imap
