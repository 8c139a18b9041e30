#include "protocol/imap/language.h"

#include "base/limits.h"

namespace eilpost::imap {

// language-cmd = "LANGUAGE" *(SP lang-range-quoted)
Result<Language> parse_language(Cursor& cursor) {
  Language command;
  for (cursor.skip_spaces(); !cursor.at_end(); cursor.skip_spaces()) {
    if (command.ranges.size() == limits::preferences_max) {
      return cursor.error(Code::limit, "too many languages");
    }
    command.ranges.push_back(TRY(cursor.astring("a language")));
    if (!cursor.at_end() && cursor.peek() != ' ') return cursor.expected("a space");
  }
  return command;
}

void print_language(CommandWriter& out, const Language& command) {
  out.raw("LANGUAGE");
  for (const std::string& range : command.ranges) out.raw(" ").astring(range);
}

// language-data = "LANGUAGE" SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")"
void append_language(std::string& out, const LanguageData& data, WriteStyle style) {
  out += "* LANGUAGE ";
  std::string_view before = "(";
  for (const std::string& tag : data.tags) {
    out += before;
    append_astring(out, tag, style);
    before = " ";
  }
  out += ")\r\n";
}

Result<LanguageData> parse_language_data(Cursor& cursor) {
  LanguageData data;
  TRY(cursor.space());
  TRY(cursor.list_of_some([&]() -> Result<> {
    data.tags.push_back(TRY(cursor.astring("a language")));
    return {};
  }));
  return data;
}

}  // namespace eilpost::imap
