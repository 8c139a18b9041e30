#include "protocol/imap/fetch.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

struct ItemName {
  std::string_view name;
  FetchKind kind;
  bool peek = false;
};
// Every item that is one word. BODY and BINARY with brackets are beside it.
constexpr std::array<ItemName, 16> item_names{{
    {"ENVELOPE", FetchKind::envelope},
    {"FLAGS", FetchKind::flags},
    {"INTERNALDATE", FetchKind::internal_date},
    {"UID", FetchKind::uid},
    {"RFC822.SIZE", FetchKind::rfc822_size},
    {"MODSEQ", FetchKind::modseq},
    {"EMAILID", FetchKind::email_id},
    {"THREADID", FetchKind::thread_id},
    {"SAVEDATE", FetchKind::save_date},
    {"BODYSTRUCTURE", FetchKind::body_structure},
    {"BODY", FetchKind::body},
    {"RFC822", FetchKind::rfc822},
    {"RFC822.HEADER", FetchKind::rfc822_header},
    {"RFC822.TEXT", FetchKind::rfc822_text},
    {"PREVIEW", FetchKind::preview},
    // Of IMAP2bis; Outlook still sends it.
    {"RFC822.PEEK", FetchKind::rfc822, true},
}};

struct BracketName {
  std::string_view name;
  FetchKind kind;
  bool peek;
};
constexpr std::array<BracketName, 5> bracket_names{{
    {"BODY", FetchKind::body_section, false},
    {"BODY.PEEK", FetchKind::body_section, true},
    {"BINARY", FetchKind::binary, false},
    {"BINARY.PEEK", FetchKind::binary, true},
    {"BINARY.SIZE", FetchKind::binary_size, false},
}};

// RFC 9051 6.4.5: each macro is the first so many of macro_items.
struct Macro {
  std::string_view name;
  size_t items;
};
constexpr std::array<FetchKind, 5> macro_items{FetchKind::flags, FetchKind::internal_date,
                                               FetchKind::rfc822_size, FetchKind::envelope,
                                               FetchKind::body};
constexpr std::array<Macro, 3> macros{{{"FAST", 3}, {"ALL", 4}, {"FULL", 5}}};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

std::string_view item_word(const Cursor& cursor) {
  std::string_view rest = cursor.rest();
  size_t length = 0;
  while (length < rest.size() && is_name_char(rest[length])) ++length;
  return rest.substr(0, length);
}

// partial = "<" number64 "." nz-number64 ">"
Result<Partial> parse_partial(Cursor& cursor) {
  TRY(cursor.expect('<'));
  Partial partial;
  partial.offset = TRY(cursor.number64("an offset"));
  TRY(cursor.expect('.'));
  partial.length = TRY(cursor.nz_number64("a length above 0"));
  TRY(cursor.expect('>'));
  return partial;
}

// "BODY" [".PEEK"] section [partial] / "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE"
// ...
Result<FetchItem> parse_bracket_item(Cursor& cursor, const BracketName& name) {
  FetchItem item;
  item.kind = name.kind;
  item.peek = name.peek;
  cursor.skip(name.name.size());
  TRY(cursor.expect('['));
  size_t start = cursor.position();
  item.section = TRY(cursor.section());
  if (item.kind != FetchKind::body_section && item.section.text != SectionText::all) {
    return cursor.error_at(Code::invalid, "expected a part number", start);
  }
  TRY(cursor.expect(']'));
  if (item.kind != FetchKind::binary_size && cursor.peek() == '<') {
    item.partial = TRY(parse_partial(cursor));
  }
  return item;
}

// preview-att = "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"] (RFC 8970)
bool accept_lazy(Cursor& cursor) {
  return cursor.peek() == ' ' && cursor.accept_text(" (LAZY)");
}

Result<FetchItem> parse_item(Cursor& cursor) {
  std::string_view word = item_word(cursor);
  if (cursor.rest().substr(word.size(), 1) == "[") {
    for (const BracketName& known : bracket_names) {
      if (equal_nocase(known.name, word)) return parse_bracket_item(cursor, known);
    }
  }
  for (const ItemName& known : item_names) {
    if (!equal_nocase(known.name, word)) continue;
    FetchItem item;
    item.kind = known.kind;
    item.peek = known.peek;
    cursor.skip(word.size());
    if (item.kind == FetchKind::preview) item.lazy = accept_lazy(cursor);
    return item;
  }
  return cursor.expected("a FETCH item");
}

void add_item(std::vector<FetchItem>& items, FetchItem item) {
  if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(std::move(item));
}

// "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"
Result<std::vector<FetchItem>> parse_items(Cursor& cursor) {
  if (cursor.peek() == '(') return parse_fetch_items(cursor);
  std::vector<FetchItem> items;
  for (const Macro& macro : macros) {
    if (!cursor.accept_word(macro.name)) continue;
    for (size_t i = 0; i < macro.items; ++i) {
      items.emplace_back();
      items.back().kind = macro_items[i];
    }
    return items;
  }
  items.push_back(TRY(parse_item(cursor)));
  return items;
}

// fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" (RFC 7162 7) / "PARTIAL" SP
// partial-range (RFC 9394 4)
Result<> parse_modifiers(Cursor& cursor, Fetch& command) {
  return cursor.list_of_some([&]() -> Result<> {
    if (cursor.accept_word("CHANGEDSINCE")) {
      TRY(cursor.space());
      command.changed_since = TRY(cursor.number64("a mod-sequence"));
    } else if (cursor.accept_word("VANISHED")) {
      command.vanished = true;
    } else if (!command.partial && cursor.accept_word("PARTIAL")) {
      TRY(cursor.space());
      command.partial = TRY(parse_partial_range(cursor));
    } else {
      return cursor.expected("CHANGEDSINCE, VANISHED or one PARTIAL");
    }
    return {};
  });
}

// What may stand in a list of items: one table for both directions.
std::string_view item_name(const FetchItem& item) {
  for (const BracketName& known : bracket_names) {
    if (known.kind == item.kind && known.peek == item.peek) return known.name;
  }
  for (const ItemName& known : item_names) {
    if (known.kind == item.kind && known.peek == item.peek) return known.name;
  }
  return {};
}

bool has_brackets(FetchKind kind) {
  return kind == FetchKind::body_section || kind == FetchKind::binary ||
         kind == FetchKind::binary_size;
}

// The modifiers, if there are any.
void print_modifiers(CommandWriter& out, const Fetch& command) {
  if (!command.changed_since && !command.partial) return;
  out.raw(" (");
  if (command.changed_since) out.raw("CHANGEDSINCE ").number(*command.changed_since);
  if (command.vanished) out.raw(" VANISHED");
  if (command.partial) {
    out.raw(command.changed_since ? " PARTIAL " : "PARTIAL ");
    append_partial_range(out.line(), *command.partial);
  }
  out.raw(")");
}

}  // namespace

Result<std::vector<FetchItem>> parse_fetch_items(Cursor& cursor) {
  std::vector<FetchItem> items;
  TRY(cursor.list_of_some([&]() -> Result<> {
    add_item(items, TRY(parse_item(cursor)));
    return {};
  }));
  return items;
}

void append_fetch_items(std::string& out, const std::vector<FetchItem>& items) {
  out += '(';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ' ';
    append_fetch_item(out, items[i]);
  }
  out += ')';
}

// fetch = "FETCH" SP sequence-set SP (...) [SP fetch-modifiers]
Result<Fetch> parse_uid_fetch(Cursor& cursor) {
  TRY(cursor.space());
  Fetch command;
  command.set = TRY(cursor.sequence_set());
  TRY(cursor.space());
  command.items = TRY(parse_items(cursor));
  if (cursor.at_end()) return command;
  TRY(cursor.space());
  if (cursor.at_end()) return command;
  size_t start = cursor.position();
  TRY(parse_modifiers(cursor, command));
  // RFC 7162 3.2.6: VANISHED without CHANGEDSINCE is BAD.
  if (command.vanished && !command.changed_since) {
    return cursor.error_at(Code::invalid, "expected CHANGEDSINCE beside VANISHED", start);
  }
  return command;
}

Result<Fetch> parse_fetch(Cursor& cursor) {
  Fetch command = TRY(parse_uid_fetch(cursor));
  // RFC 7162 3.2.6: VANISHED with message numbers is BAD.
  if (command.vanished) return cursor.error(Code::invalid, "expected VANISHED only in UID FETCH");
  // RFC 9394 3.3 extends UID FETCH.
  if (command.partial) return cursor.error(Code::invalid, "expected PARTIAL only in UID FETCH");
  return command;
}

bool sets_seen(const FetchItem& item) {
  if (item.peek) return false;
  return item.kind == FetchKind::body_section || item.kind == FetchKind::binary ||
         item.kind == FetchKind::rfc822 || item.kind == FetchKind::rfc822_text;
}

void append_fetch_item(std::string& out, const FetchItem& item) {
  out += item_name(item);
  if (has_brackets(item.kind)) {
    out += '[';
    append_section(out, item.section);
    out += ']';
  }
  if (item.partial) {
    out += '<';
    append_number(out, item.partial->offset);
    out += '.';
    append_number(out, item.partial->length);
    out += '>';
  }
  if (item.lazy) out += " (LAZY)";
}

void print_fetch(CommandWriter& out, const Fetch& command) {
  out.raw("FETCH ").set(command.set).raw(" ");
  append_fetch_items(out.line(), command.items);
  print_modifiers(out, command);
}

}  // namespace eilpost::imap
