#include "client/cleanup/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "client/message/fingerprint.h"
#include "mime/header.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::client {

namespace {

constexpr int64_t day_seconds = 86'400;
constexpr std::array<std::string_view, 5> action_names{"list", "undelete", "mark", "trash",
                                                       "purge"};

bool has_wildcard(const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [](const std::string& pattern) {
    return pattern.find_first_of("*%") != std::string::npos;
  });
}

// Whether the rule says anything of the messages besides \Deleted.
bool has_condition(const Rule& rule) {
  return rule.seen != Want::any || rule.flagged != Want::any || rule.older_than_days > 0 ||
         rule.larger_than > 0 || !rule.from.empty() || !rule.subject.empty() || rule.duplicates;
}

Want implied_mark(const Rule& rule) {
  switch (rule.action) {
    case Action::undelete:
    case Action::purge: return Want::yes;
    case Action::mark: return Want::no;
    case Action::list: return has_condition(rule) ? Want::any : Want::yes;
    case Action::trash: break;
  }
  return Want::any;
}

bool has_flag(const imap::FlagList& flags, std::string_view wanted) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const std::string& flag) { return imap::equal_nocase(flag, wanted); });
}

bool fits(Want want, bool is) {
  return want == Want::any || (want == Want::yes) == is;
}

bool contains_nocase(std::string_view text, std::string_view part) {
  if (part.empty()) return true;
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [&](char a, char b) { return low(a) == low(b); }) != text.end();
}

// SEARCH takes other letters only with CHARSET, and many servers do not: those are compared here
// alone.
bool can_be_asked(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
  });
}

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

std::string_view action_name(Action action) {
  return action_names[static_cast<size_t>(action)];
}

std::optional<Action> action_named(std::string_view name) {
  const auto* found = std::find(action_names.begin(), action_names.end(), name);
  if (found == action_names.end()) return std::nullopt;
  return static_cast<Action>(found - action_names.begin());
}

std::optional<Want> want_named(std::string_view name) {
  if (name == "any") return Want::any;
  if (name == "yes") return Want::yes;
  if (name == "no") return Want::no;
  return std::nullopt;
}

Result<Rule> complete_rule(Rule rule) {
  const Want implied = implied_mark(rule);
  if (!rule.marked) rule.marked = implied;
  const bool fixed = rule.action == Action::undelete || rule.action == Action::mark;
  if (fixed && *rule.marked != implied) {
    return fail(Code::invalid,
                fmt::format("{} is for messages that are {}marked \\Deleted",
                            action_name(rule.action), implied == Want::yes ? "" : "not "));
  }
  if (rule.action != Action::trash && !rule.target.empty()) {
    return fail(Code::invalid, "a target mailbox is for trash only");
  }
  if (rule.across && !rule.duplicates) {
    return fail(Code::invalid, "across mailboxes are compared duplicates only");
  }
  const bool changes = rule.action != Action::list && rule.action != Action::undelete;
  if (changes && *rule.marked != Want::yes && !has_condition(rule) &&
      has_wildcard(rule.mailboxes)) {
    return fail(Code::invalid,
                fmt::format("{} would take every message of every mailbox: expected a condition "
                            "(such as an age), or mailboxes by name",
                            action_name(rule.action)));
  }
  return rule;
}

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<size_t>(read.ptr - text.data()));
  constexpr std::string_view units = "KMG";
  const size_t power = unit.empty() ? 0 : units.find(unit.front()) + 1;
  const bool good = read.ec == std::errc() && unit.size() <= 1 && (unit.empty() || power != 0) &&
                    number <= (uint64_t{1} << 40);
  if (!good) return fail(Code::invalid, "expected a size such as 500K, 5M or 1G");
  return number << (10 * power);
}

RowsWanted message_wanted() {
  RowsWanted out;
  out.header_fields = {"Message-ID", "Date", "From", "Subject"};
  return out;
}

std::optional<Message> message_of(const MessageRow& row) {
  if (row.uid.value == 0 || !row.size || !row.internal_date) return std::nullopt;
  Message out;
  out.uid = row.uid;
  out.size = *row.size;
  out.email_id = row.email_id;
  out.arrived = row.internal_date->seconds;
  const auto sent = mime::parse_date(mime::field_value(row.header, "Date"));
  out.sent = sent ? sent->seconds : out.arrived;
  out.marked = has_flag(row.flags, "\\Deleted");
  out.seen = has_flag(row.flags, "\\Seen");
  out.flagged = has_flag(row.flags, "\\Flagged");
  out.from = mime::decode_header_value(mime::field_value(row.header, "From"));
  out.subject = mime::decode_header_value(mime::field_value(row.header, "Subject"));
  const std::string key = header_key(row.header);
  if (!key.empty()) out.key = hex(std::string_view(sasl::sha256(key)).substr(0, 8));
  return out;
}

std::string search_criteria(const Rule& rule, Timestamp now) {
  std::string out;
  const auto add = [&out](std::string_view key) {
    if (!out.empty()) out += ' ';
    out += key;
  };
  const auto flag = [&](Want want, std::string_view yes, std::string_view no) {
    if (want != Want::any) add(want == Want::yes ? yes : no);
  };
  flag(rule.marked.value_or(Want::any), "DELETED", "UNDELETED");
  flag(rule.seen, "SEEN", "UNSEEN");
  flag(rule.flagged, "FLAGGED", "UNFLAGGED");
  if (rule.larger_than > 0) add(fmt::format("LARGER {}", rule.larger_than));
  if (rule.older_than_days > 0) {
    // RFC 9051 6.4.4: days are compared without time and zone, so the day here is two later.
    const int64_t days = (now.seconds() - rule.older_than_days * day_seconds) / day_seconds + 2;
    std::string day;
    imap::append_date(day, imap::date_of_days(days));
    // A message without Date is as old as its arrival says.
    add(rule.by_date_header ? fmt::format("OR BEFORE {} SENTBEFORE {}", day, day)
                            : fmt::format("BEFORE {}", day));
  }
  if (can_be_asked(rule.from)) add(fmt::format("FROM \"{}\"", rule.from));
  if (can_be_asked(rule.subject)) add(fmt::format("SUBJECT \"{}\"", rule.subject));
  return out.empty() ? "ALL" : out;
}

bool matches(const Rule& rule, const Message& message, Timestamp now) {
  if (!fits(rule.marked.value_or(Want::any), message.marked)) return false;
  if (!fits(rule.seen, message.seen) || !fits(rule.flagged, message.flagged)) return false;
  if (rule.larger_than > 0 && message.size <= rule.larger_than) return false;
  const int64_t time = rule.by_date_header ? message.sent : message.arrived;
  const int64_t age = now.seconds() - time;
  if (rule.older_than_days > 0 && age <= rule.older_than_days * day_seconds) return false;
  return contains_nocase(message.from, rule.from) && contains_nocase(message.subject, rule.subject);
}

}  // namespace eilpost::client
