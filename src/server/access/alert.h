// What users are told about their access, as values: what may be told, how often and to whom
// (rules), what an administrator says to all (broadcasts), and the words for each in the languages
// that there are. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace eilpost::server {

enum class AlertKind : uint8_t {
  new_place,
  new_client,
  unencrypted,
  old_tls,
  ending,
  quota,
  broadcast,
  maintenance,
};
inline constexpr size_t alert_kind_count = 8;
std::string_view alert_name(AlertKind kind);
std::optional<AlertKind> alert_named(std::string_view name);

enum class AlertFrequency : uint8_t { never, once, weekly, daily, login };
std::string_view frequency_name(AlertFrequency frequency);

enum class AlertLanguage : uint8_t { english, german };

struct AlertRule {
  AlertKind kind = AlertKind::broadcast;
  AlertFrequency frequency = AlertFrequency::once;
  bool mail = false;                  // into INBOX as well
  std::vector<std::string> accounts;  // folded, or "*@example.org"; empty: everybody
};
// What holds where no rule says otherwise.
AlertRule default_rule(AlertKind kind);

struct AlertSettings {
  AlertLanguage language = AlertLanguage::english;  // of who has chosen none
  std::string geo_database;                         // empty: places are networks
  int quota_percent = 90;
  std::vector<AlertRule> rules;  // the last one that fits wins
};
// Whether one of the names is meant; an empty list means everybody.
bool concerns(const std::vector<std::string>& patterns, const std::vector<std::string>& names);
AlertRule rule_of(const AlertSettings& settings, AlertKind kind,
                  const std::vector<std::string>& names);

// Something to tell. `key` tells it from others of its kind: the place, the client, the day.
struct Alert {
  AlertKind kind = AlertKind::broadcast;
  std::string key;
  std::vector<std::string> arguments;  // for the words
  std::string english;                 // of a broadcast; else empty
  std::string german;
  bool mail = false;
};
// UTF-8, one line.
std::string alert_text(const Alert& alert, AlertLanguage language);
std::string alert_subject(AlertLanguage language);
// For clients that have not asked for UTF-8: umlauts in two letters, the rest as "?".
std::string ascii_text(std::string_view text);

// What an administrator says, until a day.
struct Broadcast {
  std::string id;
  AlertKind kind = AlertKind::broadcast;  // or maintenance, which is told at every login
  std::string english;
  std::string german;  // empty: in English
  Timestamp sent;
  Timestamp until;
  std::vector<std::string> accounts;  // as in AlertRule
  bool mail = false;
  friend bool operator==(const Broadcast&, const Broadcast&) = default;
};
std::string print_broadcast(const Broadcast& broadcast);
// Code::corrupt.
Result<Broadcast> parse_broadcast(std::string_view id, std::string_view octets);

// Whether something that was told at `last` (nothing: never) is to be told again.
bool is_due(AlertFrequency frequency, std::optional<Timestamp> last, Timestamp now);

}  // namespace eilpost::server
