// The longer rules of Cursor: dates and sections.
#include <algorithm>
#include <array>

#include "protocol/imap/cursor.h"

namespace eilpost::imap {
namespace {

struct SectionName {
  std::string_view name;
  SectionText text;
};
// The longer names first: each is taken as a prefix.
constexpr std::array<SectionName, 5> section_names{{
    {"HEADER.FIELDS.NOT", SectionText::header_fields_not},
    {"HEADER.FIELDS", SectionText::header_fields},
    {"HEADER", SectionText::header},
    {"TEXT", SectionText::text},
    {"MIME", SectionText::mime},
}};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Exactly two digits below `limit`, or -1.
int two_digits(std::string_view text, int limit) {
  if (text.size() < 2 || !is_digit(text[0]) || !is_digit(text[1])) return -1;
  int value = (text[0] - '0') * 10 + (text[1] - '0');
  return value < limit ? value : -1;
}

// RFC 5322 3.6.8: printable, without colon; a line holds at most 998 characters.
bool is_field_name(std::string_view name) {
  constexpr size_t length_max = 998;
  if (name.empty() || name.size() > length_max) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// date-text = date-day "-" date-month "-" date-year, the day with one digit, two, or a space and
// one. Gives how far it reaches, 0 for no date.
size_t read_date_text(std::string_view text, Date& date) {
  size_t at = !text.empty() && text[0] == ' ' ? 1 : 0;
  size_t day_start = at;
  date.day = 0;
  while (at < text.size() && at < day_start + 2 && is_digit(text[at])) {
    date.day = date.day * 10 + (text[at++] - '0');
  }
  if (at == day_start || text.size() < at + 9 || text[at] != '-' || text[at + 4] != '-') return 0;
  date.month = month_number(text.substr(at + 1, 3));
  int century = two_digits(text.substr(at + 5), 100);
  int year = two_digits(text.substr(at + 7), 100);
  if (date.month == 0 || century < 0 || year < 0) return 0;
  date.year = century * 100 + year;
  if (date.year == 0 || date.day < 1 || date.day > days_in_month(date.year, date.month)) return 0;
  return at + 9;
}

}  // namespace

// date = date-text / DQUOTE date-text DQUOTE
Result<Date> Cursor::date() {
  constexpr std::string_view what = "a date like 1-Feb-1994";
  size_t start = position_;
  bool quote = accept('"');
  Date date;
  size_t used = read_date_text(rest(), date);
  position_ += used;
  if (used == 0 || (quote && !accept('"'))) {
    return error_at(Code::invalid, "expected " + std::string(what), start);
  }
  return date;
}

// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
Result<DateTime> Cursor::date_time() {
  constexpr std::string_view what = "expected a date and time like \"17-Jul-1996 02:44:25 -0700\"";
  size_t start = position_;
  auto wrong = [&] { return error_at(Code::invalid, what, start); };
  if (!accept('"')) return wrong();
  Date date;
  size_t used = read_date_text(rest(), date);
  position_ += used;
  std::string_view text = rest();
  // " 02:44:25 -0700" and the quote.
  constexpr size_t tail = 16;
  if (used == 0 || text.size() < tail || text[0] != ' ' || text[3] != ':' || text[6] != ':' ||
      text[9] != ' ' || (text[10] != '+' && text[10] != '-') || text[15] != '"') {
    return wrong();
  }
  int hour = two_digits(text.substr(1), 24);
  int minute = two_digits(text.substr(4), 60);
  int second = two_digits(text.substr(7), 61);  // a leap second
  int zone_hour = two_digits(text.substr(11), 100);
  int zone_minute = two_digits(text.substr(13), 60);
  if (hour < 0 || minute < 0 || second < 0 || zone_hour < 0 || zone_minute < 0) return wrong();
  if (second == 60) second = 59;  // POSIX time has no leap seconds
  position_ += tail;
  DateTime at;
  at.zone_minutes = zone_hour * 60 + zone_minute;
  if (text[10] == '-') at.zone_minutes = -at.zone_minutes;
  at.seconds = days_since_epoch(date) * 86400 + hour * 3600 + minute * 60 + second -
               int64_t{at.zone_minutes} * 60;
  return at;
}

// section-spec = section-msgtext / (section-part ["." section-text])
Result<Section> Cursor::section() {
  Section section;
  while (is_digit(peek())) {
    section.part.push_back(TRY(nz_number("a part number above 0")));
    if (peek() == ']') return section;
    TRY(expect('.'));
  }
  if (peek() == ']' && section.part.empty()) return section;
  size_t start = position_;
  for (const SectionName& known : section_names) {
    std::string_view text = rest();
    if (text.size() > known.name.size() &&
        (is_letter(text[known.name.size()]) || text[known.name.size()] == '.')) {
      continue;
    }
    if (!accept_text(known.name)) continue;
    section.text = known.text;
    break;
  }
  // RFC 9051 6.4.5.1: MIME is the header of a part, so it needs a part's number.
  if (section.text == SectionText::all ||
      (section.text == SectionText::mime && section.part.empty())) {
    return error_at(Code::invalid, "expected a part number, HEADER, HEADER.FIELDS or TEXT", start);
  }
  if (section.text != SectionText::header_fields &&
      section.text != SectionText::header_fields_not) {
    return section;
  }
  TRY(space());
  TRY(list_of_some([&]() -> Result<> {
    size_t field_start = position_;
    section.fields.push_back(TRY(astring("a header field's name")));
    if (!is_field_name(section.fields.back())) {
      return error_at(Code::invalid, "expected a header field's name", field_start);
    }
    return {};
  }));
  return section;
}

}  // namespace eilpost::imap
