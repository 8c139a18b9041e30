#include "client/oauth/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"

namespace eilpost::client::oauth {

namespace {

constexpr std::string_view openid_path = "/.well-known/openid-configuration";
constexpr std::string_view oauth_path = "/.well-known/oauth-authorization-server";

const std::vector<Provider>& providers() {
  static const std::vector<Provider> table = {
      // developers.google.com/identity/protocols/oauth2/native-app. Its device flow gives no scope
      // for mail, and without access_type it gives no refresh token.
      {.name = "google",
       .authorization_endpoint = "https://accounts.google.com/o/oauth2/v2/auth",
       .token_endpoint = "https://oauth2.googleapis.com/token",
       .device_endpoint = "",
       .revocation_endpoint = "https://oauth2.googleapis.com/revoke",
       .scopes = {"https://mail.google.com/"},
       .redirect = "http://127.0.0.1",
       .parameters = {{"access_type", "offline"}, {"prompt", "consent"}},
       .response_issuer = ""},
      // learn.microsoft.com/exchange/client-developer/legacy-protocols. Of loopback redirects it
      // takes "localhost" with any port.
      {.name = "microsoft",
       .authorization_endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
       .token_endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/token",
       .device_endpoint = "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
       .revocation_endpoint = "",
       .scopes = {"https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"},
       .redirect = "http://localhost",
       .parameters = {},
       .response_issuer = ""},
  };
  return table;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_true(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  const auto* value = member == nullptr ? nullptr : std::get_if<bool>(&member->value);
  return value != nullptr && *value;
}

// RFC 8414 3.1: the well-known part stands between host and path.
std::string oauth_document_of(const std::string& issuer) {
  const size_t scheme = issuer.find("://");
  const size_t path = scheme == std::string::npos ? scheme : issuer.find('/', scheme + 3);
  if (path == std::string::npos) return issuer + std::string(oauth_path);
  return issuer.substr(0, path) + std::string(oauth_path) + issuer.substr(path);
}

Result<std::string> get(const Fetch& fetch, const std::string& url) {
  net::HttpCall call;
  call.url = url;
  call.headers = {{"Accept", "application/json"}};
  auto answer = fetch(std::move(call));
  if (!answer) return wrap(std::move(answer).error(), url);
  if (answer->status != 200) {
    return fail(Code::not_found, fmt::format("{} answers {}", url, answer->status));
  }
  return std::move(answer->body);
}

}  // namespace

const Provider* known_provider(std::string_view name) {
  const auto& table = providers();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Provider& provider) { return provider.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string known_provider_names() {
  std::string out;
  for (const Provider& provider : providers()) out += (out.empty() ? "" : ", ") + provider.name;
  return out;
}

Result<Provider> parse_metadata(std::string_view document, const std::string& issuer) {
  auto json = parse_json(document);
  if (!json || !json->is_object()) {
    return fail(Code::invalid, issuer + ": what it tells of itself is no JSON object");
  }
  if (json->text_at("issuer") != issuer) {
    return fail(Code::invalid, fmt::format("{}: the document there is of the issuer \"{:.200}\"",
                                           issuer, json->text_at("issuer")));
  }
  Provider out;
  out.name = issuer;
  out.authorization_endpoint = json->text_at("authorization_endpoint");
  out.token_endpoint = json->text_at("token_endpoint");
  out.device_endpoint = json->text_at("device_authorization_endpoint");
  out.revocation_endpoint = json->text_at("revocation_endpoint");
  if (is_true(*json, "authorization_response_iss_parameter_supported")) {
    out.response_issuer = issuer;
  }
  for (const std::string* url : {&out.authorization_endpoint, &out.token_endpoint,
                                 &out.device_endpoint, &out.revocation_endpoint}) {
    if (url->empty()) continue;
    auto parsed = net::parse_url(*url);
    if (!parsed) return wrap(std::move(parsed).error(), issuer);
  }
  if (out.token_endpoint.empty()) return fail(Code::invalid, issuer + ": it has no token endpoint");
  // Without it there is no refresh token (OpenID Connect Core 11).
  const auto supported = json->texts_at("scopes_supported");
  for (const char* scope : {"openid", "offline_access"}) {
    if (std::find(supported.begin(), supported.end(), scope) != supported.end()) {
      out.scopes.emplace_back(scope);
    }
  }
  return out;
}

Result<Provider> discover(const Fetch& fetch, const std::string& where) {
  std::string issuer = where;
  const bool is_document = ends_with(where, openid_path);
  if (is_document) issuer.resize(where.size() - openid_path.size());
  std::string base = issuer;
  if (!base.empty() && base.back() == '/') base.pop_back();
  auto document = get(fetch, base + std::string(openid_path));
  if (!document && !is_document && document.error().code == Code::not_found) {
    document = get(fetch, oauth_document_of(base));
  }
  if (!document) return tl::unexpected(document.error());
  // Of a document only its own words tell whether the issuer ends in "/".
  auto parsed = parse_metadata(*document, issuer);
  if (!parsed && is_document) parsed = parse_metadata(*document, issuer + "/");
  return parsed;
}

}  // namespace eilpost::client::oauth
