// LANGUAGE (RFC 5255 3): in which language the server's texts are. The command and its response, in
// both directions. Values only; any thread.
#pragma once

#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct Language {
  // By preference: language ranges ("de-AT", "*") or "default". None: which are there?
  std::vector<std::string> ranges;
  friend bool operator==(const Language&, const Language&) = default;
};
Result<Language> parse_language(Cursor& cursor);
void print_language(CommandWriter& out, const Language& command);

struct LanguageData {
  std::vector<std::string> tags;  // one or more
  friend bool operator==(const LanguageData&, const LanguageData&) = default;
};
// "* LANGUAGE (en de)"
void append_language(std::string& out, const LanguageData& data, WriteStyle style);
// What stands behind "LANGUAGE".
Result<LanguageData> parse_language_data(Cursor& cursor);

}  // namespace eilpost::imap
