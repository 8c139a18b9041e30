// What ldap.h declares and needs no library: entries, and the meaning of refused binds.
#include <fmt/format.h>

#include <array>

#include "directory/outside/ldap.h"

namespace eilpost::directory {

namespace {

const std::string no_text;
const std::vector<std::string> no_values;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

struct SubCode {
  std::string_view code;
  Code meaning;
  std::string_view words;
};
// 775 is said whether the password was right or not, so it must not be told from a wrong one.
constexpr std::array<SubCode, 9> sub_codes = {{
    {"525", Code::auth_failed, "no such account"},
    {"52e", Code::auth_failed, "wrong password"},
    {"530", Code::authz_failed, "the account may not log in at this time"},
    {"531", Code::authz_failed, "the account may not log in from this machine"},
    {"532", Code::expired, "the password has expired"},
    {"533", Code::authz_failed, "the account is disabled"},
    {"701", Code::expired, "the account has expired"},
    {"773", Code::expired, "the password must be changed before the next login"},
    {"775", Code::auth_failed, "the account is locked"},
}};

}  // namespace

Error bind_error(std::string_view dn, std::string_view diagnostic) {
  const std::string text = lower(std::string(diagnostic));
  const size_t at = text.find(", data ");
  if (at != std::string::npos) {
    std::string_view code = std::string_view(text).substr(at + 7);
    code = code.substr(0, code.find_first_of(", "));
    for (const SubCode& known : sub_codes) {
      if (known.code != code) continue;
      return {known.meaning, fmt::format("{} ({}): {}", known.words, code, dn)};
    }
  }
  return {Code::auth_failed, diagnostic.empty()
                                 ? fmt::format("wrong password: {}", dn)
                                 : fmt::format("wrong password: {}: {}", dn, diagnostic)};
}

const std::string& LdapEntry::first(const std::string& attribute) const {
  const auto& values = all(attribute);
  return values.empty() ? no_text : values.front();
}

const std::vector<std::string>& LdapEntry::all(const std::string& attribute) const {
  const auto at = attributes.find(lower(attribute));
  return at == attributes.end() ? no_values : at->second;
}

}  // namespace eilpost::directory
