#include "protocol/imap/search_return.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

struct ReturnName {
  std::string_view name;
  bool SearchReturn::*option;
};
// Every option but PARTIAL, which has an argument.
constexpr auto return_names = std::to_array<ReturnName>({
    {"MIN", &SearchReturn::min},
    {"MAX", &SearchReturn::max},
    {"ALL", &SearchReturn::all},
    {"COUNT", &SearchReturn::count},
    {"SAVE", &SearchReturn::save},
    {"UPDATE", &SearchReturn::update},
    {"CONTEXT", &SearchReturn::context},
    {"RELEVANCY", &SearchReturn::relevancy},
});

Result<> parse_option(Cursor& cursor, SearchReturn& returns) {
  const size_t start = cursor.position();
  if (cursor.accept_word("PARTIAL")) {
    TRY(cursor.space());
    // RFC 9394 3.1: one PARTIAL or one ALL.
    if (returns.partial || returns.all) {
      return cursor.error_at(Code::invalid, "expected one PARTIAL or ALL", start);
    }
    returns.partial = TRY(parse_partial_range(cursor));
    return {};
  }
  const auto known = std::find_if(return_names.begin(), return_names.end(),
                                  [&](const ReturnName& r) { return cursor.accept_word(r.name); });
  if (known == return_names.end()) return cursor.expected("a RETURN option");
  returns.*known->option = true;
  // modifier-update = "UPDATE" [ "(" fetch-att *(SP fetch-att) ")" ]; its example has a space.
  if (known->option == &SearchReturn::update &&
      (cursor.peek() == '(' || cursor.rest().substr(0, 2) == " (")) {
    cursor.skip_spaces();
    returns.update_items = TRY(parse_fetch_items(cursor));
  }
  if (returns.all && returns.partial) {
    return cursor.error_at(Code::invalid, "expected one PARTIAL or ALL", start);
  }
  return {};
}

}  // namespace

// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
Result<SearchReturn> parse_search_return(Cursor& cursor) {
  SearchReturn returns;
  if (!cursor.accept_word("RETURN")) return returns;
  returns.present = true;
  TRY(cursor.space());
  TRY(cursor.list([&] { return parse_option(cursor, returns); }));
  TRY(cursor.space());
  // RFC 9051 6.4.4: RETURN () is RETURN (ALL).
  if (returns == SearchReturn{.present = true}) returns.all = true;
  return returns;
}

void print_search_return(CommandWriter& out, const SearchReturn& returns) {
  if (!returns.present) return;
  out.raw(" RETURN (");
  std::string_view before;
  for (const ReturnName& known : return_names) {
    if (!(returns.*known.option)) continue;
    out.raw(before).raw(known.name);
    before = " ";
    if (known.option != &SearchReturn::update || returns.update_items.empty()) continue;
    out.raw(" ");
    append_fetch_items(out.line(), returns.update_items);
  }
  if (returns.partial) {
    out.raw(before).raw("PARTIAL ");
    append_partial_range(out.line(), *returns.partial);
  }
  out.raw(")");
}

}  // namespace eilpost::imap
