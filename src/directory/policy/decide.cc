#include "directory/policy/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace eilpost::directory {

namespace {

using sasl::Mechanism;
constexpr int64_t day_micros = 86'400LL * 1'000'000;

// How exactly a rule fits; nothing: it does not.
struct Rank {
  int account = 0;  // 2: an address, 1: a domain
  int network = 0;  // prefix, IPv4 counted as the last 32 of 128 bits, and one
  int listener = 0;
  auto key() const { return std::tie(account, network, listener); }
};

std::optional<int> account_rank(const PolicyRule& rule, const std::vector<std::string>& names) {
  std::optional<int> best;
  for (const std::string& pattern : rule.accounts) {
    const int rank = pattern.substr(0, 2) == "*@" ? 1 : 2;
    for (const std::string& name : names) {
      if (account_fits(pattern, name)) best = std::max(best.value_or(0), rank);
    }
  }
  return best;
}

std::optional<int> network_rank(const PolicyRule& rule, const net::Address& peer) {
  if (rule.from.empty()) return 0;
  std::optional<int> best;
  for (const net::Network& network : rule.from) {
    if (!network.contains(peer)) continue;
    const int family = network.base.kind == net::Address::Kind::ipv4 ? 96 : 0;
    best = std::max(best.value_or(0), network.prefix_bits + family + 1);
  }
  return best;
}

std::optional<Rank> rank_of(const PolicyRule& rule, const Circumstances& where,
                            const std::vector<std::string>* names) {
  // A rule that names accounts says nothing about a place, and the other way round.
  if (rule.accounts.empty() != (names == nullptr)) return std::nullopt;
  Rank out;
  if (names != nullptr) {
    const auto account = account_rank(rule, *names);
    if (!account) return std::nullopt;
    out.account = *account;
  }
  const auto network = network_rank(rule, where.peer);
  if (!network) return std::nullopt;
  out.network = *network;
  const auto& listeners = rule.listeners;
  if (!listeners.empty()) {
    if (std::find(listeners.begin(), listeners.end(), where.listener) == listeners.end()) {
      return std::nullopt;
    }
    out.listener = 1;
  }
  return out;
}

bool speaks_of(const PolicyRule& rule, Aspect aspect) {
  switch (aspect) {
    case Aspect::allow: return rule.allow.has_value();
    case Aspect::mechanisms: return rule.mechanisms.has_value();
    case Aspect::tls: return rule.tls.has_value();
    case Aspect::tls_version: return rule.tls_version_min.has_value();
    case Aspect::clients: return rule.clients.has_value();
    case Aspect::ends: return rule.ends.has_value();
  }
  return false;
}

const PolicyRule* of(const Winners& all, Aspect aspect) {
  return all[static_cast<size_t>(aspect)];
}

bool contains(const std::vector<Mechanism>& all, Mechanism mechanism) {
  return std::find(all.begin(), all.end(), mechanism) != all.end();
}

// Whether a rule's list names the mechanism. SCRAM-SHA-256 names SCRAM-SHA-256-PLUS with it, which
// is the same, bound to TLS.
bool lists(const std::vector<Mechanism>& listed, Mechanism mechanism) {
  if (contains(listed, mechanism)) return true;
  std::string_view name = sasl::mechanism_name(mechanism);
  constexpr std::string_view plus = "-PLUS";
  if (name.size() <= plus.size() || name.substr(name.size() - plus.size()) != plus) return false;
  name.remove_suffix(plus.size());
  const auto unbound = sasl::mechanism_named(name);
  return unbound && contains(listed, *unbound);
}

std::string names_of(const std::vector<Mechanism>& all) {
  std::string out;
  for (const Mechanism mechanism : all) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", sasl::mechanism_name(mechanism));
  }
  return out.empty() ? "nothing" : out;
}

std::string version_text(int version) {
  return version == 0 ? "none that is known here" : fmt::format("1.{}", version - 10);
}

bool version_fits(const PolicyRule* rule, const Circumstances& where) {
  // Without TLS the rules on TLS itself decide.
  return rule == nullptr || !where.is_private || where.tls_version >= *rule->tls_version_min;
}

std::optional<Refusal> refuse(Code code, std::string reason, const PolicyRule& rule) {
  return Refusal{code, std::move(reason), rule.name};
}

// What holds for whoever comes, or for whatever account: nothing about mechanisms.
std::optional<Refusal> refusal_of_all(const Winners& all, const Circumstances& where) {
  if (const PolicyRule* rule = of(all, Aspect::allow); rule && !*rule->allow) {
    const bool place = rule->accounts.empty();
    return refuse(Code::permission,
                  place ? "nobody may log in from here" : "this account may not log in from here",
                  *rule);
  }
  if (const PolicyRule* rule = of(all, Aspect::tls_version); !version_fits(rule, where)) {
    return refuse(Code::privacy_required,
                  fmt::format("TLS {} or newer is needed", version_text(*rule->tls_version_min)),
                  *rule);
  }
  return std::nullopt;
}

std::optional<Refusal> refusal_of_client(const Winners& all, const Circumstances& where) {
  const PolicyRule* rule = of(all, Aspect::clients);
  if (rule == nullptr) return std::nullopt;
  if (!where.client) {
    return refuse(Code::permission, "the mail program has to say what it is (ID) before login",
                  *rule);
  }
  const bool fits =
      std::any_of(rule->clients->begin(), rule->clients->end(),
                  [&](const std::string& p) { return pattern_fits(p, *where.client); });
  if (fits) return std::nullopt;
  return refuse(Code::permission, "this mail program may not be used here", *rule);
}

bool ended(const PolicyRule* rule, Mechanism mechanism, Timestamp now) {
  return rule != nullptr && now >= *rule->ends && lists(rule->ending, mechanism);
}

std::optional<Refusal> refusal_of_account(const Winners& own, const Circumstances& where,
                                          Mechanism mechanism) {
  if (auto refusal = refusal_of_all(own, where)) return refusal;
  if (const PolicyRule* rule = of(own, Aspect::tls); rule && !where.is_private) {
    const bool needed = *rule->tls == TlsNeed::required ||
                        (*rule->tls == TlsNeed::passwords && sasl::reveals_password(mechanism));
    if (needed) return refuse(Code::privacy_required, "this account logs in under TLS only", *rule);
  }
  if (const PolicyRule* rule = of(own, Aspect::mechanisms);
      rule && !lists(*rule->mechanisms, mechanism)) {
    return refuse(Code::permission,
                  fmt::format("this account may not log in by {}, but by {}",
                              sasl::mechanism_name(mechanism), names_of(*rule->mechanisms)),
                  *rule);
  }
  const PolicyRule* ends = of(own, Aspect::ends);
  if (ended(ends, mechanism, where.now)) {
    return refuse(Code::permission,
                  fmt::format("logging in by {} ended on {}", sasl::mechanism_name(mechanism),
                              print_day(*ends->ends)),
                  *ends);
  }
  return std::nullopt;
}

void apply_place(AuthPolicy& offered, const Winners& place, Timestamp now) {
  if (const PolicyRule* rule = of(place, Aspect::tls)) {
    offered.plaintext_without_tls = *rule->tls == TlsNeed::optional;
    offered.scram_without_tls = *rule->tls != TlsNeed::required;
  }
  const PolicyRule* listed = of(place, Aspect::mechanisms);
  const PolicyRule* ends = of(place, Aspect::ends);
  const auto gone = [&](Mechanism mechanism) {
    return (listed != nullptr && !lists(*listed->mechanisms, mechanism)) ||
           ended(ends, mechanism, now);
  };
  std::erase_if(offered.mechanisms, gone);
  // The command is the mechanism of the same name in other words.
  if (gone(Mechanism::login)) offered.login_command = false;
}

void add_endings(Decision& out, const PolicyRule* rule, const Circumstances& where,
                 const Claimant* who) {
  if (rule == nullptr) return;
  const int64_t left = rule->ends->micros - where.now.micros;
  if (left <= 0 || left > rule->warn_days * day_micros) return;
  for (const Mechanism mechanism : rule->ending) {
    const bool concerns =
        who != nullptr ? who->mechanism == mechanism : contains(out.offered.mechanisms, mechanism);
    if (concerns) out.endings.push_back({mechanism, *rule->ends, rule->name});
  }
}

// The account's end counts where both have one and its own comes first.
const PolicyRule* earlier(const PolicyRule* a, const PolicyRule* b) {
  if (a == nullptr || b == nullptr) return a != nullptr ? a : b;
  return *a->ends <= *b->ends ? a : b;
}

// What the listener, with the rules of the place, does not take.
std::optional<Refusal> refusal_of_offer(const Winners& place, const AuthPolicy& offered,
                                        const Circumstances& where, Mechanism mechanism) {
  const PolicyRule* ends = of(place, Aspect::ends);
  const PolicyRule* listed = of(place, Aspect::mechanisms);
  const bool is_offered = contains(offered.mechanisms, mechanism) ||
                          (mechanism == Mechanism::login && offered.login_command);
  if (!is_offered) {
    const auto name = sasl::mechanism_name(mechanism);
    if (ended(ends, mechanism, where.now)) {
      return refuse(Code::permission,
                    fmt::format("logging in by {} ended on {}", name, print_day(*ends->ends)),
                    *ends);
    }
    return Refusal{Code::permission, fmt::format("{} is not taken here", name),
                   listed != nullptr ? listed->name : "the listener"};
  }
  const bool open =
      where.is_private || (sasl::reveals_password(mechanism) ? offered.plaintext_without_tls
                                                             : offered.scram_without_tls);
  if (open) return std::nullopt;
  const PolicyRule* tls = of(place, Aspect::tls);
  return Refusal{Code::privacy_required, "log in under TLS",
                 tls != nullptr ? tls->name : "the listener"};
}

}  // namespace

Winners winners(const PolicyRules& rules, const Circumstances& where,
                const std::vector<std::string>* account_names) {
  Winners out{};
  std::array<Rank, aspect_count> ranks{};
  for (const PolicyRule& rule : rules.rules) {
    const auto rank = rank_of(rule, where, account_names);
    if (!rank) continue;
    for (size_t i = 0; i < aspect_count; ++i) {
      if (!speaks_of(rule, static_cast<Aspect>(i))) continue;
      if (out[i] != nullptr && rank->key() < ranks[i].key()) continue;
      out[i] = &rule;
      ranks[i] = *rank;
    }
  }
  return out;
}

Decision decide(const PolicyRules& rules, const AuthPolicy& listener, const Circumstances& where,
                const Claimant* who) {
  Decision out;
  out.offered = listener;
  const Winners place = winners(rules, where, nullptr);
  apply_place(out.offered, place, where.now);
  out.refusal = refusal_of_all(place, where);
  if (out.refusal) {
    out.offered.mechanisms.clear();
    out.offered.login_command = false;
    return out;
  }
  if (who == nullptr) {
    add_endings(out, of(place, Aspect::ends), where, who);
    return out;
  }
  out.refusal = refusal_of_offer(place, out.offered, where, who->mechanism);
  const Winners own = winners(rules, where, &who->names);
  if (!out.refusal) out.refusal = refusal_of_account(own, where, who->mechanism);
  // Nobody's client is judged twice: the account's rule stands for the place's.
  const Winners& judges = of(own, Aspect::clients) != nullptr ? own : place;
  if (!out.refusal) out.refusal = refusal_of_client(judges, where);
  if (!out.refusal) {
    add_endings(out, earlier(of(place, Aspect::ends), of(own, Aspect::ends)), where, who);
  }
  return out;
}

}  // namespace eilpost::directory
