#include "directory/mechanisms/mechanisms.h"

#include <fstream>

#include "base/log.h"

namespace eilpost::directory {

namespace {
const log::Source source{"auth", ""};

// A secret in a file of its own can have other permissions than the configuration.
Result<std::string> first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line) || line.empty()) {
    return fail(Code::invalid, file + " cannot be read, or has no first line");
  }
  return line;
}
}  // namespace

Result<std::shared_ptr<Mechanisms>> Mechanisms::create(MechanismOptions options,
                                                       const Clock& clock) {
  std::shared_ptr<Mechanisms> out(new Mechanisms(std::move(options), clock));
  auto& oauth = out->options_.oauth;
  if (!oauth.client_secret_file.empty()) {
    oauth.client_secret = TRY(first_line(oauth.client_secret_file));
  }
  if (!oauth.issuer.empty()) {
    out->http_ = TRY(net::HttpClient::create({.ca_file = oauth.ca_file}));
    auto fetch = [http = out->http_.get()](const net::HttpCall& call) {
      return http->fetch_wait(call);
    };
    out->tokens_ = std::make_unique<TokenVerifier>(oauth, std::move(fetch), clock);
    out->working_.tokens = true;
  }
  out->open_kerberos();
  out->open_ntlm();
  out->working_.certificates =
      out->options_.certificates && !out->options_.certificate_names.empty();
  return out;
}

// What cannot work is told, and not offered: who has a password can come in all the same.
void Mechanisms::open_kerberos() {
  if (options_.kerberos.keytab.empty()) return;
  auto opened = Kerberos::open(options_.kerberos);
  if (!opened) source.error("GSSAPI is not offered: {}", opened.error().detail);
  if (opened) kerberos_ = std::move(*opened);
  working_.kerberos = kerberos_ != nullptr;
}

void Mechanisms::open_ntlm() {
  if (!options_.ntlm.enabled) return;
  auto domain = winbind_domain();
  if (!domain) source.error("NTLM is not offered: {}", domain.error().detail);
  if (domain) domain_ = std::move(*domain);
  working_.ntlm = domain.has_value();
}

sasl::NtlmTarget Mechanisms::ntlm_target(std::string server_end_point) const {
  constexpr int64_t from_1601_to_1970 = 11'644'473'600;
  const int64_t micros = clock_.now().micros + from_1601_to_1970 * 1'000'000;
  return {.domain = domain_.domain,
          .computer = domain_.computer,
          .dns_domain = domain_.dns_domain,
          .server_end_point = std::move(server_end_point),
          .time = static_cast<uint64_t>(micros) * 10,
          .require_mic = options_.ntlm.require_mic,
          .require_binding = options_.ntlm.channel_binding == ChannelBindingPolicy::require};
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
