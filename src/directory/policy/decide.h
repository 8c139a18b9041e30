// The one function that says what an administrator's rules mean for a connection and for somebody
// who wants to log in on it. CAPABILITY asks it for what to offer, LOGIN and AUTHENTICATE ask
// before a password is looked at and again when the account is known, a reload asks for every
// session, and `eilpost config explain` prints what it found. Pure; any thread.
//
// Two rounds: rules that name no account decide what a place offers, since CAPABILITY is sent
// before anybody is known; rules that name accounts can only take something away from that. In each
// round, for each thing: the more exactly a rule names the account (an address before a domain),
// then the network (the longer prefix), then the listener, the more specific it is; of equals the
// later one wins.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "directory/policy.h"
#include "directory/policy/rules.h"

namespace eilpost::directory {

// Where a connection stands.
struct Circumstances {
  std::string_view listener;
  net::Address peer;
  bool is_private = false;            // TLS, here or up to a balancer
  int tls_version = 0;                // 12 or 13; 0: none, or not known
  std::optional<std::string> client;  // what ID said: name and version
  Timestamp now;
};

// Who wants to come in.
struct Claimant {
  std::vector<std::string> names;  // folded; as claimed, or all that the account has
  sasl::Mechanism mechanism = sasl::Mechanism::plain;
};

// Why not. `reason` may be told to the user.
struct Refusal {
  Code code = Code::permission;  // or privacy_required: with (newer) TLS it might be allowed
  std::string reason;
  std::string rule;
};

// A mechanism that will be refused from a day on, within the rule's days of warning.
struct Ending {
  sasl::Mechanism mechanism = sasl::Mechanism::plain;
  Timestamp at;
  std::string rule;
  friend bool operator==(const Ending&, const Ending&) = default;
};

struct Decision {
  AuthPolicy offered;  // what the listener offers here; narrowed, or widened, by the place's rules
  std::optional<Refusal> refusal;
  std::vector<Ending> endings;  // of what is offered, or of the claimant's mechanism
};

// `who` may be null: nobody is known yet.
Decision decide(const PolicyRules& rules, const AuthPolicy& listener, const Circumstances& where,
                const Claimant* who);

// What a rule can speak about.
enum class Aspect : uint8_t { allow, mechanisms, tls, tls_version, clients, ends };
inline constexpr size_t aspect_count = 6;

// The winning rule for each aspect, of those that name accounts or of those that name none.
using Winners = std::array<const PolicyRule*, aspect_count>;
Winners winners(const PolicyRules& rules, const Circumstances& where,
                const std::vector<std::string>* account_names);

// For `eilpost config explain`: one line for each aspect, with the rule that won, what it beat, and
// one for each mechanism with the outcome.
std::vector<std::string> explain(const PolicyRules& rules, const AuthPolicy& listener,
                                 const Circumstances& where, const std::vector<std::string>& names);

// "the rule "scanners" (account, network of 8 bits)": how exactly it fits.
std::string describe_match(const PolicyRule& rule, const Circumstances& where,
                           const std::vector<std::string>* account_names);

}  // namespace eilpost::directory
