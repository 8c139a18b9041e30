#include "main/tools/cleanup/rules_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "main/config/toml.h"

namespace eilpost {

namespace {

using client::Rule;
using client::Want;

// Gives the value to the rule; answers what was expected instead, or "".
using Apply = std::string (*)(const ConfigValue& value, Rule& rule);

template <std::string Rule::*field>
std::string text(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->empty()) return "a string that is not empty";
  rule.*field = *given;
  return "";
}

template <bool Rule::*field>
std::string boolean(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<bool>(&value.value);
  if (given == nullptr) return "true or false";
  rule.*field = *given;
  return "";
}

template <std::vector<std::string> Rule::*field>
std::string patterns(const ConfigValue& value, Rule& rule) {
  constexpr const char* wanted = "an array of mailboxes such as [\"INBOX\", \"Lists/*\"]";
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr || items->empty()) return wanted;
  (rule.*field).clear();
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr || given->empty()) return wanted;
    (rule.*field).push_back(*given);
  }
  return "";
}

template <class T, T Rule::*field>
std::string want(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<std::string>(&value.value);
  const auto wanted = given == nullptr ? std::nullopt : client::want_named(*given);
  if (!wanted) return "\"yes\", \"no\" or \"any\"";
  rule.*field = *wanted;
  return "";
}

std::string action(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<std::string>(&value.value);
  const auto found = given == nullptr ? std::nullopt : client::action_named(*given);
  if (!found) return "\"list\", \"undelete\", \"mark\", \"trash\" or \"purge\"";
  rule.action = *found;
  return "";
}

std::string days(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<int64_t>(&value.value);
  if (given == nullptr || *given < 1 || *given > 36'500) return "a number of days, 1 to 36500";
  rule.older_than_days = static_cast<int>(*given);
  return "";
}

std::string age_by(const ConfigValue& value, Rule& rule) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || (*given != "arrival" && *given != "date")) {
    return "\"arrival\" or \"date\"";
  }
  rule.by_date_header = *given == "date";
  return "";
}

std::string size(const ConfigValue& value, Rule& rule) {
  const auto* number = std::get_if<int64_t>(&value.value);
  const auto* given = std::get_if<std::string>(&value.value);
  if (number != nullptr && *number > 0) {
    rule.larger_than = static_cast<uint64_t>(*number);
    return "";
  }
  const auto parsed = client::parse_size(given == nullptr ? "" : *given);
  if (!parsed || *parsed == 0) return "a size such as \"500K\", \"5M\" or a number of octets";
  rule.larger_than = *parsed;
  return "";
}

struct RuleKey {
  std::string_view name;
  Apply apply;
};
constexpr std::array<RuleKey, 15> keys{{
    {"name", text<&Rule::name>},
    {"action", action},
    {"to", text<&Rule::target>},
    {"mailboxes", patterns<&Rule::mailboxes>},
    {"exclude", patterns<&Rule::exclude>},
    {"marked", want<std::optional<Want>, &Rule::marked>},
    {"seen", want<Want, &Rule::seen>},
    {"flagged", want<Want, &Rule::flagged>},
    {"older_than", days},
    {"age_by", age_by},
    {"larger_than", size},
    {"from", text<&Rule::from>},
    {"subject", text<&Rule::subject>},
    {"duplicates", boolean<&Rule::duplicates>},
    {"across", boolean<&Rule::across>},
}};

std::string all_keys() {
  std::string out;
  for (const RuleKey& key : keys) out += (out.empty() ? "" : ", ") + std::string(key.name);
  return out;
}

void read_rule(const ConfigValue& value, CleanupRules& out) {
  const auto* table = std::get_if<ConfigTable>(&value.value);
  if (table == nullptr) {
    out.problems.push_back({value.place, "rule", "expected tables, [[rule]]"});
    return;
  }
  Rule rule;
  const size_t before = out.problems.size();
  for (const ConfigEntry& entry : *table) {
    const std::string name = "rule." + entry.key;
    const auto* key = std::find_if(keys.begin(), keys.end(),
                                   [&](const RuleKey& one) { return one.name == entry.key; });
    if (key == keys.end()) {
      out.problems.push_back({entry.place, name, "unknown key; expected one of " + all_keys()});
      continue;
    }
    const std::string wanted = key->apply(entry.value, rule);
    if (!wanted.empty()) out.problems.push_back({entry.value.place, name, "expected " + wanted});
  }
  if (rule.name.empty()) out.problems.push_back({value.place, "rule.name", "must be given"});
  if (out.problems.size() != before) return;
  auto whole = client::complete_rule(std::move(rule));
  if (whole) {
    out.rules.push_back(std::move(*whole));
  } else {
    out.problems.push_back({value.place, "rule", whole.error().detail});
  }
}

}  // namespace

CleanupRules parse_cleanup_rules(std::string_view text) {
  CleanupRules out;
  const auto parsed = parse_toml(text);
  if (!parsed) {
    out.problems.push_back(parsed.error());
    return out;
  }
  for (const ConfigEntry& entry : *parsed) {
    const auto* rules = std::get_if<ConfigArray>(&entry.value.value);
    if (entry.key != "rule" || rules == nullptr) {
      out.problems.push_back({entry.place, entry.key, "unknown key; expected [[rule]] tables"});
      continue;
    }
    for (const ConfigValue& rule : *rules) read_rule(rule, out);
  }
  std::set<std::string> names;
  for (const Rule& rule : out.rules) {
    if (names.insert(rule.name).second) continue;
    out.problems.push_back({{}, "rule.name", fmt::format("\"{}\" is there twice", rule.name)});
  }
  if (out.rules.empty() && out.problems.empty()) {
    out.problems.push_back({{}, "", "expected at least one [[rule]]"});
  }
  return out;
}

}  // namespace eilpost
