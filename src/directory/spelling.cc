#include "directory/spelling.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::directory {

namespace {

constexpr std::string_view separators = "/\\";

struct NamedStep {
  NameStep step;
  std::string_view name;
};
constexpr std::array<NamedStep, 7> named_steps = {{{NameStep::login_id, "login-id"},
                                                   {NameStep::primary, "primary"},
                                                   {NameStep::proxy, "proxy"},
                                                   {NameStep::domain_user, "domain-user"},
                                                   {NameStep::upn, "upn"},
                                                   {NameStep::alias, "alias"},
                                                   {NameStep::bare, "bare"}}};

// One that stands alone: no domain, and none is added.
Result<std::string> fold_part(std::string_view part) {
  if (part.find_first_of("@/\\") != std::string_view::npos) {
    return fail(Code::invalid, "a separator in one part of a name");
  }
  return fold_name(part, {});
}

}  // namespace

std::string_view step_name(NameStep step) {
  return named_steps[static_cast<size_t>(step)].name;
}

std::optional<NameStep> step_named(std::string_view name) {
  for (const NamedStep& known : named_steps) {
    if (known.name == name) return known.step;
  }
  return std::nullopt;
}

const std::vector<NameStep>& name_steps() {
  static const std::vector<NameStep> all = [] {
    std::vector<NameStep> out;
    for (const NamedStep& known : named_steps) out.push_back(known.step);
    return out;
  }();
  return all;
}

const std::vector<NameStep>& name_order(const NameRules& rules) {
  return rules.order.empty() ? name_steps() : rules.order;
}

LoginName split_login_name(std::string_view given) {
  const size_t last = given.find_last_of(separators);
  const bool inside = last != std::string_view::npos && last != 0 && last + 1 != given.size();
  if (!inside) return {std::string(given), ""};
  const auto left = given.substr(0, last);
  const bool is_upn = left.find('@') != std::string_view::npos;
  const bool is_domain_user = left.find_first_of(separators) != std::string_view::npos;
  if (!is_upn && !is_domain_user) return {std::string(given), ""};
  return {std::string(left), std::string(given.substr(last + 1))};
}

Result<Spelling> parse_spelling(std::string_view given, const NameRules& rules) {
  if (given.size() > limits::login_name_bytes_max) return fail(Code::invalid, "an endless name");
  Spelling out;
  out.given = given;
  out.mapped = sasl::username_case_mapped(given.substr(0, given.rfind('@'))).value_or("");
  const size_t slash = given.find_first_of(separators);
  const bool has_at = given.find('@') != std::string_view::npos;
  if (slash != std::string_view::npos && !has_at) {
    out.domain = TRY(fold_part(given.substr(0, slash)));
    out.user = TRY(fold_part(given.substr(slash + 1)));
    out.mapped = sasl::username_case_mapped(given.substr(slash + 1)).value_or("");
    return out;
  }
  if (!has_at) {
    out.user = TRY(fold_part(given));
    out.whole = out.user;
    if (!rules.default_domain.empty()) out.address = TRY(fold_name(given, rules));
    return out;
  }
  out.whole = TRY(fold_name(given, rules));
  out.address = out.whole;
  const size_t at = out.whole.rfind('@');
  out.local = out.whole.substr(0, at);
  out.realm = out.whole.substr(at + 1);
  return out;
}

}  // namespace eilpost::directory
