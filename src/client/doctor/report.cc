#include "client/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "protocol/imap/values.h"

namespace eilpost::client {

namespace {

constexpr size_t said_bytes_max = 2000;
constexpr size_t text_columns = 96;
constexpr size_t cell_columns_max = 44;

// "2026-11-23 19:20 UTC".
std::string time_text(Timestamp time) {
  const int64_t day = time.seconds() / 86400;
  const int64_t second = time.seconds() % 86400;
  const imap::Date date = imap::date_of_days(day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", date.year, date.month, date.day,
                     second / 3600, second / 60 % 60);
}

// The octets of the UTF-8 character that `text` begins with; 0 for anything else (RFC 3629 4).
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool outside = (first == 0xed && at(1) > 0x9f) || (first == 0xf4 && at(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// --- text ---

// Words in lines of `text_columns`, each after the first behind `indent` blanks.
std::string wrapped(std::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t width = columns_of(word);
    if (column > indent && column + 1 + width > text_columns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
  }
  return out;
}

std::string cut_cell(std::string cell) {
  if (columns_of(cell) <= cell_columns_max) return cell;
  size_t end = 0;
  for (size_t columns = 0; columns < cell_columns_max - 3; ++columns) {
    end += std::max<size_t>(1, utf8_length(std::string_view(cell).substr(end)));
  }
  cell.resize(end);
  return cell + "...";
}

std::string table_text(const Table& table) {
  std::vector<std::vector<std::string>> lines = {table.columns};
  lines.insert(lines.end(), table.rows.begin(), table.rows.end());
  std::vector<size_t> widths(table.columns.size(), 0);
  for (auto& line : lines) {
    line.resize(widths.size());
    for (size_t i = 0; i < widths.size(); ++i) {
      // The last column may be as long as it likes.
      if (i + 1 < widths.size()) line[i] = cut_cell(std::move(line[i]));
      widths[i] = std::max(widths[i], columns_of(line[i]));
    }
  }
  std::string out;
  if (!table.title.empty()) out += "  " + table.title + "\n";
  size_t before_last = 2;
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + 2;
  for (const auto& line : lines) {
    std::string text = "  ";
    for (size_t i = 0; i + 1 < line.size(); ++i) {
      text += line[i] + std::string(widths[i] - columns_of(line[i]) + 2, ' ');
    }
    text += wrapped(line.back(), before_last);
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out + "\n";
}

std::string finding_text(const Finding& finding) {
  constexpr std::array<std::string_view, 4> marks = {"ok", "note", "WARNING", "PROBLEM"};
  std::string out = fmt::format("  {:<8} {}\n", marks[static_cast<size_t>(finding.grade)],
                                wrapped(finding.what, 11));
  if (!finding.means.empty()) out += "           " + wrapped(finding.means, 11) + "\n";
  if (!finding.todo.empty()) out += "           To do: " + wrapped(finding.todo, 18) + "\n";
  return out;
}

std::string counts_text(const Report& report) {
  const auto some = [&](Grade grade, std::string_view one) {
    const size_t count = report.count(grade);
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
  };
  return fmt::format("{}, {}, {}", some(Grade::problem, "problem"), some(Grade::warning, "warning"),
                     some(Grade::note, "note"));
}

// --- JSON ---

Json text_json(std::string_view text) {
  return Json{std::string(text)};
}

Json table_json(const Table& table) {
  Json::Array rows;
  for (const auto& row : table.rows) {
    Json::Object cells;
    for (size_t i = 0; i < table.columns.size() && i < row.size(); ++i) {
      cells.push_back({table.columns[i], text_json(row[i])});
    }
    rows.push_back(Json{std::move(cells)});
  }
  return Json{Json::Object{{"title", text_json(table.title)}, {"rows", Json{std::move(rows)}}}};
}

Json section_json(const Section& section) {
  Json::Array tables;
  for (const Table& table : section.tables) tables.push_back(table_json(table));
  Json::Array findings;
  for (const Finding& finding : section.findings) {
    findings.push_back(Json{Json::Object{{"grade", text_json(grade_name(finding.grade))},
                                         {"id", text_json(finding.id)},
                                         {"what", text_json(finding.what)},
                                         {"means", text_json(finding.means)},
                                         {"todo", text_json(finding.todo)}}});
  }
  return Json{Json::Object{{"id", text_json(section.id)},
                           {"title", text_json(section.title)},
                           {"unfinished", text_json(section.unfinished)},
                           {"findings", Json{std::move(findings)}},
                           {"tables", Json{std::move(tables)}}}};
}

// --- HTML ---

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

constexpr std::string_view page_style = R"(
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;
  color: #1b1b1b; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: .5em 0; font-size: .9em }
caption { text-align: left; font-weight: bold }
th, td { text-align: left; vertical-align: top; padding: .2em .8em .2em 0;
  border-bottom: 1px solid #e4e4e4; overflow-wrap: anywhere }
.finding { margin: .5em 0; padding: .3em .8em; border-left: .3em solid #aaa }
.finding p { margin: .2em 0 }
.good { border-color: #2e7d32 } .note { border-color: #1565c0 }
.warning { border-color: #b26a00; background: #fff8e8 }
.problem { border-color: #b00020; background: #fdeef0 }
.grade { font-weight: bold; text-transform: uppercase; font-size: .8em; margin-right: .6em }
)";

std::string table_html(const Table& table) {
  std::string out = "<table>";
  if (!table.title.empty()) out += "<caption>" + escaped(table.title) + "</caption>";
  out += "<tr>";
  for (const std::string& column : table.columns) out += "<th>" + escaped(column) + "</th>";
  out += "</tr>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escaped(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

std::string finding_html(const Finding& finding) {
  const std::string grade(grade_name(finding.grade));
  std::string out =
      fmt::format("<div class=\"finding {}\" id=\"{}\"><p><span class=\"grade\">{}</span>{}</p>",
                  grade, escaped(finding.id), grade, escaped(finding.what));
  if (!finding.means.empty()) out += "<p>" + escaped(finding.means) + "</p>";
  if (!finding.todo.empty()) out += "<p><b>To do:</b> " + escaped(finding.todo) + "</p>";
  return out + "</div>\n";
}

}  // namespace

std::string_view grade_name(Grade grade) {
  constexpr std::array<std::string_view, 4> names = {"good", "note", "warning", "problem"};
  return names[static_cast<size_t>(grade)];
}

size_t Report::count(Grade grade) const {
  size_t out = 0;
  for (const Section& section : sections) {
    for (const Finding& finding : section.findings) out += finding.grade == grade ? 1 : 0;
  }
  return out;
}

int Report::exit_code() const {
  if (!connected) return 2;
  return count(Grade::warning) + count(Grade::problem) > 0 ? 1 : 0;
}

std::string said(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < said_bytes_max) {
    const size_t length = utf8_length(text);
    // U+0080 to U+009F are control characters too, which terminals obey.
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f ||
                         (length == 2 && text[0] == '\xc2' && text[1] < '\xa0');
    out += length == 0 || control ? std::string("?") : std::string(text.substr(0, length));
    text.remove_prefix(std::max<size_t>(1, length));
  }
  return text.empty() ? out : out + "...";
}

std::string print_text(const Report& report) {
  std::string out = "Examination of " + report.server;
  if (!report.account.empty()) out += " with the account " + report.account;
  out += fmt::format("\n{}, {} s, {} sign-ins\n", time_text(report.begun), report.seconds,
                     report.sign_ins);
  for (const Section& section : report.sections) {
    out += "\n" + imap::upper_ascii(section.title) + "\n\n";
    for (const Table& table : section.tables) out += table_text(table);
    for (const Finding& finding : section.findings) out += finding_text(finding);
    if (!section.unfinished.empty()) {
      out += "  unfinished: " + wrapped(section.unfinished, 14) + "\n";
    }
    if (out.substr(out.size() - 2) == "\n\n") out.pop_back();
  }
  return out + "\n" + counts_text(report) + "\n";
}

std::string print_json(const Report& report) {
  Json::Array sections;
  for (const Section& section : report.sections) sections.push_back(section_json(section));
  return eilpost::print_json(
      Json{Json::Object{{"server", text_json(report.server)},
                        {"account", text_json(report.account)},
                        {"begun", text_json(time_text(report.begun))},
                        {"seconds", Json{report.seconds}},
                        {"sign_ins", Json{int64_t{report.sign_ins}}},
                        {"connected", Json{report.connected}},
                        {"problems", Json{static_cast<int64_t>(report.count(Grade::problem))}},
                        {"warnings", Json{static_cast<int64_t>(report.count(Grade::warning))}},
                        {"sections", Json{std::move(sections)}}}});
}

std::string print_html(const Report& report) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width\">\n";
  out += "<title>Examination of " + escaped(report.server) + "</title>\n<style>";
  out += page_style;
  out += "</style></head><body>\n<h1>Examination of " + escaped(report.server) + "</h1>\n<p>";
  if (!report.account.empty()) out += "With the account " + escaped(report.account) + ". ";
  out += fmt::format("{}, {} s, {} sign-ins: {}.</p>\n", time_text(report.begun), report.seconds,
                     report.sign_ins, counts_text(report));
  for (const Section& section : report.sections) {
    out +=
        fmt::format("<h2 id=\"section-{}\">{}</h2>\n", escaped(section.id), escaped(section.title));
    for (const Finding& finding : section.findings) out += finding_html(finding);
    if (!section.unfinished.empty()) {
      out += "<p>Unfinished: " + escaped(section.unfinished) + "</p>\n";
    }
    for (const Table& table : section.tables) out += table_html(table);
  }
  return out + "</body></html>\n";
}

}  // namespace eilpost::client
