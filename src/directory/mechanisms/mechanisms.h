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
#include "directory/oauth/token_verifier.h"
#include "net/http_client.h"

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

struct MechanismOptions {
  OAuthOptions oauth;
  KerberosOptions kerberos;
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
  // Code::auth_failed: it has none of the names.
  Result<std::string> certified_name(const ShownCertificate& certificate) const;

 private:
  explicit Mechanisms(MechanismOptions options) : options_(std::move(options)) {}

  MechanismOptions options_;
  WorkingMechanisms working_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<TokenVerifier> tokens_;
  std::unique_ptr<Kerberos> kerberos_;
};

}  // namespace eilpost::directory
