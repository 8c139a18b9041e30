// Dates of header fields: RFC 5322 3.3 and its obsolete forms 4.3.
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "mime/header.h"
#include "mime/lexer.h"

namespace eilpost::mime {

namespace {

constexpr std::array<std::string_view, 12> months = {"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed",
                                                      "Thu", "Fri", "Sat"};

// Days since 1970-01-01 of a day of the proleptic Gregorian calendar; month is 1 to 12.
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct Civil {
  int64_t year;
  int month;
  int day;
};

Civil civil_from_days(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t of_era = days - era * 146097;
  const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * of_year + 2) / 153;
  const int day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

int month_of(std::string_view word) {
  if (word.size() < 3) return 0;
  const std::string lower = to_lower(word.substr(0, 3));
  for (size_t i = 0; i < months.size(); ++i) {
    if (months[i] == lower) return static_cast<int>(i) + 1;
  }
  return 0;
}

// Up to nine digits; -1 for anything else.
int number(std::string_view word) {
  if (word.empty() || word.size() > 9) return -1;
  int value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// RFC 5322 4.3: two digits are 1950 to 2049, three are counted from 1900.
int full_year(std::string_view word) {
  const int year = number(word);
  if (year < 0 || word.size() < 2) return -1;
  if (word.size() == 2) return year < 50 ? 2000 + year : 1900 + year;
  return word.size() == 3 ? 1900 + year : year;
}

// Minutes east. Military letters and unknown names mean "-0000" (RFC 5322 4.3).
int zone_minutes(std::string_view word) {
  struct Zone {
    std::string_view name;
    int hours;
  };
  static constexpr Zone zones[] = {{"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5},
                                   {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}};
  if (!word.empty() && (word[0] == '+' || word[0] == '-')) {
    std::string digits;
    for (const char c : word.substr(1)) {
      if (c != ':') digits.push_back(c);
    }
    const int value = digits.size() == 4 ? number(digits) : -1;
    if (value < 0 || value / 100 > 23 || value % 100 > 59) return 0;
    const int minutes = value / 100 * 60 + value % 100;
    return word[0] == '-' ? -minutes : minutes;
  }
  const std::string lower = to_lower(word);
  for (const Zone& zone : zones) {
    if (zone.name == lower) return zone.hours * 60;
  }
  return 0;
}

bool parse_time(std::string_view word, int& seconds) {
  int part[3] = {0, 0, 0};
  size_t count = 0;
  while (count < 3) {
    const size_t colon = word.find_first_of(":.");
    part[count] = number(word.substr(0, colon));
    if (part[count] < 0) return false;
    ++count;
    if (colon == std::string_view::npos) break;
    word.remove_prefix(colon + 1);
  }
  // 60 is a leap second (RFC 5322 3.3).
  if (count < 2 || part[0] > 23 || part[1] > 59 || part[2] > 60) return false;
  seconds = part[0] * 3600 + part[1] * 60 + part[2];
  return true;
}

int days_in_month(int year, int month) {
  static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

}  // namespace

std::optional<SentDate> parse_date(std::string_view raw_value) {
  Lexer in(raw_value);
  std::vector<std::string_view> words;
  while (words.size() < 8) {
    in.skip_cfws();
    if (in.done()) break;
    const std::string_view word = in.until(",(");
    if (!word.empty()) words.push_back(word);
    if (word.empty() || in.peek() == ',') in.skip();
  }
  size_t at = 0;
  // [day-of-week ","]: a word that is neither a number nor a month.
  if (at < words.size() && number(words[at]) < 0 && !month_of(words[at]) &&
      words[at].find('-') == std::string_view::npos) {
    ++at;
  }
  std::vector<std::string_view> rest(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  // "02-Jan-2006" of old mailers counts as three words.
  if (!rest.empty() && rest[0].size() > 5 && rest[0].find('-') != std::string_view::npos) {
    const std::string_view joined = rest[0];
    const size_t a = joined.find('-');
    const size_t b = joined.find('-', a + 1);
    if (b == std::string_view::npos) return std::nullopt;
    rest.erase(rest.begin());
    rest.insert(rest.begin(),
                {joined.substr(0, a), joined.substr(a + 1, b - a - 1), joined.substr(b + 1)});
  }
  if (rest.size() < 3) return std::nullopt;
  // asctime order, "Jan 2 15:04:05 2006", is met in the wild.
  if (month_of(rest[0])) std::swap(rest[0], rest[1]);
  if (rest.size() > 3 && rest[2].find(':') != std::string_view::npos) {
    const bool zone_first = rest.size() > 4 && full_year(rest[3]) < 0;
    std::swap(rest[2], rest[zone_first ? 4 : 3]);
    if (zone_first) std::swap(rest[3], rest[4]);
  }
  const int day = number(rest[0]);
  const int month = month_of(rest[1]);
  const int year = full_year(rest[2]);
  if (month == 0 || year < 1 || year > 9999 || day < 1 || day > days_in_month(year, month)) {
    return std::nullopt;
  }
  // RFC 5256 2.2: a time that cannot be read is midnight.
  int seconds = 0;
  if (rest.size() > 3 && !parse_time(rest[3], seconds)) seconds = 0;
  SentDate date;
  date.zone_minutes = rest.size() > 4 ? zone_minutes(rest[4]) : 0;
  date.seconds = days_from_civil(year, month, day) * 86400 + seconds - date.zone_minutes * 60;
  return date;
}

std::string print_date(SentDate date) {
  const int64_t local = date.seconds + int64_t{60} * date.zone_minutes;
  const int64_t days = (local >= 0 ? local : local - 86399) / 86400;
  const int64_t second = local - days * 86400;
  const Civil civil = civil_from_days(days);
  const int zone = std::abs(date.zone_minutes);
  const int64_t weekday = ((days + 4) % 7 + 7) % 7;
  std::string month(months[static_cast<size_t>(civil.month) - 1]);
  month[0] = static_cast<char>(month[0] - 0x20);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}",
                     weekdays[static_cast<size_t>(weekday)], civil.day, month, civil.year,
                     second / 3600, second / 60 % 60, second % 60,
                     date.zone_minutes < 0 ? '-' : '+', zone / 60, zone % 60);
}

}  // namespace eilpost::mime
