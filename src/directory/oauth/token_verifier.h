// Judges bearer tokens of one OpenID or OAuth provider: signed JWTs with the keys that the provider
// publishes (RFC 9068, RFC 8725), or opaque tokens by asking it (RFC 7662). What is refused is
// refused with a word for the client and a sentence for the log. Keys are fetched when they are
// first needed, kept for an hour, and fetched again when a token names one that is not there,
// though seldom. Thread safe; blocks while it fetches (directory pool).
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_client.h"
#include "protocol/sasl/jwt/jwt.h"

namespace eilpost::directory {

// A client of the provider that logs in for itself, without a user, by client credentials.
struct OAuthApplication {
  std::string client_id;
  std::string account;  // the account that it is here, with that account's grants
  friend bool operator==(const OAuthApplication&, const OAuthApplication&) = default;
};

struct OAuthOptions {
  std::string issuer;                           // "iss", exactly; empty: no tokens here
  std::vector<std::string> audiences;           // a token is for one of these, or not for us
  std::vector<std::string> scopes;              // a user's token has all of these
  std::vector<std::string> application_scopes;  // an application's, of its scopes or roles
  // The first that a token has says who the user is.
  std::vector<std::string> name_claims = {"preferred_username", "upn", "email", "sub"};
  std::vector<sasl::SignatureAlgorithm> algorithms = {
      sasl::SignatureAlgorithm::rs256, sasl::SignatureAlgorithm::ps256,
      sasl::SignatureAlgorithm::es256, sasl::SignatureAlgorithm::eddsa};
  std::vector<OAuthApplication> applications;
  std::string discovery_url;  // empty: the issuer's /.well-known/openid-configuration
  std::string client_id;      // of this server, for introspection; empty: none
  std::string client_secret;
  std::string client_secret_file;  // its first line, instead
  std::string ca_file;             // for the provider's TLS; empty: the system's
  int clock_skew_seconds = 60;
  int keys_seconds = 3600;
  int retry_seconds = 30;  // between two fetches that a token or a failure causes
};

struct VerifiedToken {
  std::string name;                // as the claim has it, or the application's account
  bool application = false;        // acts for other mailboxes only
  std::optional<int64_t> expires;  // seconds since 1970
};

struct TokenJudgement {
  Result<VerifiedToken> token;
  std::string status;  // RFC 7628 3.2.2: "invalid_token", "insufficient_scope", ...
  std::string reason;  // one word: "expired", "audience", ...
};

class TokenVerifier {
 public:
  // How the provider is asked; net::HttpClient in the server.
  using Fetch = std::function<Result<net::HttpAnswer>(const net::HttpCall&)>;
  TokenVerifier(OAuthOptions options, Fetch fetch, const Clock& clock);

  // Codes of the token's error: auth_failed, expired, authz_failed (scope, application),
  // unavailable (the provider does not answer).
  TokenJudgement judge(std::string_view token);
  // The JSON that tells a client what is wrong (RFC 7628 3.2.2); XOAUTH2's has other words.
  enum class Dialect { oauthbearer, xoauth2 };
  std::string problem(const TokenJudgement& judgement, Dialect dialect) const;

  const OAuthOptions& options() const { return options_; }

 private:
  struct Provider {
    std::string jwks_uri;
    std::string introspection_endpoint;
  };
  struct Refusal;
  Result<VerifiedToken> judge_jwt(std::string_view token, Refusal& refusal);
  Result<VerifiedToken> introspect(std::string_view token, Refusal& refusal);
  Result<> check_signature(std::string_view token, const sasl::Jwt& jwt, Refusal& refusal);
  Result<> check_claims(const Json& claims, Refusal& refusal) const;
  Result<> check_times(const Json& claims, Refusal& refusal) const;
  Result<> check_scopes(const Json& claims, Refusal& refusal) const;
  Result<VerifiedToken> identify(const Json& claims, Refusal& refusal) const;
  Result<VerifiedToken> identify_application(const Json& claims, Refusal& refusal) const;
  // These are called with mutex_ held.
  Result<std::vector<sasl::Jwk>> keys_for(const sasl::Jwt& jwt, sasl::SignatureAlgorithm algorithm);
  std::vector<sasl::Jwk> fitting(const sasl::Jwt& jwt, sasl::SignatureAlgorithm algorithm) const;
  bool may_ask() const;
  Result<> refresh_keys();
  Result<Provider> provider();
  // The body of a 200, which is JSON; else Code::unavailable.
  Result<std::string> ask(net::HttpCall call) const;

  OAuthOptions options_;
  Fetch fetch_;
  const Clock& clock_;
  // Held while the provider's documents are fetched, so that it is asked once.
  std::mutex mutex_;
  std::optional<Provider> provider_;
  std::vector<sasl::Jwk> keys_;
  std::optional<int64_t> keys_fetched_;  // steady micros
  std::optional<int64_t> tried_;         // steady micros of the last fetch, however it ended
};

}  // namespace eilpost::directory
