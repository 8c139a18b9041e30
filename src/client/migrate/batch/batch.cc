#include "client/migrate/batch/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "mime/header.h"

namespace eilpost::client {

namespace {

constexpr size_t rows_max = 50'000;
constexpr size_t octets_max = 64 * 1024 * 1024;

struct Column {
  std::string_view field;
  std::string BatchRow::*value;
  std::string_view names;  // others for it, lower case, parted by "|"
};
// Exchange's own lists (EmailAddress, UserName, Password; SourceIdentity and the like of its older
// tools; IMAP_Mailbox of the oldest) are taken as they are.
constexpr std::array<Column, 10> columns_known{{
    {"from-server", &BatchRow::from_server, "sourceserver|imap_server"},
    {"from-user", &BatchRow::from_user, "username|sourceloginid|imap_mailbox"},
    {"from-password", &BatchRow::from_password, "password|sourcepassword|imap_password"},
    {"from-as", &BatchRow::from_as, "sourceidentity"},
    {"from-root", &BatchRow::from_root, "userroot|root|rootfolder"},
    {"to-server", &BatchRow::to_server, "targetserver"},
    {"to-user", &BatchRow::to_user, "emailaddress|targetidentity|smtp_address"},
    {"to-password", &BatchRow::to_password, "targetpassword"},
    {"to-as", &BatchRow::to_as, ""},
    {"to-root", &BatchRow::to_root, "targetroot|targetrootfolder"},
}};

bool is_among(std::string_view names, std::string_view wanted) {
  while (!names.empty()) {
    const size_t end = std::min(names.find('|'), names.size());
    if (names.substr(0, end) == wanted) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

// "FromUser", "from_user" and "from-user" are one name.
std::string plain(std::string_view name) {
  std::string out = mime::to_lower(name);
  out.erase(std::remove_if(out.begin(), out.end(), [](char c) { return c == '-' || c == '_'; }),
            out.end());
  return out;
}

const Column* column_of(const std::string& header, const ColumnNames& columns) {
  for (const Column& column : columns_known) {
    const auto mapped = columns.find(std::string(column.field));
    if (mapped != columns.end()) {
      if (mime::equals_ignoring_case(mapped->second, header)) return &column;
      continue;
    }
    const bool own = plain(header) == plain(column.field);
    if (own || is_among(column.names, mime::to_lower(header))) return &column;
  }
  return nullptr;
}

std::string field_names() {
  std::string out;
  for (const Column& column : columns_known) {
    out += (out.empty() ? "" : ", ") + std::string(column.field);
  }
  return out;
}

// One cell and what ends it: the separator, a line's end (either), or the text's.
class CsvReader {
 public:
  CsvReader(std::string_view text, char separator) : text_(text), separator_(separator) {}

  Result<std::vector<std::vector<std::string>>> read() {
    std::vector<std::vector<std::string>> rows;
    while (at_ < text_.size()) {
      rows.emplace_back();
      for (bool more = true; more;) {
        rows.back().push_back(TRY(cell()));
        more = at_ < text_.size() && text_[at_] == separator_;
        if (more) ++at_;
      }
      end_line();
      if (rows.size() > rows_max + 1) {
        return fail(Code::too_big, fmt::format("more than {} lines", rows_max));
      }
    }
    return rows;
  }

 private:
  Result<std::string> cell() {
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_;; ++at_) {
        if (at_ >= text_.size()) return fail(Code::invalid, "a quoted cell has no end");
        if (text_[at_] != '"') {
          out += text_[at_];
        } else if (text_.substr(at_ + 1, 1) == "\"") {
          out += text_[at_++];
        } else {
          break;
        }
      }
      ++at_;
      if (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
        return fail(Code::invalid, "text behind a quoted cell");
      }
      return out;
    }
    while (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) out += text_[at_++];
    return out;
  }
  bool at_line_end() const { return text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"; }
  void end_line() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size()) ++at_;
  }

  std::string_view text_;
  char separator_;
  size_t at_ = 0;
};

// The first that stands in the first line outside of quotes.
char separator_of(std::string_view text) {
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == ',' || c == ';') return c;
    if (c == '\n') break;
  }
  return ',';
}

}  // namespace

Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text) {
  if (text.size() > octets_max) return fail(Code::too_big, "more than 64 MiB");
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  return CsvReader(text, separator_of(text)).read();
}

std::string print_csv(const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += ',';
      out += '"';
      for (const char c : row[i]) out += c == '"' ? std::string("\"\"") : std::string(1, c);
      out += '"';
    }
    out += "\r\n";
  }
  return out;
}

Result<std::vector<BatchRow>> parse_batch(std::string_view csv, const ColumnNames& columns) {
  const auto rows = TRY(parse_csv(csv));
  if (rows.empty()) return fail(Code::invalid, "expected a line that names the columns");
  for (const auto& asked : columns) {
    const std::string& field = asked.first;
    const std::string& header = asked.second;
    const bool known = std::any_of(columns_known.begin(), columns_known.end(),
                                   [&](const Column& column) { return column.field == field; });
    if (!known) return fail(Code::invalid, field + ": expected one of " + field_names());
    const bool there = std::any_of(
        rows.front().begin(), rows.front().end(),
        [&](const std::string& name) { return mime::equals_ignoring_case(name, header); });
    if (!there) return fail(Code::invalid, "there is no column " + header);
  }
  std::vector<const Column*> meaning;
  for (const std::string& header : rows.front()) meaning.push_back(column_of(header, columns));
  const bool any =
      std::any_of(meaning.begin(), meaning.end(), [](const Column* c) { return c != nullptr; });
  if (!any) return fail(Code::invalid, "line 1: expected columns named " + field_names());
  std::vector<BatchRow> out;
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].size() == 1 && rows[i].front().empty()) continue;  // a blank line
    if (rows[i].size() != meaning.size()) {
      return fail(Code::invalid, fmt::format("row {}: {} cells, the header has {}", i + 1,
                                             rows[i].size(), meaning.size()));
    }
    BatchRow row;
    row.line = i + 1;
    for (size_t c = 0; c < meaning.size(); ++c) {
      if (meaning[c] != nullptr) row.*(meaning[c]->value) = rows[i][c];
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace eilpost::client
