#include "directory/kerberos/kerberos.h"

#include "protocol/sasl/pac.h"

namespace eilpost::directory {

Result<std::unique_ptr<Kerberos>> Kerberos::open(KerberosOptions options) {
  auto credential = TRY(net::GssCredential::acceptor(options.keytab));
  return std::unique_ptr<Kerberos>(new Kerberos(std::move(options), std::move(credential)));
}

Result<std::unique_ptr<net::GssContext>> Kerberos::begin(
    const std::string& server_end_point) const {
  return net::GssContext::acceptor(credential_, server_end_point);
}

std::optional<std::string> name_of_principal(const std::string& principal,
                                             const std::vector<KerberosRealm>& realms) {
  const size_t at = principal.rfind('@');
  if (at == std::string::npos || at == 0) return std::nullopt;
  const auto name = principal.substr(0, at);
  const auto realm = principal.substr(at + 1);
  // "host/mail.example.org": no user's. A backslash hides a separator in a name.
  if (name.find_first_of("/\\@") != std::string::npos || realm.empty()) return std::nullopt;
  if (realms.empty()) return principal;
  for (const auto& known : realms) {
    if (known.name == realm) return name + "@" + known.domain;
  }
  return std::nullopt;
}

Result<KerberosUser> Kerberos::user_of(const net::GssContext& context,
                                       const std::string& server_end_point) const {
  const bool must_bind = options_.channel_binding == ChannelBindingPolicy::require;
  // A context without GSS_C_CHANNEL_BOUND_FLAG is of a client that knows nothing of bindings, or of
  // somebody who passes its messages on.
  if (must_bind && !server_end_point.empty() && !context.bound()) {
    return fail(Code::auth_failed, "Kerberos: " + context.peer() + " is not bound to TLS");
  }
  KerberosUser out;
  out.principal = context.peer();
  if (const auto& info = context.logon_info()) out.sid = TRY(sasl::account_sid(*info));
  if (auto name = name_of_principal(out.principal, options_.realms)) out.name = std::move(*name);
  if (out.name.empty() && out.sid.empty()) {
    return fail(Code::auth_failed, "Kerberos: " + out.principal + " is no user here");
  }
  return out;
}

}  // namespace eilpost::directory
