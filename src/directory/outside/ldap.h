// One connection to an LDAP server. libldap stands behind this header and nowhere else. Not thread
// safe: one caller at a time. Everything blocks, each call at most for the server's timeout.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace eilpost::directory {

struct LdapServer {
  std::string uri;  // ldap://host:port or ldaps://host:port
  bool starttls = false;
  std::string ca_file;  // PEM; empty: the system's authorities
  int timeout_ms = 5000;
};

// Attribute names in lower case; values as they are, which may be binary.
struct LdapEntry {
  std::string dn;
  std::map<std::string, std::vector<std::string>> attributes;
  // The first value; "" when there is none.
  const std::string& first(const std::string& attribute) const;
  const std::vector<std::string>& all(const std::string& attribute) const;
};

struct LdapSearch {
  std::string base;
  enum class Scope { entry, subtree } scope = Scope::subtree;
  std::string filter;
  std::vector<std::string> attributes;
  int entries_max = 0;  // 0: as many as the server gives
};

class LdapConnection {
 public:
  // The certificate is verified, name included. Code::unavailable.
  static Result<std::unique_ptr<LdapConnection>> open(const LdapServer& server);
  ~LdapConnection();
  LdapConnection(const LdapConnection&) = delete;
  LdapConnection& operator=(const LdapConnection&) = delete;

  // Simple bind; an empty name: anonymous. Code::auth_failed, expired, authz_failed as
  // bind_error() says; unavailable: the server's trouble, the connection is of no more use.
  Result<> bind(const std::string& dn, std::string_view password);
  // A base that does not exist has no entries. Referrals are not followed.
  Result<std::vector<LdapEntry>> search(const LdapSearch& search);

 private:
  struct Handle;
  explicit LdapConnection(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

// What a refused bind means. Active Directory tells the reason in a sub-code of its diagnostic
// message ("... data 532, v4563"), since its result code is always 49.
Error bind_error(std::string_view dn, std::string_view diagnostic);

}  // namespace eilpost::directory
