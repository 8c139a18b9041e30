// The keys of [[policy]]: who may come in, from where and how (docs/policy.md).

#include "directory/policy/rules.h"

#include <algorithm>

#include "main/config/config_key.h"

namespace eilpost {

namespace {

using directory::PolicyRule;
using directory::TlsNeed;
using sasl::Mechanism;

PolicyRule& rule(Config& config) {
  return config.settings.policy.rules.back();
}

// Folded when all keys are read: the default domain may come later in the file.
std::string accounts(const ConfigValue& value, Config& config) {
  return each_string(value, "accounts such as \"anna@example.org\" or \"*@example.org\"",
                     [&](const std::string& given) -> std::string {
                       rule(config).accounts.push_back(given);
                       return "";
                     });
}

std::string from(const ConfigValue& value, Config& config) {
  return each_string(value, "networks such as \"192.0.2.0/24\"",
                     [&](const std::string& given) -> std::string {
                       const auto network = net::Network::parse(given);
                       if (!network) return fmt::format("\"{}\" is not a network", given);
                       rule(config).from.push_back(*network);
                       return "";
                     });
}

std::string listeners(const ConfigValue& value, Config& config) {
  return each_string(value, "listeners' names", [&](const std::string& given) -> std::string {
    rule(config).listeners.push_back(given);
    return "";
  });
}

std::string mechanism_list(const ConfigValue& value, std::vector<Mechanism>& out) {
  out.clear();
  return each_string(value, "mechanisms such as \"SCRAM-SHA-256\"",
                     [&](const std::string& given) -> std::string {
                       const auto mechanism = sasl::mechanism_named(given);
                       if (!mechanism) return fmt::format("\"{}\" is not a mechanism", given);
                       out.push_back(*mechanism);
                       return "";
                     });
}

std::string mechanisms(const ConfigValue& value, Config& config) {
  return mechanism_list(value, rule(config).mechanisms.emplace());
}

std::string ending(const ConfigValue& value, Config& config) {
  return mechanism_list(value, rule(config).ending);
}

std::string clients(const ConfigValue& value, Config& config) {
  auto& all = rule(config).clients.emplace();
  return each_string(value, "names of mail programs such as \"Thunderbird*\"",
                     [&](const std::string& given) -> std::string {
                       all.push_back(given);
                       return "";
                     });
}

std::string allow(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<bool>(&value.value);
  if (given == nullptr) return expected("true or false");
  rule(config).allow = *given;
  return "";
}

using Delays = directory::FailureDelays::Options;

Apply milliseconds(int64_t Delays::*field) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<int64_t>(&value.value);
    if (given == nullptr || *given < 0 || *given > 3'600'000) {
      return expected("an integer between 0 and 3600000");
    }
    config.abuse.*field = *given * 1000;
    return "";
  };
}

std::string ends(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr) return expected("a day as a string, such as \"2027-03-01\"");
  const auto day = directory::parse_day(*given);
  if (!day) return day.error().detail;
  rule(config).ends = *day;
  return "";
}

}  // namespace

std::vector<Key> policy_keys() {
  return {
      {"policy", "name", "string", "its number",
       "How the log and `eilpost config explain` call the rule.",
       text([](Config& c) -> std::string& { return rule(c).name; })},
      {"policy", "accounts", "array of strings", "everybody",
       "Whom the rule concerns, by login name or primary address, or all of a domain: "
       "\"*@example.org\". Such a rule can only take away from what the listener offers.",
       accounts},
      {"policy", "from", "array of strings", "everywhere", "Networks that it concerns.", from},
      {"policy", "listeners", "array of strings", "all", "Listeners that it concerns, by name.",
       listeners},
      {"policy", "allow", "boolean", "nothing", "Whether they may log in at all.", allow},
      {"policy", "mechanisms", "array of strings", "nothing",
       "The SASL mechanisms that may be used; \"LOGIN\" stands for the LOGIN command, too.",
       mechanisms},
      {"policy", "tls", "string", "nothing",
       "\"required\": no login without TLS; \"passwords\": SCRAM may do without; \"optional\": "
       "passwords may be sent in the clear.",
       choice<TlsNeed, std::optional<TlsNeed>>(
           {{"required", TlsNeed::required},
            {"passwords", TlsNeed::passwords},
            {"optional", TlsNeed::optional}},
           [](Config& c) -> std::optional<TlsNeed>& { return rule(c).tls; })},
      {"policy", "tls_version_min", "string", "nothing",
       "\"1.2\" or \"1.3\": no login under an older TLS.",
       choice<int, std::optional<int>>(
           {{"1.2", 12}, {"1.3", 13}},
           [](Config& c) -> std::optional<int>& { return rule(c).tls_version_min; })},
      {"policy", "clients", "array of strings", "nothing",
       "Mail programs that may be used, by what they say in ID (name and version); \"*\" stands "
       "for anything. Against RFC 2971 3.3, and no protection from who lies.",
       clients},
      {"policy", "ends", "string", "nothing",
       "The day (UTC) from which the mechanisms of `ending` are refused: \"2027-03-01\".", ends},
      {"policy", "ending", "array of strings", "[\"PLAIN\", \"LOGIN\"]",
       "What ends then: by default what shows the password to the server.", ending},
      {"policy", "warn_days", "integer", "30",
       "For so many days before, who logs in by what ends is warned.",
       number<int>(0, 36500, [](Config& c) -> int& { return rule(c).warn_days; })},
  };
}

std::vector<Key> abuse_keys() {
  return {
      {"abuse", "free_failures", "integer", "3", "So many wrong passwords cost no time.",
       number<int>(1, 1000, [](Config& c) -> int& { return c.abuse.free_failures; })},
      {"abuse", "first_delay_ms", "integer", "500",
       "What the next attempt waits; then twice as long each time.",
       milliseconds(&Delays::first_delay_micros)},
      {"abuse", "account_delay_ms", "integer", "4000",
       "The longest pause between two attempts on one account by those who are not known there: "
       "so fast can it be guessed at, from however many addresses.",
       milliseconds(&Delays::account_delay_max_micros)},
      {"abuse", "source_delay_ms", "integer", "32000",
       "The same between attempts from one address (IPv6: one /64).",
       milliseconds(&Delays::source_delay_max_micros)},
      {"abuse", "device_delay_ms", "integer", "4000",
       "The same from a network where the account's owner has logged in before.",
       milliseconds(&Delays::device_delay_max_micros)},
      {"abuse", "queue_ms", "integer", "32000",
       "An attempt that would wait longer than this behind others is refused at once.",
       milliseconds(&Delays::queue_max_micros)},
      {"abuse", "forget_seconds", "integer", "900",
       "Without a failure for so long, all failures are forgotten.",
       [](const ConfigValue& value, Config& config) -> std::string {
         const auto* given = std::get_if<int64_t>(&value.value);
         if (given == nullptr || *given < 1 || *given > 604'800) {
           return expected("an integer between 1 and 604800");
         }
         config.abuse.forget_micros = *given * 1'000'000;
         return "";
       }},
      {"abuse", "exempt_networks", "array of strings", "[]",
       "Proxies and webmail servers, behind which many people sit: never delayed as one address.",
       [](const ConfigValue& value, Config& config) {
         return each_string(value, "networks such as \"192.0.2.0/24\"",
                            [&](const std::string& given) -> std::string {
                              const auto network = net::Network::parse(given);
                              if (!network) return fmt::format("\"{}\" is not a network", given);
                              config.abuse.exempt_networks.push_back(*network);
                              return "";
                            });
       }},
  };
}

std::vector<Key> audit_keys() {
  return {
      {"audit", "file", "string", "audit.log in data_dir",
       "The audit log: logins, refusals, delegations and what administrators do, one line of JSON "
       "each; \"\": none.",
       [](const ConfigValue& value, Config& config) -> std::string {
         const auto* given = std::get_if<std::string>(&value.value);
         if (given == nullptr || (!given->empty() && given->front() != '/')) {
           return expected("an absolute path");
         }
         config.audit.file = *given;
         config.audit_off = given->empty();
         return "";
       }},
      {"audit", "rotate_mb", "integer", "100",
       "From this size (MiB) on it becomes FILE.1; 0: never, somebody else moves it away and sends "
       "SIGHUP.",
       [](const ConfigValue& value, Config& config) -> std::string {
         const auto* given = std::get_if<int64_t>(&value.value);
         if (given == nullptr || *given < 0 || *given > 1'000'000) {
           return expected("an integer between 0 and 1000000");
         }
         config.audit.rotate_bytes = static_cast<uint64_t>(*given) << 20;
         return "";
       }},
      {"audit", "keep", "integer", "10", "How many such files are kept.",
       number<int>(1, 10'000, [](Config& c) -> int& { return c.audit.keep; })},
  };
}

std::vector<ArraySection> policy_sections() {
  return {{"policy", [](Config& config, ConfigPlace) {
             auto& rules = config.settings.policy.rules;
             rules.emplace_back();
             rules.back().name = fmt::format("policy {}", rules.size());
           }}};
}

namespace {

// As the directory folds names; only when the whole file is read is the default domain known.
void fold_accounts(const Config& config, std::vector<std::string>& accounts, std::string_view key,
                   std::vector<ConfigProblem>& problems) {
  for (std::string& account : accounts) {
    const bool domain = account.substr(0, 2) == "*@";
    const auto folded =
        directory::fold_name(domain ? "x" + account.substr(1) : account, config.accounts.names);
    if (!folded) {
      problems.push_back({{}, std::string(key), fmt::format("\"{}\" is no name", account)});
      continue;
    }
    account = domain ? "*" + folded->substr(1) : *folded;
  }
}

}  // namespace

void finish_policy(Config& config, std::vector<ConfigProblem>& problems) {
  for (server::AlertRule& rule : config.settings.alerts.rules) {
    fold_accounts(config, rule.accounts, "alert.accounts", problems);
  }
  for (PolicyRule& one : config.settings.policy.rules) {
    fold_accounts(config, one.accounts, "policy.accounts", problems);
    for (const std::string& name : one.listeners) {
      const bool known = config.listeners.empty() ||
                         std::any_of(config.listeners.begin(), config.listeners.end(),
                                     [&](const ListenerConfig& l) { return l.called() == name; });
      if (!known) {
        problems.push_back(
            {{}, "policy.listeners", fmt::format("there is no listener \"{}\"", name)});
      }
    }
  }
}

}  // namespace eilpost
