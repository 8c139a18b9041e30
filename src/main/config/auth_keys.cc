// Keys of the mechanisms that are no passwords: [auth], [oauth], [kerberos], [ntlm].
#include "main/config/config_key.h"

namespace eilpost {

namespace {

Apply texts(std::vector<std::string>& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* items = std::get_if<ConfigArray>(&value.value);
    if (items == nullptr) return expected("an array of strings");
    std::vector<std::string> out;
    for (const ConfigValue& item : *items) {
      const auto* given = std::get_if<std::string>(&item.value);
      if (given == nullptr || given->empty()) return expected("strings that are not empty");
      out.push_back(*given);
    }
    field(config) = std::move(out);
    return "";
  };
}

Apply url(std::string& (*field)(Config&)) {
  return [=](const ConfigValue& value, Config& config) -> std::string {
    const auto* given = std::get_if<std::string>(&value.value);
    if (given == nullptr) return expected("a URL");
    const auto parsed = net::parse_url(*given);
    if (!parsed) return parsed.error().detail;
    field(config) = *given;
    return "";
  };
}

std::string algorithms(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr || items->empty()) return expected("an array such as [\"RS256\"]");
  auto& out = config.mechanisms.oauth.algorithms;
  out.clear();
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    const auto known = given == nullptr ? std::nullopt : sasl::signature_named(*given);
    if (!known) return expected("\"RS256\", \"PS256\", \"ES256\" or \"EdDSA\"");
    out.push_back(*known);
  }
  return "";
}

std::string certificate_names(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return expected("an array such as [\"upn\", \"email\"]");
  auto& out = config.mechanisms.certificate_names;
  out.clear();
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr || (*given != "upn" && *given != "email")) {
      return expected("\"upn\" or \"email\"");
    }
    out.push_back(*given == "upn" ? directory::CertificateName::upn
                                  : directory::CertificateName::email);
  }
  return "";
}

Apply binding(directory::ChannelBindingPolicy& (*field)(Config&)) {
  return choice<directory::ChannelBindingPolicy>(
      {{"allow", directory::ChannelBindingPolicy::allow},
       {"require", directory::ChannelBindingPolicy::require}},
      field);
}

std::vector<Key> token_keys() {
  return {
      {"auth", "certificate_names", "array of strings", "[\"upn\", \"email\"]",
       "EXTERNAL: which subjectAltName of a client certificate names the account: \"upn\" "
       "(Microsoft's user principal name), \"email\" (rfc822Name). The first that there is counts.",
       certificate_names},
      {"oauth", "issuer", "string", "none",
       "The OpenID provider whose tokens log in (OAUTHBEARER, XOAUTH2), as \"iss\" has it. None: "
       "no tokens.",
       url([](Config& c) -> std::string& { return c.mechanisms.oauth.issuer; })},
      {"oauth", "audiences", "array of strings", "[]",
       "Must be given with issuer: a token has to be for one of these (\"aud\").",
       texts([](Config& c) -> std::vector<std::string>& { return c.mechanisms.oauth.audiences; })},
      {"oauth", "scopes", "array of strings", "[]", "A user's token must have all of these.",
       texts([](Config& c) -> std::vector<std::string>& { return c.mechanisms.oauth.scopes; })},
      {"oauth", "application_scopes", "array of strings", "[]",
       "An application's token must have all of these, as scopes or roles.",
       texts([](Config& c) -> std::vector<std::string>& {
         return c.mechanisms.oauth.application_scopes;
       })},
      {"oauth", "name_claims", "array of strings",
       "[\"preferred_username\", \"upn\", \"email\", \"sub\"]",
       "Which claim names the account: the first that a token has. An \"email\" that is not "
       "verified is passed over.",
       texts(
           [](Config& c) -> std::vector<std::string>& { return c.mechanisms.oauth.name_claims; })},
      {"oauth", "algorithms", "array of strings", "[\"RS256\", \"PS256\", \"ES256\", \"EdDSA\"]",
       "Signatures that are taken.", algorithms},
      {"oauth", "discovery_url", "string", "the issuer and /.well-known/openid-configuration",
       "Where the provider describes itself; its issuer must be the one above.",
       url([](Config& c) -> std::string& { return c.mechanisms.oauth.discovery_url; })},
      {"oauth", "client_id", "string", "none",
       "As whom this server asks the provider about opaque tokens (introspection). None: only "
       "signed tokens (JWT) are taken.",
       text([](Config& c) -> std::string& { return c.mechanisms.oauth.client_id; })},
      {"oauth", "client_secret", "string", "none", "The secret that goes with it.",
       text([](Config& c) -> std::string& { return c.mechanisms.oauth.client_secret; })},
      {"oauth", "client_secret_file", "string", "none", "A file whose first line is the secret.",
       text([](Config& c) -> std::string& { return c.mechanisms.oauth.client_secret_file; })},
      {"oauth", "ca_file", "string", "the system's",
       "PEM file with the authorities for the provider's TLS.",
       text([](Config& c) -> std::string& { return c.mechanisms.oauth.ca_file; })},
      {"oauth", "clock_skew_seconds", "integer", "60",
       "By how much the provider's clock may differ from this machine's.",
       number<int>(0, 600,
                   [](Config& c) -> int& { return c.mechanisms.oauth.clock_skew_seconds; })},
      {"oauth.application", "client_id", "string", "must be given",
       "An application that logs in by client credentials, without a user.",
       text([](Config& c) -> std::string& {
         return c.mechanisms.oauth.applications.back().client_id;
       })},
      {"oauth.application", "account", "string", "must be given",
       "The account that it is here. It opens no mailbox of its own, but those that this account "
       "has a grant for.",
       text([](Config& c) -> std::string& {
         return c.mechanisms.oauth.applications.back().account;
       })},
  };
}

std::vector<Key> kerberos_keys() {
  return {
      {"kerberos", "keytab", "string", "none",
       "File with the keys of the service imap/HOST (GSSAPI). None: no tickets.",
       text([](Config& c) -> std::string& { return c.mechanisms.kerberos.keytab; })},
      {"kerberos", "channel_binding", "string", "\"allow\"",
       "\"require\": under TLS, a client that does not bind its ticket to the connection is "
       "refused; "
       "\"allow\": only one that is bound to another.",
       binding([](Config& c) -> directory::ChannelBindingPolicy& {
         return c.mechanisms.kerberos.channel_binding;
       })},
      {"kerberos.realm", "name", "string", "must be given",
       "A realm whose users come in. Without any, anna@EXAMPLE.ORG is looked up as it is.",
       text([](Config& c) -> std::string& { return c.mechanisms.kerberos.realms.back().name; })},
      {"kerberos.realm", "domain", "string", "must be given",
       "The domain of their accounts: anna@REALM is anna@DOMAIN.",
       text([](Config& c) -> std::string& { return c.mechanisms.kerberos.realms.back().domain; })},
      {"ntlm", "enabled", "boolean", "false",
       "NTLM, version 2, through winbind, for clients of an Active Directory that know nothing "
       "better.",
       boolean([](Config& c) -> bool& { return c.mechanisms.ntlm.enabled; })},
      {"ntlm", "require_mic", "boolean", "true",
       "Refuse clients that send no message integrity code: without it somebody in between can "
       "pass "
       "a login on.",
       boolean([](Config& c) -> bool& { return c.mechanisms.ntlm.require_mic; })},
      {"ntlm", "channel_binding", "string", "\"require\"", "As in [kerberos], for NTLM.",
       binding([](Config& c) -> directory::ChannelBindingPolicy& {
         return c.mechanisms.ntlm.channel_binding;
       })},
  };
}

}  // namespace

std::vector<Key> auth_keys() {
  auto out = token_keys();
  for (auto& key : kerberos_keys()) out.push_back(std::move(key));
  return out;
}

std::vector<ArraySection> auth_sections() {
  return {
      {"oauth.application",
       [](Config& config, ConfigPlace) { config.mechanisms.oauth.applications.emplace_back(); }},
      {"kerberos.realm",
       [](Config& config, ConfigPlace) { config.mechanisms.kerberos.realms.emplace_back(); }}};
}

void finish_auth(const Config& config, std::vector<ConfigProblem>& problems) {
  const auto& oauth = config.mechanisms.oauth;
  if (!oauth.issuer.empty() && oauth.audiences.empty()) {
    problems.push_back({{},
                        "oauth.audiences",
                        "must be given where there is an issuer: without it "
                        "a token for anything else would log in here"});
  }
}

}  // namespace eilpost
