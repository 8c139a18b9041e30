// An administrator's rules on who may come in, from where and how, as values: the tables [[policy]]
// of the configuration. A rule says whom it concerns (accounts, networks, listeners) and one or
// more things about them. For each thing the most specific rule that says something about it wins:
// decide.h. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/address.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

enum class TlsNeed : uint8_t {
  optional,   // passwords without TLS are taken
  passwords,  // what reveals a password needs TLS, SCRAM does not
  required,   // nobody logs in without TLS
};

struct PolicyRule {
  std::string name;  // for the log and `eilpost config explain`

  // Whom it concerns; an empty list: everybody.
  std::vector<std::string> accounts;  // folded: "anna@example.org", or "*@example.org"
  std::vector<net::Network> from;
  std::vector<std::string> listeners;  // by their names

  // What it says; nothing: nothing about that.
  std::optional<bool> allow;
  std::optional<std::vector<sasl::Mechanism>> mechanisms;
  std::optional<TlsNeed> tls;
  std::optional<int> tls_version_min;  // 12 or 13
  // What a client has to call itself in ID; "*" stands for any octets. RFC 2971 3.3 tells servers
  // not to do this: it keeps nobody out who lies.
  std::optional<std::vector<std::string>> clients;
  // From then on the mechanisms of `ending` are refused; users are warned `warn_days` before.
  std::optional<Timestamp> ends;
  std::vector<sasl::Mechanism> ending = {sasl::Mechanism::plain, sasl::Mechanism::login};
  int warn_days = 30;

  friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

// In the order of the file: of two rules that are equally specific the later one wins.
struct PolicyRules {
  std::vector<PolicyRule> rules;
  // Whether some rule ends something between these two moments.
  bool something_ends(Timestamp after, Timestamp until) const;
};

// "2027-03-01": the day's begin, UTC. Code::invalid for what is no day.
Result<Timestamp> parse_day(std::string_view text);
std::string print_day(Timestamp day);

// Whether `pattern`, in which "*" stands for any octets, fits the whole of `text`; ASCII letters
// are compared without case.
bool pattern_fits(std::string_view pattern, std::string_view text);
// "anna@example.org" or "*@example.org", folded already.
bool account_fits(std::string_view pattern, std::string_view name);

}  // namespace eilpost::directory
