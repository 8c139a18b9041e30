#include "protocol/imap/id.h"

namespace eilpost::imap {
namespace {

constexpr size_t id_fields_max = 30;  // RFC 2971 3.3

}  // namespace

// id_params_list = "(" *(string SP nstring) ")" / nil
Result<IdParameters> parse_id_parameters(Cursor& cursor) {
  IdParameters parameters;
  if (cursor.accept_word("NIL")) return parameters;
  TRY(cursor.list([&]() -> Result<> {
    if (parameters.size() >= id_fields_max && !cursor.options().tolerant) {
      return cursor.expected("at most 30 fields");
    }
    std::string name = TRY(cursor.string("a field's name in quotes"));
    TRY(cursor.space());
    parameters.emplace_back(std::move(name), TRY(cursor.nstring()));
    return {};
  }));
  return parameters;
}

Result<Id> parse_id(Cursor& cursor) {
  TRY(cursor.space());
  return Id{TRY(parse_id_parameters(cursor))};
}

void print_id(CommandWriter& out, const Id& command) {
  if (command.parameters.empty()) {
    out.raw("ID NIL");
    return;
  }
  out.raw("ID (");
  bool first = true;
  for (const auto& [name, value] : command.parameters) {
    if (!first) out.raw(" ");
    first = false;
    out.string(name).raw(" ").nstring(value);
  }
  out.raw(")");
}

}  // namespace eilpost::imap
