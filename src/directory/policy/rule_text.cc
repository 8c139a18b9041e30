#include "directory/policy/rule_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace eilpost::directory {

namespace {

bool is_bare(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != 0x7f &&
         std::string_view("\",;=\\").find(c) == std::string_view::npos;
}

std::string print_item(std::string_view item) {
  if (!item.empty() && std::all_of(item.begin(), item.end(), is_bare)) return std::string(item);
  std::string out = "\"";
  for (const char c : item) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

template <class T, class F>
std::string print_list(const std::vector<T>& all, F text_of) {
  std::string out;
  for (const T& one : all) out += (out.empty() ? "" : ",") + print_item(text_of(one));
  return out;
}

std::string print_network(const net::Network& network) {
  return fmt::format("{}/{}", network.base.host(), network.prefix_bits);
}

std::string print_mechanism(sasl::Mechanism mechanism) {
  return std::string(sasl::mechanism_name(mechanism));
}

std::string same(const std::string& text) {
  return text;
}

std::string print_rule(const PolicyRule& rule) {
  std::string out;
  const auto add = [&](std::string_view key, const std::string& value) {
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key, value);
  };
  if (!rule.name.empty()) add("name", print_item(rule.name));
  if (!rule.from.empty()) add("from", print_list(rule.from, print_network));
  if (!rule.listeners.empty()) add("listeners", print_list(rule.listeners, same));
  if (rule.allow) add("allow", *rule.allow ? "yes" : "no");
  if (rule.mechanisms) add("mechanisms", print_list(*rule.mechanisms, print_mechanism));
  if (rule.tls) {
    constexpr std::string_view words[] = {"optional", "passwords", "required"};
    add("tls", std::string(words[static_cast<size_t>(*rule.tls)]));
  }
  if (rule.tls_version_min) add("tls_version_min", fmt::format("1.{}", *rule.tls_version_min - 10));
  if (rule.clients) add("clients", print_list(*rule.clients, same));
  if (rule.ends) add("ends", print_day(*rule.ends));
  const PolicyRule fresh;
  if (rule.ending != fresh.ending) add("ending", print_list(rule.ending, print_mechanism));
  if (rule.warn_days != fresh.warn_days) add("warn_days", std::to_string(rule.warn_days));
  return out;
}

// Takes words off the front of the text.
class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  // rules = rule *(";" rule)
  Result<std::vector<PolicyRule>> rules() {
    std::vector<PolicyRule> out;
    for (;;) {
      if (out.size() >= account_rules_max) return fail(Code::limit, "too many rules");
      out.push_back(TRY(rule()));
      skip_blanks();
      if (text_.empty()) return out;
      if (text_.front() != ';') return fail(Code::invalid, "expected \";\"");
      text_.remove_prefix(1);
    }
  }

 private:
  // rule = 1*(key "=" item *("," item))
  Result<PolicyRule> rule() {
    PolicyRule out;
    std::vector<std::string> given;
    for (skip_blanks(); !text_.empty() && text_.front() != ';'; skip_blanks()) {
      const size_t equals = text_.find('=');
      if (equals == std::string_view::npos) return fail(Code::invalid, "expected key=value");
      const std::string key(text_.substr(0, equals));
      text_.remove_prefix(equals + 1);
      const auto items = TRY(list());
      if (std::find(given.begin(), given.end(), key) != given.end()) {
        return fail(Code::invalid, key + " is given twice");
      }
      given.push_back(key);
      TRY(apply(out, key, items));
    }
    if (given.empty()) return fail(Code::invalid, "expected a rule such as tls=required");
    return out;
  }

  void skip_blanks() {
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
  }

  Result<std::string> item() {
    std::string out;
    if (!text_.empty() && text_.front() == '"') {
      for (text_.remove_prefix(1); !text_.empty(); text_.remove_prefix(1)) {
        if (text_.front() == '"') {
          text_.remove_prefix(1);
          return out;
        }
        if (text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
        if (static_cast<unsigned char>(text_.front()) < ' ' || text_.front() == 0x7f) break;
        out += text_.front();
      }
      return fail(Code::invalid, "expected a closing quote");
    }
    while (!text_.empty() && is_bare(text_.front())) {
      out += text_.front();
      text_.remove_prefix(1);
    }
    if (out.empty()) return fail(Code::invalid, "expected a value");
    return out;
  }

  Result<std::vector<std::string>> list() {
    std::vector<std::string> out;
    for (;;) {
      out.push_back(TRY(item()));
      if (out.back().empty()) return fail(Code::invalid, "a value is empty");
      if (text_.empty() || text_.front() != ',') return out;
      text_.remove_prefix(1);
    }
  }

  static Result<std::vector<sasl::Mechanism>> mechanisms(const std::vector<std::string>& items) {
    std::vector<sasl::Mechanism> out;
    for (const std::string& text : items) {
      const auto mechanism = sasl::mechanism_named(text);
      if (!mechanism) return fail(Code::invalid, text + " is not a mechanism");
      out.push_back(*mechanism);
    }
    return out;
  }

  static Result<> apply(PolicyRule& rule, const std::string& key,
                        const std::vector<std::string>& items) {
    if (key == "from") {
      for (const std::string& text : items) rule.from.push_back(TRY(net::Network::parse(text)));
    } else if (key == "listeners") {
      rule.listeners = items;
    } else if (key == "mechanisms") {
      rule.mechanisms = TRY(mechanisms(items));
    } else if (key == "clients") {
      rule.clients = items;
    } else if (key == "ending") {
      rule.ending = TRY(mechanisms(items));
    } else if (items.size() != 1) {
      return fail(Code::invalid, key + " takes one value");
    } else {
      return apply_one(rule, key, items.front());
    }
    return {};
  }

  static Result<> apply_one(PolicyRule& rule, const std::string& key, const std::string& value) {
    const auto wrong = [&] { return fail(Code::invalid, key + "=" + value + " is not possible"); };
    if (key == "name") {
      rule.name = value;
    } else if (key == "allow") {
      if (value != "yes" && value != "no") return wrong();
      rule.allow = value == "yes";
    } else if (key == "tls") {
      if (value == "required") {
        rule.tls = TlsNeed::required;
      } else if (value == "passwords") {
        rule.tls = TlsNeed::passwords;
      } else if (value == "optional") {
        rule.tls = TlsNeed::optional;
      } else {
        return wrong();
      }
    } else if (key == "tls_version_min") {
      if (value != "1.2" && value != "1.3") return wrong();
      rule.tls_version_min = value == "1.2" ? 12 : 13;
    } else if (key == "ends") {
      rule.ends = TRY(parse_day(value));
    } else if (key == "warn_days") {
      const auto parsed =
          std::from_chars(value.data(), value.data() + value.size(), rule.warn_days);
      const bool whole = parsed.ec == std::errc() && parsed.ptr == value.data() + value.size();
      if (!whole || rule.warn_days < 0 || rule.warn_days > 36'500) return wrong();
    } else {
      return fail(Code::invalid, "there is no " + key);
    }
    return {};
  }

  std::string_view text_;
};

}  // namespace

std::string print_rules(const std::vector<PolicyRule>& rules) {
  std::string out;
  for (const PolicyRule& rule : rules) out += (out.empty() ? "" : "; ") + print_rule(rule);
  return out;
}

Result<std::vector<PolicyRule>> parse_rules(std::string_view text) {
  if (text.size() > rule_text_octets_max) return fail(Code::too_big, "the rules are too long");
  return RuleReader(text).rules();
}

}  // namespace eilpost::directory
