#include "protocol/sasl/mechanism.h"

#include <array>
#include <utility>

namespace eilpost::sasl {

namespace {
constexpr std::array<std::pair<Mechanism, std::string_view>, 11> mechanisms = {{
    {Mechanism::plain, "PLAIN"},
    {Mechanism::login, "LOGIN"},
    {Mechanism::scram_sha_1, "SCRAM-SHA-1"},
    {Mechanism::scram_sha_1_plus, "SCRAM-SHA-1-PLUS"},
    {Mechanism::scram_sha_256, "SCRAM-SHA-256"},
    {Mechanism::scram_sha_256_plus, "SCRAM-SHA-256-PLUS"},
    {Mechanism::external, "EXTERNAL"},
    {Mechanism::gssapi, "GSSAPI"},
    {Mechanism::ntlm, "NTLM"},
    {Mechanism::oauthbearer, "OAUTHBEARER"},
    {Mechanism::xoauth2, "XOAUTH2"},
}};
constexpr std::array<std::pair<BindingType, std::string_view>, 3> bindings = {{
    {BindingType::tls_exporter, "tls-exporter"},
    {BindingType::tls_server_end_point, "tls-server-end-point"},
    {BindingType::tls_unique, "tls-unique"},
}};

bool equal_ignoring_case(std::string_view a, std::string_view upper) {
  if (a.size() != upper.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'a' && a[i] <= 'z' ? static_cast<char>(a[i] - 32) : a[i];
    if (c != upper[i]) return false;
  }
  return true;
}
}  // namespace

std::string_view mechanism_name(Mechanism mechanism) {
  for (const auto& entry : mechanisms) {
    if (entry.first == mechanism) return entry.second;
  }
  return "";
}

std::optional<Mechanism> mechanism_named(std::string_view name) {
  for (const auto& entry : mechanisms) {
    if (equal_ignoring_case(name, entry.second)) return entry.first;
  }
  return std::nullopt;
}

bool reveals_password(Mechanism mechanism) {
  return mechanism == Mechanism::plain || mechanism == Mechanism::login;
}

bool reveals_secret(Mechanism mechanism) {
  return reveals_password(mechanism) || mechanism == Mechanism::oauthbearer ||
         mechanism == Mechanism::xoauth2;
}

bool is_scram(Mechanism mechanism) {
  return mechanism == Mechanism::scram_sha_1 || mechanism == Mechanism::scram_sha_256 ||
         is_plus(mechanism);
}

bool is_plus(Mechanism mechanism) {
  return mechanism == Mechanism::scram_sha_1_plus || mechanism == Mechanism::scram_sha_256_plus;
}

ScramHash scram_hash(Mechanism mechanism) {
  const bool sha_1 =
      mechanism == Mechanism::scram_sha_1 || mechanism == Mechanism::scram_sha_1_plus;
  return sha_1 ? ScramHash::sha_1 : ScramHash::sha_256;
}

std::string_view binding_name(BindingType type) {
  for (const auto& entry : bindings) {
    if (entry.first == type) return entry.second;
  }
  return "";
}

std::optional<BindingType> binding_named(std::string_view name) {
  for (const auto& entry : bindings) {
    if (entry.second == name) return entry.first;
  }
  return std::nullopt;
}

std::string_view claimed_name(const Lookup& lookup) {
  if (const auto* check = std::get_if<CheckPassword>(&lookup)) return check->name;
  if (const auto* fetch = std::get_if<FetchVerifier>(&lookup)) return fetch->name;
  if (const auto* ntlm = std::get_if<CheckNtlm>(&lookup)) return ntlm->user;
  return "";
}

Failure failure(Code code, std::string detail) {
  return Failure{Error{code, std::move(detail)}};
}

}  // namespace eilpost::sasl
