// Every reason for which a token is refused, each with its word; and the provider's keys: fetched
// once, again when they have changed, not for everybody who invents a key.
#include "directory/oauth/token_verifier.h"

#include <gtest/gtest.h>

#include "protocol/sasl/crypto.h"
#include "protocol/sasl/jwt/tokens_testing.h"

namespace eilpost::directory {
namespace {

namespace tokens = eilpost::testing;

constexpr std::string_view discovery =
    R"({"issuer":"https://idp.example.org","jwks_uri":"https://idp.example.org/keys",
        "introspection_endpoint":"https://idp.example.org/introspect"})";

OAuthOptions options() {
  OAuthOptions out;
  out.issuer = "https://idp.example.org";
  out.audiences = {"imap"};
  out.scopes = {"mail.imap"};
  out.application_scopes = {"mail.app"};
  out.applications = {{.client_id = "app-1", .account = "robot@example.org"}};
  out.clock_skew_seconds = 30;
  return out;
}

class Tokens : public ::testing::Test {
 protected:
  explicit Tokens(OAuthOptions with = options())
      : verifier_(
            std::move(with), [this](const net::HttpCall& call) { return answer(call); }, clock_) {}

  Result<net::HttpAnswer> answer(const net::HttpCall& call) {
    calls_.push_back(call);
    if (down_) return fail(Code::unavailable, "refused");
    net::HttpAnswer out;
    out.status = 200;
    out.body = keys_;
    if (call.url.find("well-known") != std::string::npos) out.body = discovery_;
    if (call.url.find("introspect") != std::string::npos) out.body = introspection_;
    return out;
  }
  // The word of the refusal, or the name.
  std::string judge(std::string_view token) {
    last_ = verifier_.judge(token);
    return last_->token ? last_->token->name : last_->reason;
  }
  Code code() const { return last_->token ? Code::internal : last_->token.error().code; }

  ManualClock clock_{Timestamp{1'700'000'100'000'000}};
  std::string discovery_{discovery};
  std::string keys_{tokens::jwks};
  std::string introspection_;
  bool down_ = false;
  std::vector<net::HttpCall> calls_;
  TokenVerifier verifier_;
  std::optional<TokenJudgement> last_;
};

TEST_F(Tokens, EveryAlgorithm) {
  for (const auto token :
       {tokens::token_rs256, tokens::token_ps256, tokens::token_es256, tokens::token_eddsa,
        tokens::token_no_kid, tokens::token_audience_list, tokens::token_scp}) {
    EXPECT_EQ(judge(token), "anna@example.org") << token;
  }
  EXPECT_EQ(calls_.size(), 2U);  // discovery and keys, once
  EXPECT_EQ(last_->token->expires, 1'700'000'600);
}

TEST_F(Tokens, AlgorithmNone) {
  const std::string token =
      sasl::base64url_encode(R"({"alg":"none"})") + "." +
      sasl::base64url_encode(sasl::parse_jwt(tokens::token_rs256)->claims_text) + ".";
  EXPECT_EQ(judge(token), "algorithm");
  EXPECT_EQ(code(), Code::auth_failed);
  EXPECT_TRUE(calls_.empty());
}

// The public key is known to everybody: taken for an HMAC's secret, it would sign anything.
TEST_F(Tokens, KeyConfusion) {
  const auto key = sasl::parse_jwks(tokens::jwks)->at(0);
  const std::string text =
      sasl::base64url_encode(R"({"alg":"HS256","kid":"r1"})") + "." +
      sasl::base64url_encode(sasl::parse_jwt(tokens::token_rs256)->claims_text);
  for (const auto& secret : {key.n, std::string(tokens::jwks)}) {
    EXPECT_EQ(judge(text + "." + sasl::base64url_encode(sasl::hmac_sha256(secret, text))),
              "algorithm");
  }
}

TEST_F(Tokens, WrongKey) {
  EXPECT_EQ(judge(tokens::token_wrong_key), "signature");
  EXPECT_EQ(judge(tokens::token_weak_key), "signature");
  std::string changed(tokens::token_es256);
  changed[changed.find('.') + 5] ^= 1;
  EXPECT_NE(judge(changed), "anna@example.org");
}

TEST_F(Tokens, Claims) {
  EXPECT_EQ(judge(tokens::token_audience), "audience");
  EXPECT_EQ(judge(tokens::token_issuer), "issuer");
  EXPECT_EQ(judge(tokens::token_scope), "scope");
  EXPECT_EQ(code(), Code::authz_failed);
  EXPECT_EQ(last_->status, "insufficient_scope");
  EXPECT_EQ(judge(tokens::token_not_before), "not_yet_valid");
  EXPECT_EQ(judge(tokens::token_future), "not_yet_valid");
  EXPECT_EQ(judge(tokens::token_endless), "malformed");
  EXPECT_EQ(judge(tokens::token_critical), "malformed");
  EXPECT_EQ(judge(""), "missing");
  EXPECT_EQ(judge("opaque"), "malformed");
}

TEST_F(Tokens, TimesWithTheClocksDifference) {
  clock_.advance_micros(529'000'000);  // 29 s after the end
  EXPECT_EQ(judge(tokens::token_es256), "anna@example.org");
  clock_.advance_micros(1'000'000);
  EXPECT_EQ(judge(tokens::token_es256), "expired");
  EXPECT_EQ(code(), Code::expired);
}

TEST_F(Tokens, Huge) {
  EXPECT_EQ(judge(std::string(13'000, 'A') + ".e30."), "too_large");
}

TEST_F(Tokens, Names) {
  EXPECT_EQ(judge(tokens::token_upn), "anna.upn@example.com");
  EXPECT_EQ(judge(tokens::token_email), "u1");  // an address that is not verified is passed over
}

TEST_F(Tokens, Applications) {
  EXPECT_EQ(judge(tokens::token_application), "robot@example.org");
  EXPECT_TRUE(last_->token->application);
  EXPECT_EQ(judge(tokens::token_microsoft_app), "robot@example.org");
  EXPECT_EQ(judge(tokens::token_other_application), "application");
  EXPECT_EQ(code(), Code::authz_failed);
}

TEST_F(Tokens, RotatedKeysAreFetchedButNotForEverybody) {
  EXPECT_EQ(judge(tokens::token_rs256), "anna@example.org");
  EXPECT_EQ(judge(tokens::token_rotated), "key");  // asked a moment ago
  EXPECT_EQ(calls_.size(), 2U);
  keys_ = tokens::jwks_rotated;
  clock_.advance_micros(31'000'000);
  EXPECT_EQ(judge(tokens::token_rotated), "anna@example.org");
  EXPECT_EQ(calls_.size(), 3U);
  // A key that is gone signs no more.
  EXPECT_EQ(judge(tokens::token_rs256), "key");
}

TEST_F(Tokens, ProviderIsDown) {
  down_ = true;
  EXPECT_EQ(judge(tokens::token_rs256), "unavailable");
  EXPECT_EQ(code(), Code::unavailable);
  EXPECT_EQ(judge(tokens::token_rs256), "unavailable");
  EXPECT_EQ(calls_.size(), 1U);  // it is left in peace for a while
  down_ = false;
  clock_.advance_micros(31'000'000);
  EXPECT_EQ(judge(tokens::token_rs256), "anna@example.org");
}

TEST_F(Tokens, AnotherIssuersDocumentIsNotTaken) {
  discovery_ = R"({"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"})";
  EXPECT_EQ(judge(tokens::token_rs256), "unavailable");
}

TEST_F(Tokens, ProblemsTellTheClient) {
  judge(tokens::token_audience);
  const auto bearer = verifier_.problem(*last_, TokenVerifier::Dialect::oauthbearer);
  EXPECT_EQ(bearer,
            R"({"status":"invalid_token","scope":"mail.imap",)"
            R"("openid-configuration":"https://idp.example.org/.well-known/openid-configuration",)"
            R"("reason":"audience"})");
  const auto google = parse_json(verifier_.problem(*last_, TokenVerifier::Dialect::xoauth2));
  EXPECT_EQ(google->text_at("status"), "401");
  EXPECT_EQ(google->text_at("schemes"), "Bearer");
}

class Opaque : public Tokens {
 protected:
  static OAuthOptions asking() {
    auto out = options();
    out.client_id = "imap:server";
    out.client_secret = "s";
    return out;
  }
  Opaque() : Tokens(asking()) {}
};

TEST_F(Opaque, Introspection) {
  introspection_ = R"({"active":true,"aud":"imap","scope":"mail.imap","upn":"anna@example.org"})";
  EXPECT_EQ(judge("opaque-token"), "anna@example.org");
  EXPECT_EQ(calls_.back().body, "token=opaque-token&token_type_hint=access_token");
  EXPECT_EQ(calls_.back().headers[1].second, "Basic aW1hcCUzQXNlcnZlcjpz");
  introspection_ = R"({"active":false})";
  EXPECT_EQ(judge("opaque-token"), "inactive");
  introspection_ = R"({"active":"true","aud":"imap","scope":"mail.imap","upn":"a"})";
  EXPECT_EQ(judge("opaque-token"), "inactive");
  introspection_ = R"({"active":true,"aud":"web","scope":"mail.imap","upn":"anna@example.org"})";
  EXPECT_EQ(judge("opaque-token"), "audience");
  introspection_ = R"({"active":true,"aud":"imap","scope":"mail.imap","upn":"a","exp":1600000000})";
  EXPECT_EQ(judge("opaque-token"), "expired");
}

}  // namespace
}  // namespace eilpost::directory
