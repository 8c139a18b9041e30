// What decide() found, in words.
#include <fmt/format.h>

#include <algorithm>

#include "directory/policy/decide.h"

namespace eilpost::directory {

namespace {

constexpr std::array<std::string_view, aspect_count> aspect_names = {
    "allow", "mechanisms", "tls", "tls_version_min", "clients", "ends"};

std::string list(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : ", ") + one;
  return out;
}

std::string list(const std::vector<sasl::Mechanism>& all) {
  std::vector<std::string> names;
  for (const auto mechanism : all) names.emplace_back(sasl::mechanism_name(mechanism));
  return list(names);
}

std::string value_of(const PolicyRule& rule, Aspect aspect) {
  switch (aspect) {
    case Aspect::allow: return *rule.allow ? "yes" : "no";
    case Aspect::mechanisms: return list(*rule.mechanisms);
    case Aspect::tls:
      if (*rule.tls == TlsNeed::required) return "required";
      return *rule.tls == TlsNeed::passwords ? "passwords" : "optional";
    case Aspect::tls_version: return fmt::format("1.{}", *rule.tls_version_min - 10);
    case Aspect::clients: return list(*rule.clients);
    case Aspect::ends:
      return fmt::format("{} for {}, warned {} days before", print_day(*rule.ends),
                         list(rule.ending), rule.warn_days);
  }
  return "";
}

void add_aspects(std::vector<std::string>& out, std::string_view head, const Winners& all,
                 const Circumstances& where, const std::vector<std::string>* names) {
  for (size_t i = 0; i < aspect_count; ++i) {
    if (all[i] == nullptr) continue;
    out.push_back(fmt::format("{} {:<15} {}: {}", head, aspect_names[i],
                              value_of(*all[i], static_cast<Aspect>(i)),
                              describe_match(*all[i], where, names)));
  }
}

}  // namespace

std::string describe_match(const PolicyRule& rule, const Circumstances& where,
                           const std::vector<std::string>* account_names) {
  std::vector<std::string> why;
  if (account_names != nullptr) {
    const bool exact = std::any_of(rule.accounts.begin(), rule.accounts.end(), [&](const auto& a) {
      return std::find(account_names->begin(), account_names->end(), a) != account_names->end();
    });
    why.emplace_back(exact ? "the account" : "its domain");
  }
  int bits = -1;
  for (const net::Network& network : rule.from) {
    if (network.contains(where.peer)) bits = std::max(bits, network.prefix_bits);
  }
  if (bits >= 0) why.push_back(fmt::format("a network of {} bits", bits));
  if (!rule.listeners.empty()) why.emplace_back("the listener");
  if (why.empty()) why.emplace_back("everybody");
  return fmt::format("rule \"{}\", which names {}", rule.name, list(why));
}

std::vector<std::string> explain(const PolicyRules& rules, const AuthPolicy& listener,
                                 const Circumstances& where,
                                 const std::vector<std::string>& names) {
  std::vector<std::string> out;
  add_aspects(out, "place  ", winners(rules, where, nullptr), where, nullptr);
  add_aspects(out, "account", winners(rules, where, &names), where, &names);
  if (out.empty()) out.emplace_back("no rule speaks of this: the listener decides");
  for (const auto mechanism : listener.mechanisms) {
    const Claimant who{names, mechanism};
    const Decision decision = decide(rules, listener, where, &who);
    std::string line = fmt::format("{:<19}", sasl::mechanism_name(mechanism));
    if (!decision.refusal) {
      line += " allowed";
      for (const Ending& ending : decision.endings) {
        line += fmt::format(" until {}, by \"{}\"", print_day(ending.at), ending.rule);
      }
    } else {
      line += fmt::format(
          " refused {}: {} ({})",
          decision.refusal->code == Code::privacy_required ? "[PRIVACYREQUIRED]" : "[CONTACTADMIN]",
          decision.refusal->reason, decision.refusal->rule);
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace eilpost::directory
