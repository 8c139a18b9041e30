// The keys of [alerts] and [[alert]]: what users are told about their access (docs/policy.md).

#include "main/config/config_key.h"

namespace eilpost {

namespace {

using server::AlertFrequency;
using server::AlertKind;
using server::AlertLanguage;
using server::AlertRule;

AlertRule& rule(Config& config) {
  return config.settings.alerts.rules.back();
}

std::string event(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  const auto kind = given == nullptr ? std::nullopt : server::alert_named(*given);
  if (!kind) {
    return expected(
        "one of \"new_place\", \"new_client\", \"unencrypted\", \"old_tls\", \"ending\", "
        "\"quota\", \"broadcast\", \"maintenance\"");
  }
  rule(config).kind = *kind;
  return "";
}

std::string accounts(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return expected("an array of accounts");
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr || given->empty()) return expected("accounts as strings");
    rule(config).accounts.push_back(*given);
  }
  return "";
}

}  // namespace

std::vector<Key> alert_keys() {
  return {
      {"alerts", "language", "string", "\"en\"",
       "\"en\" or \"de\": in what users are told something who have not chosen a language.",
       choice<AlertLanguage>(
           {{"en", AlertLanguage::english}, {"de", AlertLanguage::german}},
           [](Config& c) -> AlertLanguage& { return c.settings.alerts.language; })},
      {"alerts", "geo_database", "string", "none",
       "A database of countries in MaxMind's format: places are countries then, else networks.",
       text([](Config& c) -> std::string& { return c.settings.alerts.geo_database; })},
      {"alerts", "quota_percent", "integer", "90", "From how full a mailbox on its user is told.",
       number<int>(1, 100, [](Config& c) -> int& { return c.settings.alerts.quota_percent; })},
      {"alert", "event", "string", "must be given",
       "What it is about: \"new_place\", \"new_client\", \"unencrypted\", \"old_tls\" (before "
       "1.3), "
       "\"ending\" (a mechanism, by [[policy]]), \"quota\", \"broadcast\", \"maintenance\".",
       event},
      {"alert", "frequency", "string", "\"once\"",
       "\"never\", \"once\", \"weekly\", \"daily\" or \"login\" (each time). What holds without a "
       "rule: eilpost alert rules.",
       choice<AlertFrequency>({{"never", AlertFrequency::never},
                               {"once", AlertFrequency::once},
                               {"weekly", AlertFrequency::weekly},
                               {"daily", AlertFrequency::daily},
                               {"login", AlertFrequency::login}},
                              [](Config& c) -> AlertFrequency& { return rule(c).frequency; })},
      {"alert", "mail", "boolean", "false", "Into INBOX as a message as well.",
       boolean([](Config& c) -> bool& { return rule(c).mail; })},
      {"alert", "accounts", "array of strings", "everybody",
       "Whom the rule concerns, by address or \"*@example.org\"; of several the last one holds.",
       accounts},
  };
}

std::vector<ArraySection> alert_sections() {
  return {
      {"alert", [](Config& config, ConfigPlace) { config.settings.alerts.rules.emplace_back(); }}};
}

}  // namespace eilpost
