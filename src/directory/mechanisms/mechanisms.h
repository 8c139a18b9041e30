// What checks credentials other than passwords and verifiers: tokens, tickets, client certificates.
// One object for each configuration; a reload makes another. Also says which of its mechanisms can
// work here at all, so that no client is led to try what must fail. Thread safe; checks block
// (directory pool), working() does not.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "directory/kerberos/kerberos.h"
#include "directory/ntlm/winbind.h"
#include "directory/oauth/token_verifier.h"
#include "net/http_client.h"
#include "protocol/sasl/ntlm/server.h"

namespace eilpost::directory {

// Those of a client's certificate that was verified in the handshake.
struct ShownCertificate {
  std::string subject;
  std::vector<std::string> upns;
  std::vector<std::string> emails;
};

// What a connection itself says about its client.
struct Evidence {
  std::optional<ShownCertificate> certificate;
  std::string server_end_point;  // RFC 5929 4; empty without TLS
};

// Which kind of subjectAltName names the account.
enum class CertificateName { upn, email };

// NTLM can be passed on to another server by whoever is talked into sitting in between: the MIC and
// the channel binding are what keeps him out.
struct NtlmOptions {
  bool enabled = false;
  bool require_mic = true;
  ChannelBindingPolicy channel_binding = ChannelBindingPolicy::require;
};

struct MechanismOptions {
  OAuthOptions oauth;
  KerberosOptions kerberos;
  NtlmOptions ntlm;
  bool certificates = false;  // some listener asks clients for one
  // The first that the certificate has.
  std::vector<CertificateName> certificate_names = {CertificateName::upn, CertificateName::email};
};

struct WorkingMechanisms {
  bool tokens = false;
  bool certificates = false;
  bool kerberos = false;
  bool ntlm = false;
};

class Mechanisms {
 public:
  // Code::invalid: what is configured cannot be used. `clock` outlives it.
  static Result<std::shared_ptr<Mechanisms>> create(MechanismOptions options, const Clock& clock);

  WorkingMechanisms working() const { return working_; }
  // Null where no issuer is configured.
  TokenVerifier* tokens() { return tokens_.get(); }
  // Null where no keytab is configured, or none can be read.
  const Kerberos* kerberos() const { return kerberos_.get(); }
  // For an exchange on a connection with this certificate (RFC 5929 4; empty without TLS).
  sasl::NtlmTarget ntlm_target(std::string server_end_point) const;
  // Code::auth_failed: it has none of the names.
  Result<std::string> certified_name(const ShownCertificate& certificate) const;

 private:
  Mechanisms(MechanismOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}
  void open_kerberos();
  void open_ntlm();

  MechanismOptions options_;
  const Clock& clock_;
  WorkingMechanisms working_;
  WinbindDomain domain_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<TokenVerifier> tokens_;
  std::unique_ptr<Kerberos> kerberos_;
};

}  // namespace eilpost::directory
