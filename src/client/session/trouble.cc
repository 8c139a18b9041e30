#include "client/session/trouble.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace eilpost::client {

namespace {

using imap::CodeName;

Code code_of(const imap::StatusResponse& status) {
  switch (status.code.name) {
    case CodeName::already_exists: return Code::already_exists;
    case CodeName::authentication_failed: return Code::auth_failed;
    case CodeName::authorization_failed: return Code::authz_failed;
    case CodeName::cannot:
    case CodeName::use_attr: return Code::cannot;
    case CodeName::contact_admin:
    case CodeName::in_use: return Code::in_use;
    case CodeName::expired: return Code::expired;
    case CodeName::expunge_issued: return Code::expunge_issued;
    case CodeName::has_children: return Code::has_children;
    case CodeName::limit:
    case CodeName::metadata_too_many: return Code::limit;
    case CodeName::no_perm: return Code::permission;
    case CodeName::nonexistent: return Code::not_found;
    case CodeName::over_quota: return Code::over_quota;
    case CodeName::privacy_required: return Code::privacy_required;
    case CodeName::too_big:
    case CodeName::metadata_max_size: return Code::too_big;
    case CodeName::try_create: return Code::try_create;
    case CodeName::unavailable: return Code::unavailable;
    case CodeName::unknown_cte: return Code::unknown_cte;
    case CodeName::bad_charset: return Code::bad_charset;
    default: return status.condition == imap::Condition::bad ? Code::invalid : Code::cannot;
  }
}

struct KnownWords {
  std::string_view words;  // lower case
  Throttle means;
};
constexpr std::array<KnownWords, 11> known_words{{
    // Gmail.
    {"too many simultaneous connections", {.connections = true}},
    {"account exceeded command or bandwidth limits", {.daily = true}},
    {"[throttled]", {}},
    {"temporarily unavailable", {}},
    // Exchange and Exchange Online.
    {"request is throttled", {}},
    {"server busy", {}},
    {"suggested backoff time", {}},
    {"connection count limit reached", {.connections = true}},
    // Dovecot: mail_max_userip_connections.
    {"maximum number of connections from user+ip exceeded", {.connections = true}},
    // Yahoo.
    {"rate limit", {}},
    {"too many connections", {.connections = true}},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "Suggested Backoff Time: 92415 milliseconds".
int64_t suggested_seconds(std::string_view words) {
  constexpr std::string_view label = "suggested backoff time:";
  size_t at = words.find(label);
  if (at == std::string_view::npos) return 0;
  words.remove_prefix(at + label.size());
  words.remove_prefix(std::min(words.find_first_not_of(' '), words.size()));
  int64_t number = 0;
  const auto read = std::from_chars(words.data(), words.data() + words.size(), number);
  if (read.ec != std::errc() || number < 0) return 0;
  words.remove_prefix(static_cast<size_t>(read.ptr - words.data()));
  const bool millis = words.substr(0, 4) == " mil";
  return millis ? (number + 999) / 1000 : number;
}

std::optional<Throttle> throttle_of_words(std::string_view text) {
  const std::string words = lower(text);
  for (const KnownWords& known : known_words) {
    if (words.find(known.words) == std::string::npos) continue;
    Throttle out = known.means;
    out.wait_seconds = suggested_seconds(words);
    return out;
  }
  return std::nullopt;
}

// "NO [UNAVAILABLE] the server is busy".
std::string line_of(const imap::StatusResponse& status) {
  std::string code;
  imap::append_response_code(code, status.code);
  return fmt::format("{} {}{}", imap::condition_name(status.condition), code, status.text);
}

}  // namespace

Error error_of(const imap::StatusResponse& status) {
  Code code = code_of(status);
  if (throttle_of_words(status.text) && code != Code::auth_failed) code = Code::unavailable;
  return {code, "the server answered: " + line_of(status)};
}

std::optional<Throttle> throttle_of(const imap::StatusResponse& status) {
  const std::string line = line_of(status);
  if (auto said = throttle_of_words(line)) return said;
  if (status.condition != imap::Condition::no && status.condition != imap::Condition::bye) {
    return std::nullopt;
  }
  if (status.code.name == CodeName::unavailable || status.code.name == CodeName::in_use) {
    return Throttle{};
  }
  if (status.code.name == CodeName::limit) return Throttle{.connections = true};
  return std::nullopt;
}

std::optional<Throttle> throttle_of(const Error& error) {
  if (auto said = throttle_of_words(error.detail)) return said;
  if (error.code == Code::unavailable || error.code == Code::in_use) return Throttle{};
  return std::nullopt;
}

int64_t Backoff::next(const Throttle& throttle) {
  constexpr int64_t wait_seconds_max = 300;
  const int64_t grown = std::min<int64_t>(wait_seconds_max, int64_t{1} << std::min(tries_, 20));
  ++tries_;
  return throttle.wait_seconds > 0 ? throttle.wait_seconds : grown;
}

}  // namespace eilpost::client
