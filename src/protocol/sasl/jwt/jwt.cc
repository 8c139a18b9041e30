#include "protocol/sasl/jwt/jwt.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/sasl/base64.h"

namespace eilpost::sasl {

namespace {
constexpr std::array<std::pair<SignatureAlgorithm, std::string_view>, 4> algorithms = {{
    {SignatureAlgorithm::rs256, "RS256"},
    {SignatureAlgorithm::ps256, "PS256"},
    {SignatureAlgorithm::es256, "ES256"},
    {SignatureAlgorithm::eddsa, "EdDSA"},
}};

Result<Json> parse_part(std::string_view text, std::string_view what) {
  auto json = parse_json(text);
  if (!json) return fail(Code::invalid, "JWT " + std::string(what) + ": " + json.error().detail);
  if (!json->is_object()) return fail(Code::invalid, "JWT: no object as " + std::string(what));
  return json;
}

bool has(const std::vector<std::string>& all, std::string_view wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

// A member in base64url; "" when it is not there.
Result<std::string> octets_at(const Json& json, std::string_view name) {
  return base64url_decode(json.text_at(name));
}

Result<Jwk> parse_jwk(const Json& json) {
  Jwk out;
  out.type = json.text_at("kty");
  out.id = json.text_at("kid");
  out.use = json.text_at("use");
  out.algorithm = json.text_at("alg");
  out.curve = json.text_at("crv");
  out.n = TRY(octets_at(json, "n"));
  out.e = TRY(octets_at(json, "e"));
  out.x = TRY(octets_at(json, "x"));
  out.y = TRY(octets_at(json, "y"));
  if (json.find("key_ops") != nullptr) out.verifies = has(json.texts_at("key_ops"), "verify");
  return out;
}
}  // namespace

Result<std::string> base64url_decode(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (c == '+' || c == '/' || c == '=') return fail(Code::invalid, "not base64url");
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  plain.append((4 - plain.size() % 4) % 4, '=');
  return base64_decode(plain);
}

std::string base64url_encode(std::string_view octets) {
  std::string out = base64_encode(octets);
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

bool looks_like_jwt(std::string_view text) {
  return std::count(text.begin(), text.end(), '.') == 2;
}

std::string_view signed_part(std::string_view text) {
  return text.substr(0, text.rfind('.'));
}

Result<Jwt> parse_jwt(std::string_view text) {
  if (text.size() > token_octets_max) return fail(Code::too_big, "JWT too long");
  if (!looks_like_jwt(text)) return fail(Code::invalid, "JWT: three parts expected");
  const size_t first = text.find('.');
  const size_t second = text.find('.', first + 1);
  Jwt out;
  out.header_text = TRY(base64url_decode(text.substr(0, first)));
  out.claims_text = TRY(base64url_decode(text.substr(first + 1, second - first - 1)));
  out.signature = TRY(base64url_decode(text.substr(second + 1)));
  out.header = TRY(parse_part(out.header_text, "header"));
  if (out.header.find("crit") != nullptr) return fail(Code::cannot, "JWT: critical extensions");
  out.claims = TRY(parse_part(out.claims_text, "claims"));
  return out;
}

std::string print_jwt(const Jwt& jwt) {
  return base64url_encode(jwt.header_text) + "." + base64url_encode(jwt.claims_text) + "." +
         base64url_encode(jwt.signature);
}

std::string_view signature_name(SignatureAlgorithm algorithm) {
  for (const auto& entry : algorithms) {
    if (entry.first == algorithm) return entry.second;
  }
  return "";
}

std::optional<SignatureAlgorithm> signature_named(std::string_view name) {
  for (const auto& entry : algorithms) {
    if (entry.second == name) return entry.first;
  }
  return std::nullopt;
}

Result<std::vector<Jwk>> parse_jwks(std::string_view text) {
  const auto json = TRY(parse_json(text));
  const auto* keys = json.array_at("keys");
  if (keys == nullptr) return fail(Code::invalid, "key set without \"keys\"");
  std::vector<Jwk> out;
  for (const auto& key : *keys) {
    auto parsed = parse_jwk(key);
    const bool known =
        parsed && (parsed->type == "RSA" || parsed->type == "EC" || parsed->type == "OKP");
    // RFC 7517 5: what is not understood is left out.
    if (known) out.push_back(std::move(*parsed));
  }
  return out;
}

bool key_fits(const Jwk& key, SignatureAlgorithm algorithm) {
  if (!key.use.empty() && key.use != "sig") return false;
  if (!key.verifies) return false;
  if (!key.algorithm.empty() && key.algorithm != signature_name(algorithm)) return false;
  switch (algorithm) {
    case SignatureAlgorithm::rs256:
    case SignatureAlgorithm::ps256: return key.type == "RSA";
    case SignatureAlgorithm::es256: return key.type == "EC" && key.curve == "P-256";
    case SignatureAlgorithm::eddsa: return key.type == "OKP" && key.curve == "Ed25519";
  }
  return false;
}

}  // namespace eilpost::sasl
