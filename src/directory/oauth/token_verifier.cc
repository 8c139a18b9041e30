#include "directory/oauth/token_verifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/sasl/base64.h"

namespace eilpost::directory {

namespace {
constexpr int64_t second_micros = 1'000'000;
constexpr std::string_view well_known = "/.well-known/openid-configuration";

bool has(const std::vector<std::string>& all, std::string_view wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

bool is(const Json& claims, std::string_view name, bool wanted) {
  const auto* member = claims.find(name);
  const auto* value = member == nullptr ? nullptr : std::get_if<bool>(&member->value);
  return value != nullptr && *value == wanted;
}

// "a b c", or an array; Microsoft calls delegated permissions "scp", those of applications "roles".
std::vector<std::string> scopes_of(const Json& claims) {
  std::vector<std::string> out;
  for (const auto* claim : {"scope", "scp", "roles"}) {
    for (const auto& text : claims.texts_at(claim)) {
      std::string_view rest = text;
      while (!rest.empty()) {
        const size_t end = std::min(rest.find(' '), rest.size());
        if (end > 0) out.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
  }
  return out;
}

std::string client_of(const Json& claims) {
  for (const auto* claim : {"client_id", "azp", "appid"}) {
    if (const auto id = claims.text_at(claim); !id.empty()) return std::string(id);
  }
  return "";
}

// RFC 9068 2.2: of client credentials, "sub" is the client. Microsoft says it by "idtyp", or by
// roles without delegated permissions.
bool is_application(const Json& claims) {
  if (claims.text_at("idtyp") == "app") return true;
  const auto subject = claims.text_at("sub");
  const auto client = client_of(claims);
  if (!client.empty() && (subject.empty() || subject == client)) return true;
  return claims.find("roles") != nullptr && claims.find("scp") == nullptr &&
         claims.find("scope") == nullptr && !subject.empty() && subject == claims.text_at("oid");
}
}  // namespace

struct TokenVerifier::Refusal {
  std::string status = "invalid_token";
  std::string reason;

  tl::unexpected<Error> operator()(Code code, std::string word, std::string detail) {
    reason = std::move(word);
    return fail(code, "token: " + std::move(detail));
  }
};

TokenVerifier::TokenVerifier(OAuthOptions options, Fetch fetch, const Clock& clock)
    : options_(std::move(options)), fetch_(std::move(fetch)), clock_(clock) {
  if (!options_.discovery_url.empty()) return;
  auto base = options_.issuer;
  if (!base.empty() && base.back() == '/') base.pop_back();
  options_.discovery_url = base + std::string(well_known);
}

TokenJudgement TokenVerifier::judge(std::string_view token) {
  Refusal refusal;
  Result<VerifiedToken> out = fail(Code::internal, "");
  if (token.empty()) {
    // RFC 7628 4.3: that is how a client asks what it needs.
    out = refusal(Code::auth_failed, "missing", "none was given");
  } else if (sasl::looks_like_jwt(token)) {
    out = judge_jwt(token, refusal);
  } else {
    out = introspect(token, refusal);
  }
  if (out) return {.token = std::move(out), .status = "", .reason = ""};
  if (out.error().code == Code::unavailable) refusal = {"temporarily_unavailable", "unavailable"};
  return {.token = std::move(out), .status = refusal.status, .reason = refusal.reason};
}

Result<VerifiedToken> TokenVerifier::judge_jwt(std::string_view token, Refusal& refusal) {
  const auto jwt = sasl::parse_jwt(token);
  if (!jwt) {
    const bool large = jwt.error().code == Code::too_big;
    return refusal(Code::auth_failed, large ? "too_large" : "malformed", jwt.error().detail);
  }
  TRY(check_signature(token, *jwt, refusal));
  TRY(check_claims(jwt->claims, refusal));
  return identify(jwt->claims, refusal);
}

// RFC 8725 3.1: the algorithm must be one that we want, whatever the token says of itself.
Result<> TokenVerifier::check_signature(std::string_view token, const sasl::Jwt& jwt,
                                        Refusal& refusal) {
  const auto name = jwt.header.text_at("alg");
  const auto algorithm = sasl::signature_named(name);
  const auto& allowed = options_.algorithms;
  if (!algorithm || std::find(allowed.begin(), allowed.end(), *algorithm) == allowed.end()) {
    return refusal(Code::auth_failed, "algorithm", fmt::format("the algorithm \"{:.20}\"", name));
  }
  std::vector<sasl::Jwk> keys;
  {
    std::lock_guard lock(mutex_);
    keys = TRY(keys_for(jwt, *algorithm));
  }
  if (keys.empty()) {
    return refusal(Code::auth_failed, "key",
                   fmt::format("no key \"{:.60}\" for {}", jwt.header.text_at("kid"), name));
  }
  const auto text = sasl::signed_part(token);
  for (const auto& key : keys) {
    if (sasl::verify_signature(*algorithm, key, text, jwt.signature)) return {};
  }
  return refusal(Code::auth_failed, "signature", "the signature is wrong");
}

// Keys by "kid"; a token without one may be signed by any that fits.
std::vector<sasl::Jwk> TokenVerifier::fitting(const sasl::Jwt& jwt,
                                              sasl::SignatureAlgorithm algorithm) const {
  const auto id = jwt.header.text_at("kid");
  std::vector<sasl::Jwk> out;
  for (const auto& key : keys_) {
    if ((id.empty() || key.id == id) && sasl::key_fits(key, algorithm)) out.push_back(key);
  }
  return out;
}

bool TokenVerifier::may_ask() const {
  const auto pause = options_.retry_seconds * second_micros;
  return !tried_ || clock_.steady_micros() - *tried_ > pause;
}

Result<std::vector<sasl::Jwk>> TokenVerifier::keys_for(const sasl::Jwt& jwt,
                                                       sasl::SignatureAlgorithm algorithm) {
  const auto lifetime = options_.keys_seconds * second_micros;
  const bool fresh = keys_fetched_ && clock_.steady_micros() - *keys_fetched_ < lifetime;
  auto found = fitting(jwt, algorithm);
  if (fresh && !found.empty()) return found;
  // A key that the provider has made since, or one that somebody invented: which of the two is
  // found out twice a minute.
  if (may_ask()) {
    const auto refreshed = refresh_keys();
    // Keys that were good an hour ago are better than nobody's mail.
    if (!refreshed && found.empty()) return tl::unexpected(refreshed.error());
    return refreshed ? fitting(jwt, algorithm) : found;
  }
  if (found.empty() && !fresh) {
    return fail(Code::unavailable, "token: the provider's keys could not be had a moment ago");
  }
  return found;
}

Result<> TokenVerifier::refresh_keys() {
  tried_ = clock_.steady_micros();
  const auto where = TRY(provider());
  net::HttpCall call;
  call.url = where.jwks_uri;
  auto keys = sasl::parse_jwks(TRY(ask(call)));
  if (!keys) return fail(Code::unavailable, where.jwks_uri + ": " + keys.error().detail);
  keys_ = std::move(*keys);
  keys_fetched_ = tried_;
  return {};
}

// OpenID Connect Discovery 4.3: the document must be of the issuer that we asked for.
Result<TokenVerifier::Provider> TokenVerifier::provider() {
  if (provider_) return *provider_;
  net::HttpCall call;
  call.url = options_.discovery_url;
  const auto json = parse_json(TRY(ask(call)));
  if (!json || json->text_at("issuer") != options_.issuer) {
    return fail(Code::unavailable,
                fmt::format("{}: not of the issuer \"{}\"", call.url, options_.issuer));
  }
  Provider out{.jwks_uri = std::string(json->text_at("jwks_uri")),
               .introspection_endpoint = std::string(json->text_at("introspection_endpoint"))};
  if (out.jwks_uri.empty()) return fail(Code::unavailable, call.url + ": no jwks_uri");
  provider_ = out;
  return out;
}

Result<std::string> TokenVerifier::ask(net::HttpCall call) const {
  call.headers.emplace_back("Accept", "application/json");
  auto answer = fetch_(call);
  if (!answer) return fail(Code::unavailable, call.url + ": " + answer.error().detail);
  if (answer->status != 200) {
    return fail(Code::unavailable, fmt::format("{}: status {}", call.url, answer->status));
  }
  return std::move(answer->body);
}

Result<VerifiedToken> TokenVerifier::introspect(std::string_view token, Refusal& refusal) {
  if (options_.client_id.empty()) {
    return refusal(Code::auth_failed, "malformed", "no JWT, and introspection is not configured");
  }
  net::HttpCall call;
  {
    std::lock_guard lock(mutex_);
    if (!provider_ && !may_ask()) {
      return fail(Code::unavailable, "token: the provider did not answer a moment ago");
    }
    if (!provider_) tried_ = clock_.steady_micros();
    call.url = TRY(provider()).introspection_endpoint;
  }
  if (call.url.empty()) return fail(Code::unavailable, "token: no introspection_endpoint");
  call.method = "POST";
  call.body =
      net::form_encoded({{"token", std::string(token)}, {"token_type_hint", "access_token"}});
  // RFC 6749 2.3.1.
  const auto credentials =
      net::form_encoded(options_.client_id) + ":" + net::form_encoded(options_.client_secret);
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                  {"Authorization", "Basic " + sasl::base64_encode(credentials)}};
  const auto json = parse_json(TRY(ask(call)));
  if (!json) return fail(Code::unavailable, call.url + ": " + json.error().detail);
  if (!is(*json, "active", true)) {
    return refusal(Code::auth_failed, "inactive", "the provider does not know it as active");
  }
  TRY(check_claims(*json, refusal));
  return identify(*json, refusal);
}

Result<> TokenVerifier::check_claims(const Json& claims, Refusal& refusal) const {
  const bool introspected = claims.find("active") != nullptr;
  const auto issuer = claims.text_at("iss");
  // RFC 7662 2.2: optional in an answer that the provider itself has given.
  if (issuer != options_.issuer && !(introspected && issuer.empty())) {
    return refusal(Code::auth_failed, "issuer", fmt::format("issued by \"{:.200}\"", issuer));
  }
  const auto audiences = claims.texts_at("aud");
  const bool ours = std::any_of(audiences.begin(), audiences.end(),
                                [&](const auto& one) { return has(options_.audiences, one); });
  if (!ours) {
    return refusal(Code::auth_failed, "audience",
                   fmt::format("for \"{:.200}\", not for us", joined(audiences)));
  }
  TRY(check_times(claims, refusal));
  return check_scopes(claims, refusal);
}

Result<> TokenVerifier::check_times(const Json& claims, Refusal& refusal) const {
  const auto now = clock_.now().seconds();
  const auto skew = options_.clock_skew_seconds;
  const auto expires = claims.integer_at("exp");
  // RFC 9068 2.2: a JWT for a resource has one.
  if (!expires && claims.find("active") == nullptr) {
    return refusal(Code::auth_failed, "malformed", "it would never expire");
  }
  if (expires && now >= *expires + skew) {
    return refusal(Code::expired, "expired", fmt::format("expired {} s ago", now - *expires));
  }
  const auto from = claims.integer_at("nbf");
  if (claims.find("nbf") != nullptr && (!from || now < *from - skew)) {
    return refusal(Code::auth_failed, "not_yet_valid", "not valid yet");
  }
  const auto issued = claims.integer_at("iat");
  if (issued && now < *issued - skew) {
    return refusal(Code::auth_failed, "not_yet_valid", "issued in the future");
  }
  return {};
}

Result<> TokenVerifier::check_scopes(const Json& claims, Refusal& refusal) const {
  const auto have = scopes_of(claims);
  const auto& wanted = is_application(claims) ? options_.application_scopes : options_.scopes;
  for (const auto& scope : wanted) {
    if (has(have, scope)) continue;
    refusal.status = "insufficient_scope";
    return refusal(Code::authz_failed, "scope",
                   fmt::format("without the scope \"{}\": \"{:.200}\"", scope, joined(have)));
  }
  return {};
}

Result<VerifiedToken> TokenVerifier::identify(const Json& claims, Refusal& refusal) const {
  if (is_application(claims)) return identify_application(claims, refusal);
  for (const auto& claim : options_.name_claims) {
    const auto name = claims.text_at(claim);
    // OpenID Connect Core 5.1: anybody could have typed an address that is not verified.
    if (name.empty() || (claim == "email" && is(claims, "email_verified", false))) continue;
    return VerifiedToken{
        .name = std::string(name), .application = false, .expires = claims.integer_at("exp")};
  }
  return refusal(Code::auth_failed, "name",
                 fmt::format("none of the claims {}", joined(options_.name_claims)));
}

Result<VerifiedToken> TokenVerifier::identify_application(const Json& claims,
                                                          Refusal& refusal) const {
  const auto id = client_of(claims);
  for (const auto& application : options_.applications) {
    if (application.client_id != id) continue;
    return VerifiedToken{
        .name = application.account, .application = true, .expires = claims.integer_at("exp")};
  }
  return refusal(Code::authz_failed, "application",
                 fmt::format("of the application \"{:.100}\", which is not configured", id));
}

std::string TokenVerifier::problem(const TokenJudgement& judgement, Dialect dialect) const {
  const auto text = [](std::string value) { return Json{std::move(value)}; };
  Json::Object out;
  if (dialect == Dialect::oauthbearer) {
    out.push_back({"status", text(judgement.status)});
  } else {
    const bool scope = judgement.status == "insufficient_scope";
    out.push_back({"status", text(scope ? "403" : "401")});
    out.push_back({"schemes", text("Bearer")});
  }
  out.push_back({"scope", text(joined(options_.scopes))});
  out.push_back({"openid-configuration", text(options_.discovery_url)});
  out.push_back({"reason", text(judgement.reason)});
  return print_json(Json{std::move(out)});
}

}  // namespace eilpost::directory
