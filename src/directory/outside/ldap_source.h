// Accounts in LDAP: Active Directory, OpenLDAP and the like. An account is searched for as the
// service account, then its password is checked by a bind with its DN: Active Directory takes
// neither addresses nor bare names there. Connections are kept; a server that fails is left alone
// for a while and the next one asked. Thread safe; blocks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "directory/outside/breaker.h"
#include "directory/outside/ldap_schema.h"
#include "directory/outside/source.h"

namespace eilpost::directory {

struct LdapOptions {
  std::vector<std::string> uris;  // in the order of preference
  bool starttls = false;
  std::string ca_file;
  int timeout_ms = 5000;
  std::string bind_dn;  // of the service account; empty: anonymous
  std::string bind_password;
  std::string base;
  LdapSchema schema;
  enum class Groups { none, direct, nested } groups = Groups::none;
  size_t connections_max = 8;  // kept, of each server and use
  Breaker::Options breaker;
};

class LdapSource final : public Source {
 public:
  LdapSource(LdapOptions options, const Clock& clock);
  ~LdapSource() override;

  Result<std::vector<Entry>> find(const Query& query) override;
  Result<> check_password(const Entry& entry, std::string_view password) override;

 private:
  struct Server;
  struct Lease;
  enum class Use { search, bind };
  Result<Lease> lease(Server& server, Use use, bool fresh);
  // f(connection) on the first server that answers.
  template <class T, class F>
  Result<T> on_any(Use use, F&& f);
  Result<std::vector<AdDomain>> domains(LdapConnection& connection);
  Result<std::vector<std::string>> groups(LdapConnection& connection, const std::string& dn);
  Result<std::vector<std::string>> groups_of(LdapConnection& connection,
                                             const std::string& member_rule,
                                             std::vector<std::string> members, int levels);

  LdapOptions options_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::mutex domains_mutex_;
  std::optional<std::vector<AdDomain>> domains_;
};

}  // namespace eilpost::directory
