// JSON Web Tokens in the compact form of a JWS (RFC 7519, RFC 7515 7.1), and the public keys that
// they are signed with (RFC 7517). parse_jwt() believes nothing: what it gives is what somebody
// wrote. verify_signature() knows asymmetric algorithms only, each with its own kind of key, so
// that neither "none" nor a public key taken for an HMAC's secret can get through (RFC
// 8725 3.1, 3.2). OpenSSL stands behind signature.cc. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace eilpost::sasl {

struct Jwt {
  std::string header_text;  // JSON as it came
  std::string claims_text;
  std::string signature;
  Json header;
  Json claims;
  friend bool operator==(const Jwt&, const Jwt&) = default;
};
// Code::invalid; Code::cannot for "crit", which nobody here understands (RFC 7515 4.1.11).
Result<Jwt> parse_jwt(std::string_view text);
std::string print_jwt(const Jwt& jwt);
// What the signature covers.
std::string_view signed_part(std::string_view text);
// Three parts between dots: a JWS in compact form, if anything.
bool looks_like_jwt(std::string_view text);

enum class SignatureAlgorithm { rs256, ps256, es256, eddsa };
std::string_view signature_name(SignatureAlgorithm algorithm);
// Exactly as spelt: "RS256"; nothing for all others.
std::optional<SignatureAlgorithm> signature_named(std::string_view name);

struct Jwk {
  std::string type;  // kty
  std::string id;    // kid; "" when there is none
  std::string use;
  std::string algorithm;
  std::string curve;       // crv
  std::string n, e, x, y;  // octets
  bool verifies = true;    // key_ops, where given, names "verify"
  friend bool operator==(const Jwk&, const Jwk&) = default;
};
// Keys of kinds that nobody here knows are left out. Code::invalid when this is no key set.
Result<std::vector<Jwk>> parse_jwks(std::string_view json);
// Whether the key is one for signatures by this algorithm.
bool key_fits(const Jwk& key, SignatureAlgorithm algorithm);

// Code::auth_failed: not signed with this key. Code::invalid: the key is none, or too weak (RSA
// below 2048 bits).
Result<> verify_signature(SignatureAlgorithm algorithm, const Jwk& key, std::string_view text,
                          std::string_view signature);

// base64url without padding (RFC 7515 appendix C), strict.
Result<std::string> base64url_decode(std::string_view text);
std::string base64url_encode(std::string_view octets);

}  // namespace eilpost::sasl
