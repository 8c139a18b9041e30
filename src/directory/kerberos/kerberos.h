// Logins by Kerberos tickets (SASL GSSAPI): the service's keys, one context for each exchange, and
// whom a ticket names: by SID where the KDC is an Active Directory, else by the principal. Thread
// safe; blocks (directory pool).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/gss.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::directory {

// Principals of the realm are users of the domain.
struct KerberosRealm {
  std::string name;
  std::string domain;
  friend bool operator==(const KerberosRealm&, const KerberosRealm&) = default;
};

enum class ChannelBindingPolicy {
  allow,    // a client that binds itself must be bound to this very connection
  require,  // under TLS, one that does not bind itself is refused
};

struct KerberosOptions {
  std::string keytab;                 // empty: no Kerberos here
  std::vector<KerberosRealm> realms;  // empty: names are looked up as NAME@REALM
  ChannelBindingPolicy channel_binding = ChannelBindingPolicy::allow;
};

struct KerberosUser {
  std::string principal;
  std::string name;  // as it is looked up; empty: only the SID can tell
  std::string sid;   // empty: the ticket has none
};

class Kerberos {
 public:
  // Code::unavailable: the keytab cannot be read, or holds no key.
  static Result<std::unique_ptr<Kerberos>> open(KerberosOptions options);

  // A context for one exchange. `server_end_point`: empty without TLS.
  Result<std::unique_ptr<net::GssContext>> begin(const std::string& server_end_point) const;
  // Of a context that is complete. Code::auth_failed: it is not bound though it must be, or the
  // principal is no user's.
  Result<KerberosUser> user_of(const net::GssContext& context,
                               const std::string& server_end_point) const;

 private:
  Kerberos(KerberosOptions options, std::shared_ptr<net::GssCredential> credential)
      : options_(std::move(options)), credential_(std::move(credential)) {}

  KerberosOptions options_;
  std::shared_ptr<net::GssCredential> credential_;  // shared with the exchanges under way
};

// "anna@EXAMPLE.ORG" as a name to look up; nothing for services and for realms that are not in a
// list that is not empty.
std::optional<std::string> name_of_principal(const std::string& principal,
                                             const std::vector<KerberosRealm>& realms);

}  // namespace eilpost::directory
