#include "protocol/sasl/jwt/jwt.h"

#include <gtest/gtest.h>

#include "protocol/sasl/crypto.h"
#include "protocol/sasl/jwt/tokens_testing.h"

namespace eilpost::sasl {
namespace {

Result<> verify(SignatureAlgorithm algorithm, std::string_view token, size_t key,
                std::string_view set = testing::jwks) {
  const auto jwt = parse_jwt(token);
  const auto keys = parse_jwks(set);
  if (!jwt) return tl::unexpected(jwt.error());
  return verify_signature(algorithm, keys->at(key), signed_part(token), jwt->signature);
}

TEST(Jwt, PartsAndRoundTrip) {
  const auto jwt = parse_jwt(testing::token_rs256);
  ASSERT_TRUE(jwt.has_value()) << jwt.error().detail;
  EXPECT_EQ(jwt->header.text_at("alg"), "RS256");
  EXPECT_EQ(jwt->claims.text_at("iss"), "https://idp.example.org");
  EXPECT_EQ(print_jwt(*jwt), testing::token_rs256);
}

TEST(Jwt, Refuses) {
  for (const auto* bad : {"", "a.b", "..", "e30.e30", "e30.e30.A=", "e30.e30.+A", "e30.e31.",
                          "bnVsbA.e30.", "e30.W10.", "e30.e30.AA.AA", "e30.e30.AB"}) {
    EXPECT_FALSE(parse_jwt(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_jwt(testing::token_critical).error().code, Code::cannot);
  EXPECT_EQ(parse_jwt(std::string(20'000, 'A')).error().code, Code::too_big);
}

// RFC 7515 appendix C.
TEST(Jwt, Base64Url) {
  EXPECT_EQ(base64url_encode("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(*base64url_decode("A-z_4ME"), "\x03\xec\xff\xe0\xc1");
}

// RFC 8037 A.4.
TEST(JwtSignature, Rfc8037) {
  const auto keys = parse_jwks(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519",
          "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  constexpr std::string_view text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const auto signature = base64url_decode(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  EXPECT_TRUE(verify_signature(SignatureAlgorithm::eddsa, keys->at(0), text, *signature));
  EXPECT_FALSE(verify_signature(SignatureAlgorithm::eddsa, keys->at(0), "other", *signature));
}

// RFC 7515 A.3.
TEST(JwtSignature, Rfc7515Es256) {
  const auto keys = parse_jwks(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
          "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  constexpr std::string_view token =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
      "LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISl"
      "SApmWQxfKTUJqPP3-Kg6NU1Q";
  const auto jwt = parse_jwt(token);
  ASSERT_TRUE(jwt.has_value());
  EXPECT_TRUE(
      verify_signature(SignatureAlgorithm::es256, keys->at(0), signed_part(token), jwt->signature));
}

TEST(JwtSignature, EveryAlgorithm) {
  EXPECT_TRUE(verify(SignatureAlgorithm::rs256, testing::token_rs256, 0));
  EXPECT_TRUE(verify(SignatureAlgorithm::ps256, testing::token_ps256, 0));
  EXPECT_TRUE(verify(SignatureAlgorithm::es256, testing::token_es256, 1));
  EXPECT_TRUE(verify(SignatureAlgorithm::eddsa, testing::token_eddsa, 2));
}

TEST(JwtSignature, WrongKeyKindOrPadding) {
  EXPECT_EQ(verify(SignatureAlgorithm::rs256, testing::token_wrong_key, 0).error().code,
            Code::auth_failed);
  EXPECT_FALSE(verify(SignatureAlgorithm::ps256, testing::token_rs256, 0));
  EXPECT_FALSE(verify(SignatureAlgorithm::rs256, testing::token_ps256, 0));
  EXPECT_EQ(verify(SignatureAlgorithm::es256, testing::token_es256, 0).error().code, Code::invalid);
  EXPECT_EQ(verify(SignatureAlgorithm::rs256, testing::token_weak_key, 3).error().code,
            Code::invalid);
  EXPECT_FALSE(verify(SignatureAlgorithm::rs256, testing::token_rs256, 0, testing::jwks_rotated));
}

TEST(JwtSignature, EveryFlippedOctetFails) {
  const auto jwt = parse_jwt(testing::token_es256);
  const auto key = parse_jwks(testing::jwks)->at(1);
  const auto text = signed_part(testing::token_es256);
  for (size_t i = 0; i < jwt->signature.size(); ++i) {
    auto changed = jwt->signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verify_signature(SignatureAlgorithm::es256, key, text, changed)) << i;
  }
  EXPECT_FALSE(verify_signature(SignatureAlgorithm::es256, key, text, ""));
  EXPECT_FALSE(verify_signature(SignatureAlgorithm::es256, key, text, std::string(64, '\0')));
}

TEST(Jwk, WhatTheSetSays) {
  const auto keys = parse_jwks(testing::jwks);
  ASSERT_EQ(keys->size(), 4U);  // the symmetric one is left out
  EXPECT_TRUE(key_fits(keys->at(0), SignatureAlgorithm::rs256));
  EXPECT_FALSE(key_fits(keys->at(1), SignatureAlgorithm::rs256));
  Jwk key = keys->at(0);
  key.use = "enc";
  EXPECT_FALSE(key_fits(key, SignatureAlgorithm::rs256));
  key.use = "";
  key.algorithm = "PS256";
  EXPECT_FALSE(key_fits(key, SignatureAlgorithm::rs256));
  EXPECT_TRUE(key_fits(key, SignatureAlgorithm::ps256));
  key.verifies = false;
  EXPECT_FALSE(key_fits(key, SignatureAlgorithm::ps256));
  EXPECT_FALSE(parse_jwks("{}").has_value());
}

TEST(Jwt, AlgorithmsAreSpeltExactly) {
  for (const auto* name : {"none", "None", "HS256", "rs256", "RS256 ", "", "RS512"}) {
    EXPECT_FALSE(signature_named(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace eilpost::sasl
