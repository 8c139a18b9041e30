// Who gives tokens: the endpoints of an authorization server and the scopes that open a mailbox at
// it. Google and Microsoft are known by name; any other one tells of itself (OpenID Connect
// Discovery 1.0, RFC 8414). Values; discover() blocks.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http_client.h"

namespace eilpost::client::oauth {

// How an authorization server is asked; net::HttpClient::fetch_wait, or a test.
using Fetch = std::function<Result<net::HttpAnswer>(net::HttpCall)>;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Provider {
  std::string name;  // "google", or the issuer's URL
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string device_endpoint;      // "": it has no device flow for mail
  std::string revocation_endpoint;  // "": none
  std::vector<std::string> scopes;
  std::string redirect = "http://127.0.0.1";  // RFC 8252 7.3; the port is chosen anew each time
  Fields parameters;                          // besides the usual, of an authorization request
  // RFC 9207: "iss" of an authorization response must be this; "": it has none.
  std::string response_issuer;
};

// Null for a name that is not known.
const Provider* known_provider(std::string_view name);
// "google, microsoft".
std::string known_provider_names();

// Of the issuer's own document. Code::invalid: it is none, or of another issuer (RFC 8414 3.3).
Result<Provider> parse_metadata(std::string_view document, const std::string& issuer);
// `where`: an issuer's URL, or that of its openid-configuration, as IMAP servers give it
// (RFC 7628 3.2.2). Code::unavailable, not_found: it could not be had.
Result<Provider> discover(const Fetch& fetch, const std::string& where);

}  // namespace eilpost::client::oauth
