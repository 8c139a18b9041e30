// What may be tried on a connection before anybody is known: which mechanisms CAPABILITY offers,
// and whether LOGIN is disabled. What is offered and what is admitted come from the same function,
// so that the two cannot differ. Pure; any thread.
#pragma once

#include <vector>

#include "base/result.h"
#include "directory/mechanisms/mechanisms.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

// Of one listener.
struct AuthPolicy {
  // In the order in which they are offered. -PLUS appears only where the connection can bind, and
  // what needs a configuration of its own only where it has one.
  std::vector<sasl::Mechanism> mechanisms = {sasl::Mechanism::external,
                                             sasl::Mechanism::gssapi,
                                             sasl::Mechanism::scram_sha_256_plus,
                                             sasl::Mechanism::scram_sha_256,
                                             sasl::Mechanism::scram_sha_1_plus,
                                             sasl::Mechanism::scram_sha_1,
                                             sasl::Mechanism::oauthbearer,
                                             sasl::Mechanism::xoauth2,
                                             sasl::Mechanism::ntlm,
                                             sasl::Mechanism::plain,
                                             sasl::Mechanism::login};
  bool login_command = true;  // IMAP LOGIN
  // Without TLS nobody can log in, by whatever mechanism, unless these say so. The first is for
  // loopback and demonstrations, and for tokens too; the second shows mail, though no password, to
  // everybody on the way, and holds for all that reveals no secret.
  bool plaintext_without_tls = false;
  bool scram_without_tls = false;
};

struct ConnectionSecurity {
  bool tls = false;
  bool can_bind = false;             // TLS gives at least one channel binding
  bool directory_has_scram = false;  // Directory::holds_verifiers
  bool directory_has_scram_sha_1 = false;
  bool client_certificate = false;  // shown, and verified
  WorkingMechanisms working;        // Mechanisms::working
};

struct Offer {
  std::vector<sasl::Mechanism> mechanisms;
  bool login_disabled = false;  // print LOGINDISABLED (RFC 9051 6.2.3)
  bool plus_offered = false;    // for sasl::ServerOptions
  bool offers(sasl::Mechanism mechanism) const;
};
Offer offer(const AuthPolicy& policy, const ConnectionSecurity& security);

// privacy_required: would be admitted with TLS, and is refused before any secret is looked at;
// cannot: not available here at all.
Result<> admit(sasl::Mechanism mechanism, const AuthPolicy& policy,
               const ConnectionSecurity& security);
// The same for IMAP's LOGIN command.
Result<> admit_login_command(const AuthPolicy& policy, const ConnectionSecurity& security);

}  // namespace eilpost::directory
