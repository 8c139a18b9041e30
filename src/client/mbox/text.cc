#include "client/mbox/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <utility>
#include <vector>

#include "mime/header.h"

namespace eilpost::client {

namespace {
// The name of a field that we look for is shorter.
constexpr size_t held_max = 64;
constexpr std::string_view from = "From ";

int month_of(std::string_view word) {
  constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (word.size() != 3) return -1;
  const size_t at = names.find(word);
  return at == std::string_view::npos || at % 3 != 0 ? -1 : static_cast<int>(at / 3);
}
}  // namespace

// --- lines between messages ---

std::optional<int64_t> parse_from_line(std::string_view line) {
  std::vector<std::string> words;
  std::istringstream in{std::string(line)};
  for (std::string word; in >> word;) words.push_back(word);
  for (size_t i = 1; i + 3 < words.size(); ++i) {
    std::tm tm{};
    tm.tm_mon = month_of(words[i]);
    if (tm.tm_mon < 0) continue;
    tm.tm_mday = std::atoi(words[i + 1].c_str());
    const int read =
        std::sscanf(words[i + 2].c_str(), "%d:%d:%d", &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
    // A zone's name may stand before the year.
    const int year = std::max(std::atoi(words[i + 3].c_str()),
                              i + 4 < words.size() ? std::atoi(words[i + 4].c_str()) : 0);
    if (read < 2 || year < 1970 || year > 9999 || tm.tm_mday < 1 || tm.tm_mday > 31) continue;
    tm.tm_year = year - 1900;
    return ::timegm(&tm);
  }
  return std::nullopt;
}

std::string print_from_line(std::string_view sender, int64_t seconds) {
  const time_t time = seconds;
  std::tm tm{};
  ::gmtime_r(&time, &tm);
  char date[64];
  std::strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
  return fmt::format("From {} {}\n", sender.empty() ? "MAILER-DAEMON" : sender, date);
}

// --- what is in front of lines ---

std::string MboxQuoter::feed(std::string_view octets) {
  constexpr std::string_view from = "From ";
  std::string out;
  for (const char c : octets) {
    if (!start_) {
      out += c;
      start_ = c == '\n';
      continue;
    }
    // Where in a run of ">" the one more stands makes no difference.
    if (c == '>' && held_.empty()) {
      out += c;
      continue;
    }
    held_ += c;
    if (held_.size() < from.size() && from.substr(0, held_.size()) == held_) continue;
    if (held_ == from) out += '>';
    out += held_;
    held_.clear();
    start_ = c == '\n';
  }
  return out;
}

std::string MboxQuoter::finish() {
  return std::exchange(held_, {});
}

bool is_mbox_state_field(std::string_view name) {
  for (const std::string_view known :
       {"status", "x-status", "x-keywords", "x-uid", "x-imap", "x-imapbase", "content-length"}) {
    if (mime::equals_ignoring_case(name, known)) return true;
  }
  return false;
}

void MboxFilter::settle() {
  if (!(in_header_ && dropping_)) out_ += held_;
  held_is_start_ = !held_.empty() && held_.back() == '\n';
  held_.clear();
}

void MboxFilter::take(char c) {
  if (!held_is_start_) {
    if (!(in_header_ && dropping_)) out_ += c;
    held_is_start_ = c == '\n';
    return;
  }
  if (!in_header_) return take_body(c);
  held_ += c;
  const bool folded = held_.size() == 1 && (c == ' ' || c == '\t');
  if (folded) return settle();
  if (c == '\n') {
    dropping_ = false;
    if (held_ == "\n" || held_ == "\r\n") in_header_ = false;
    return settle();
  }
  if (c != ':' && held_.size() < held_max) return;
  const std::string_view name = std::string_view(held_).substr(0, held_.size() - 1);
  dropping_ = c == ':' && is_mbox_state_field(name);
  settle();
}

// Which of several ">" goes makes no difference: the first is held back until the line tells.
void MboxFilter::take_body(char c) {
  if (c == '>' && held_.empty()) {
    if (quoted_) out_ += c;
    quoted_ = true;
    return;
  }
  held_ += c;
  if (held_.size() < from.size() && from.substr(0, held_.size()) == held_) return;
  if (quoted_ && held_ != from) out_ += '>';
  quoted_ = false;
  settle();
}

std::string_view MboxFilter::feed(std::string_view octets) {
  out_.clear();
  for (const char c : octets) take(c);
  return out_;
}

std::string_view MboxFilter::finish() {
  out_.clear();
  if (quoted_) out_ += '>';
  if (!held_.empty()) settle();
  return out_;
}

// --- line ends ---

void LineEnds::feed(std::string_view octets, std::string& out) {
  size_t from = 0;
  for (size_t at = octets.find('\n'); at != std::string_view::npos;
       at = octets.find('\n', at + 1)) {
    const bool after_cr = at == 0 ? last_was_cr_ : octets[at - 1] == '\r';
    if (after_cr) continue;
    out.append(octets.substr(from, at - from));
    out.append("\r\n");
    from = at + 1;
  }
  out.append(octets.substr(from));
  if (!octets.empty()) last_was_cr_ = octets.back() == '\r';
}

}  // namespace eilpost::client
