#include "directory/policy.h"

#include <algorithm>

namespace eilpost::directory {

namespace {
using sasl::Mechanism;

bool allowed_without_tls(Mechanism mechanism, const AuthPolicy& policy) {
  return sasl::reveals_secret(mechanism) ? policy.plaintext_without_tls : policy.scram_without_tls;
}

bool usable(Mechanism mechanism, const ConnectionSecurity& security) {
  switch (mechanism) {
    case Mechanism::plain:
    case Mechanism::login: return true;
    case Mechanism::scram_sha_256_plus:
    case Mechanism::scram_sha_256:
      return security.directory_has_scram && (security.can_bind || !sasl::is_plus(mechanism));
    case Mechanism::scram_sha_1_plus:
    case Mechanism::scram_sha_1:
      return security.directory_has_scram_sha_1 && (security.can_bind || !sasl::is_plus(mechanism));
    case Mechanism::external: return security.working.certificates && security.client_certificate;
    case Mechanism::gssapi: return security.working.kerberos;
    case Mechanism::ntlm: return security.working.ntlm;
    case Mechanism::oauthbearer:
    case Mechanism::xoauth2: return security.working.tokens;
  }
  return false;
}

bool configured(Mechanism mechanism, const AuthPolicy& policy) {
  const auto& all = policy.mechanisms;
  return std::find(all.begin(), all.end(), mechanism) != all.end();
}
}  // namespace

bool Offer::offers(Mechanism mechanism) const {
  return std::find(mechanisms.begin(), mechanisms.end(), mechanism) != mechanisms.end();
}

Offer offer(const AuthPolicy& policy, const ConnectionSecurity& security) {
  Offer out;
  for (const auto mechanism : policy.mechanisms) {
    if (admit(mechanism, policy, security)) out.mechanisms.push_back(mechanism);
  }
  out.plus_offered =
      out.offers(Mechanism::scram_sha_256_plus) || out.offers(Mechanism::scram_sha_1_plus);
  out.login_disabled = !admit_login_command(policy, security).has_value();
  return out;
}

Result<> admit(Mechanism mechanism, const AuthPolicy& policy, const ConnectionSecurity& security) {
  const std::string name(sasl::mechanism_name(mechanism));
  if (!configured(mechanism, policy)) return fail(Code::cannot, name + " is not allowed here");
  if (!security.tls && !allowed_without_tls(mechanism, policy)) {
    return fail(Code::privacy_required, name + " without TLS");
  }
  if (!usable(mechanism, security)) return fail(Code::cannot, name + " cannot work here");
  return {};
}

Result<> admit_login_command(const AuthPolicy& policy, const ConnectionSecurity& security) {
  if (!policy.login_command) return fail(Code::cannot, "LOGIN is not allowed here");
  if (!security.tls && !policy.plaintext_without_tls) {
    return fail(Code::privacy_required, "LOGIN without TLS");
  }
  return {};
}

}  // namespace eilpost::directory
