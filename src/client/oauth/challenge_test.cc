#include "client/oauth/challenge.h"

#include <gtest/gtest.h>

#include "client/testing.h"
#include "protocol/sasl/base64.h"

namespace eilpost::client::oauth {
namespace {

using test::FakeServer;

Task<Result<sasl::BearerProblem>> ask(SessionOptions options) {
  auto session = co_await Session::open(std::move(options));
  CO_TRY(session);
  auto told = co_await ask_provider(**session, "anna@example.org");
  (*session)->connection().close();
  co_return told;
}

// RFC 7628 4.3, with a server on a Unix socket, which has no port.
TEST(OAuthChallenge, TheServerSaysWhereItsTokensComeFrom) {
  const std::string problem = sasl::base64_encode(
      R"({"status":"invalid_token","scope":"mail.imap","openid-configuration":"https://idp/x"})");
  FakeServer server(
      "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] here\n"
      "C: AUTHENTICATE OAUTHBEARER\n"
      "S: +\n"
      "R: bixhPWFubmFAZXhhbXBsZS5vcmcsAWhvc3Q9*\n"
      "S: + " +
      problem +
      "\n"
      "R: AQ==\n"
      "S: $ NO [AUTHENTICATIONFAILED] no");
  const auto told = test::run(ask(server.options()));
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(told->openid_configuration, "https://idp/x");
  EXPECT_EQ(told->scope, "mail.imap");
  EXPECT_EQ(server.failure(), "");
}

TEST(OAuthChallenge, AServerThatDoesNotSayIsNoGuess) {
  FakeServer none("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] here");
  EXPECT_EQ(test::run(ask(none.options())).error().code, Code::cannot);
  FakeServer silent(
      "S: * OK [CAPABILITY IMAP4rev1 AUTH=OAUTHBEARER] here\n"
      "C: AUTHENTICATE OAUTHBEARER\n"
      "S: +\n"
      "R: bixhP*\n"
      "S: $ NO no");
  EXPECT_EQ(test::run(ask(silent.options())).error().code, Code::cannot);
  EXPECT_EQ(silent.failure(), "");
}

// The password's place is the token's: an OAUTHBEARER login sends "Bearer" and the token.
Task<Result<>> sign_in(SessionOptions options) {
  SignIn token;
  token.name = "anna";
  token.kind = SignIn::Kind::token;
  token.secret = "tok";
  Random random(1);
  auto session = co_await Session::start(std::move(options), std::move(token), random);
  CO_TRY(session);
  (*session)->connection().close();
  co_return Result<>();
}

TEST(OAuthChallenge, ATokenIsSentAsOneAndItsRefusalSaysWhy) {
  // "n,a=anna,^Aauth=Bearer tok^A^A"
  FakeServer server(
      "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] here\n"
      "C: AUTHENTICATE OAUTHBEARER bixhPWFubmEsAWF1dGg9QmVhcmVyIHRvawEB\n"
      "S: + " +
      sasl::base64_encode(R"({"status":"invalid_token","reason":"expired"})") +
      "\n"
      "R: AQ==\n"
      "S: $ NO [EXPIRED] no");
  const auto done = test::run(sign_in(server.options()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::expired);
  EXPECT_NE(done.error().detail.find("invalid_token: expired"), std::string::npos);
  EXPECT_EQ(server.failure(), "");
}

}  // namespace
}  // namespace eilpost::client::oauth
