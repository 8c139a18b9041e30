#include "protocol/imap/values.h"

#include <array>
#include <cstdlib>

#include "protocol/imap/writer.h"

namespace eilpost::imap {
namespace {

struct FlagName {
  std::string_view name;
  uint8_t bit;
};
constexpr std::array<FlagName, 6> system_flags{{
    {"\\Answered", flag_answered},
    {"\\Flagged", flag_flagged},
    {"\\Deleted", flag_deleted},
    {"\\Seen", flag_seen},
    {"\\Draft", flag_draft},
    {"\\Recent", flag_recent},
}};

// In the order of StatusItem.
constexpr std::array<std::string_view, 11> status_names{
    "MESSAGES", "RECENT",        "UIDNEXT",   "UIDVALIDITY", "UNSEEN",         "DELETED",
    "SIZE",     "HIGHESTMODSEQ", "MAILBOXID", "APPENDLIMIT", "DELETED-STORAGE"};

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

void append_part(std::string& out, const std::vector<uint32_t>& part) {
  for (size_t i = 0; i < part.size(); ++i) {
    if (i > 0) out += '.';
    append_number(out, part[i]);
  }
}

std::string_view section_text_name(SectionText text) {
  switch (text) {
    case SectionText::all: return "";
    case SectionText::header: return "HEADER";
    case SectionText::header_fields: return "HEADER.FIELDS";
    case SectionText::header_fields_not: return "HEADER.FIELDS.NOT";
    case SectionText::text: return "TEXT";
    case SectionText::mime: return "MIME";
  }
  return "";
}

}  // namespace

bool equal_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (upper(a[i]) != upper(b[i])) return false;
  }
  return true;
}

std::string upper_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = upper(c);
  return out;
}

uint8_t system_flag(std::string_view flag) {
  if (flag.empty() || flag.front() != '\\') return 0;
  for (const FlagName& known : system_flags) {
    if (equal_nocase(known.name, flag)) return known.bit;
  }
  return 0;
}

std::string_view system_flag_name(uint8_t bit) {
  for (const FlagName& known : system_flags) {
    if (known.bit == bit) return known.name;
  }
  return {};
}

std::string_view status_item_name(StatusItem item) {
  return status_names[static_cast<size_t>(item)];
}

std::optional<StatusItem> status_item(std::string_view name) {
  for (size_t i = 0; i < status_names.size(); ++i) {
    if (equal_nocase(status_names[i], name)) return static_cast<StatusItem>(i);
  }
  return std::nullopt;
}

// Days in the proleptic Gregorian calendar, by eras of 400 years that begin on 1 March.
int64_t days_since_epoch(Date date) {
  int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t month = (date.month + 9) % 12;  // March is 0
  int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

Date date_of_days(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;
  Date date;
  date.day = static_cast<int32_t>(day_of_year - (153 * month + 2) / 5 + 1);
  date.month = static_cast<int32_t>(month < 10 ? month + 3 : month - 9);
  date.year = static_cast<int32_t>(year_of_era + era * 400 + (date.month <= 2 ? 1 : 0));
  return date;
}

int days_in_month(int year, int month) {
  if (month == 2) {
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return leap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

std::string_view month_name(int month) {
  return months[static_cast<size_t>(month - 1)];
}

int month_number(std::string_view name) {
  for (size_t i = 0; i < months.size(); ++i) {
    if (equal_nocase(months[i], name)) return static_cast<int>(i) + 1;
  }
  return 0;
}

// RFC 9051 9: date-text = date-day "-" date-month "-" date-year
void append_date(std::string& out, Date date) {
  append_number(out, static_cast<uint64_t>(date.day));
  out += '-';
  out += month_name(date.month);
  out += '-';
  for (int32_t digit = 1000; digit > 0; digit /= 10) {
    out += static_cast<char>('0' + date.year / digit % 10);
  }
}

// RFC 9051 9: section-spec = section-msgtext / (section-part ["." section-text])
void append_section(std::string& out, const Section& section) {
  append_part(out, section.part);
  if (section.text == SectionText::all) return;
  if (!section.part.empty()) out += '.';
  out += section_text_name(section.text);
  if (section.text != SectionText::header_fields &&
      section.text != SectionText::header_fields_not) {
    return;
  }
  out += " (";
  for (size_t i = 0; i < section.fields.size(); ++i) {
    if (i > 0) out += ' ';
    append_astring(out, section.fields[i], WriteStyle{});
  }
  out += ')';
}

}  // namespace eilpost::imap
