#include "directory/mechanisms/mechanisms.h"

#include "base/log.h"

namespace eilpost::directory {

namespace {
const log::Source source{"auth", ""};
}

Result<std::shared_ptr<Mechanisms>> Mechanisms::create(MechanismOptions options,
                                                       const Clock& clock) {
  std::shared_ptr<Mechanisms> out(new Mechanisms(std::move(options)));
  const auto& oauth = out->options_.oauth;
  if (!oauth.issuer.empty()) {
    out->http_ = TRY(net::HttpClient::create({.ca_file = oauth.ca_file}));
    auto fetch = [http = out->http_.get()](const net::HttpCall& call) {
      return http->fetch_wait(call);
    };
    out->tokens_ = std::make_unique<TokenVerifier>(oauth, std::move(fetch), clock);
    out->working_.tokens = true;
  }
  if (!out->options_.kerberos.keytab.empty()) {
    auto opened = Kerberos::open(out->options_.kerberos);
    // The others go on: who has a password can come in without a ticket.
    if (!opened) source.error("GSSAPI is not offered: {}", opened.error().detail);
    if (opened) out->kerberos_ = std::move(*opened);
    out->working_.kerberos = out->kerberos_ != nullptr;
  }
  out->working_.certificates =
      out->options_.certificates && !out->options_.certificate_names.empty();
  return out;
}

Result<std::string> Mechanisms::certified_name(const ShownCertificate& certificate) const {
  for (const auto kind : options_.certificate_names) {
    const auto& names = kind == CertificateName::upn ? certificate.upns : certificate.emails;
    if (names.size() == 1) return names.front();
    // Which of several is meant, nobody can say.
    if (names.size() > 1) {
      return fail(Code::auth_failed, "certificate with several names: " + certificate.subject);
    }
  }
  return fail(Code::auth_failed, "certificate without a name for logins: " + certificate.subject);
}

}  // namespace eilpost::directory
