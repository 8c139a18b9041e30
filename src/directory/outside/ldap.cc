#include "directory/outside/ldap.h"

#include <fmt/format.h>
#include <ldap.h>

namespace eilpost::directory {

namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

struct LdapConnection::Handle {
  LDAP* ld = nullptr;
  std::string uri;
  ~Handle() {
    if (ld != nullptr) ldap_unbind_ext_s(ld, nullptr, nullptr);
  }
  std::string diagnostic() const {
    char* text = nullptr;
    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    std::string out = text == nullptr ? "" : text;
    ldap_memfree(text);
    return out;
  }
  tl::unexpected<Error> trouble(std::string_view what, int status) const {
    const std::string more = diagnostic();
    return fail(Code::unavailable, fmt::format("{}: {}: {}{}{}", uri, what, ldap_err2string(status),
                                               more.empty() ? "" : ": ", more));
  }
};

LdapConnection::LdapConnection(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
LdapConnection::~LdapConnection() = default;

Result<std::unique_ptr<LdapConnection>> LdapConnection::open(const LdapServer& server) {
  auto handle = std::make_unique<Handle>();
  handle->uri = server.uri;
  int status = ldap_initialize(&handle->ld, server.uri.c_str());
  if (status != LDAP_SUCCESS) {
    return fail(Code::unavailable, fmt::format("{}: {}", server.uri, ldap_err2string(status)));
  }
  LDAP* ld = handle->ld;
  const int version = LDAP_VERSION3;
  const timeval wait{.tv_sec = server.timeout_ms / 1000,
                     .tv_usec = server.timeout_ms % 1000 * 1000};
  const int demand = LDAP_OPT_X_TLS_DEMAND;
  const int tls12 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &wait);
  ldap_set_option(ld, LDAP_OPT_TIMEOUT, &wait);
  ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
  ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
  ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls12);
  if (!server.ca_file.empty()) {
    status = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, server.ca_file.c_str());
    if (status != LDAP_SUCCESS) return handle->trouble(server.ca_file, status);
  }
  const int for_client = 0;
  status = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &for_client);
  if (status != LDAP_SUCCESS) return handle->trouble("TLS cannot be set up", status);
  if (server.starttls) {
    status = ldap_start_tls_s(ld, nullptr, nullptr);
    if (status != LDAP_SUCCESS) return handle->trouble("StartTLS", status);
  }
  return std::unique_ptr<LdapConnection>(new LdapConnection(std::move(handle)));
}

Result<> LdapConnection::bind(const std::string& dn, std::string_view password) {
  berval secret{.bv_len = password.size(), .bv_val = const_cast<char*>(password.data())};
  const int status = ldap_sasl_bind_s(handle_->ld, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr,
                                      nullptr, nullptr);
  switch (status) {
    case LDAP_SUCCESS: return {};
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_CONSTRAINT_VIOLATION: return tl::unexpected(bind_error(dn, handle_->diagnostic()));
    default: return handle_->trouble("bind", status);
  }
}

Result<std::vector<LdapEntry>> LdapConnection::search(const LdapSearch& search) {
  LDAP* ld = handle_->ld;
  std::vector<char*> attributes;
  for (const auto& name : search.attributes) attributes.push_back(const_cast<char*>(name.c_str()));
  attributes.push_back(nullptr);
  const int scope = search.scope == LdapSearch::Scope::entry ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE;
  LDAPMessage* raw = nullptr;
  const int status = ldap_search_ext_s(ld, search.base.c_str(), scope, search.filter.c_str(),
                                       search.attributes.empty() ? nullptr : attributes.data(), 0,
                                       nullptr, nullptr, nullptr, search.entries_max, &raw);
  const std::unique_ptr<LDAPMessage, int (*)(LDAPMessage*)> answer(raw, ldap_msgfree);
  if (status == LDAP_NO_SUCH_OBJECT) return std::vector<LdapEntry>();
  if (status != LDAP_SUCCESS && status != LDAP_SIZELIMIT_EXCEEDED) {
    return handle_->trouble("search", status);
  }
  std::vector<LdapEntry> out;
  for (LDAPMessage* at = ldap_first_entry(ld, raw); at != nullptr; at = ldap_next_entry(ld, at)) {
    LdapEntry entry;
    if (char* dn = ldap_get_dn(ld, at)) {
      entry.dn = dn;
      ldap_memfree(dn);
    }
    BerElement* walk = nullptr;
    for (char* name = ldap_first_attribute(ld, at, &walk); name != nullptr;
         name = ldap_next_attribute(ld, at, walk)) {
      auto& values = entry.attributes[lower(name)];
      if (berval** found = ldap_get_values_len(ld, at, name)) {
        for (berval** value = found; *value != nullptr; ++value) {
          values.emplace_back((*value)->bv_val, (*value)->bv_len);
        }
        ldap_value_free_len(found);
      }
      ldap_memfree(name);
    }
    ber_free(walk, 0);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace eilpost::directory
