#include "directory/policy/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace eilpost::directory {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool digits(std::string_view text, int& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

bool PolicyRules::something_ends(Timestamp after, Timestamp until) const {
  return std::any_of(rules.begin(), rules.end(), [&](const PolicyRule& rule) {
    return rule.ends && *rule.ends > after && *rule.ends <= until;
  });
}

Result<Timestamp> parse_day(std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::invalid, fmt::format("\"{}\" is no day such as 2027-03-01", text));
  };
  int year = 0;
  int month = 0;
  int day = 0;
  const bool form = text.size() == 10 && text[4] == '-' && text[7] == '-' && text[0] != '-' &&
                    text[5] != '-' && text[8] != '-' && digits(text.substr(0, 4), year) &&
                    digits(text.substr(5, 2), month) && digits(text.substr(8, 2), day);
  if (!form || year < 1970) return wrong();
  std::tm broken{};
  broken.tm_year = year - 1900;
  broken.tm_mon = month - 1;
  broken.tm_mday = day;
  const std::time_t seconds = ::timegm(&broken);
  // timegm() takes the 31st of February for a day of March.
  if (broken.tm_mon != month - 1 || broken.tm_mday != day) return wrong();
  return Timestamp{seconds * 1'000'000};
}

std::string print_day(Timestamp day) {
  const std::time_t seconds = day.seconds();
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  return fmt::format("{:04}-{:02}-{:02}", broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday);
}

bool pattern_fits(std::string_view pattern, std::string_view text) {
  // Where the last "*" stood, and how much of the text it takes so far.
  size_t star = std::string_view::npos;
  size_t taken = 0;
  size_t p = 0;
  size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool account_fits(std::string_view pattern, std::string_view name) {
  if (pattern.substr(0, 2) != "*@") return pattern == name;
  const size_t at = name.rfind('@');
  return at != std::string_view::npos && name.substr(at) == pattern.substr(1);
}

}  // namespace eilpost::directory
