#include "protocol/imap/store.h"

namespace eilpost::imap {
namespace {

// store-modifier = "UNCHANGEDSINCE" SP mod-sequence-valzer (RFC 7162 7)
Result<uint64_t> parse_store_modifiers(Cursor& cursor) {
  TRY(cursor.enter());
  cursor.skip_spaces();
  if (!cursor.accept_word("UNCHANGEDSINCE")) return cursor.expected("UNCHANGEDSINCE");
  TRY(cursor.space());
  uint64_t modseq = TRY(cursor.number64("a mod-sequence"));
  cursor.skip_spaces();
  TRY(cursor.leave());
  return modseq;
}

// flag-list / (flag *(SP flag))
Result<FlagList> parse_flags(Cursor& cursor) {
  if (cursor.peek() == '(') return cursor.flag_list();
  FlagList flags;
  do {
    flags.push_back(TRY(cursor.flag()));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
    cursor.skip_spaces();
  } while (!cursor.at_end());
  return flags;
}

}  // namespace

// store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
Result<Store> parse_store(Cursor& cursor) {
  TRY(cursor.space());
  Store command;
  command.set = TRY(cursor.sequence_set());
  TRY(cursor.space());
  if (cursor.peek() == '(') {
    command.unchanged_since = TRY(parse_store_modifiers(cursor));
    TRY(cursor.space());
  }
  size_t start = cursor.position();
  if (cursor.accept('+')) {
    command.mode = StoreMode::add;
  } else if (cursor.accept('-')) {
    command.mode = StoreMode::remove;
  }
  command.silent = cursor.accept_word("FLAGS.SILENT");
  if (!command.silent && !cursor.accept_word("FLAGS")) {
    return cursor.error_at(Code::invalid, "expected FLAGS, +FLAGS, -FLAGS or one of them .SILENT",
                           start);
  }
  TRY(cursor.space());
  command.flags = TRY(parse_flags(cursor));
  return command;
}

void print_store(CommandWriter& out, const Store& command) {
  out.raw("STORE ").set(command.set).raw(" ");
  if (command.unchanged_since) {
    out.raw("(UNCHANGEDSINCE ").number(*command.unchanged_since).raw(") ");
  }
  if (command.mode == StoreMode::add) out.raw("+");
  if (command.mode == StoreMode::remove) out.raw("-");
  out.raw(command.silent ? "FLAGS.SILENT " : "FLAGS ").flags(command.flags);
}

}  // namespace eilpost::imap
