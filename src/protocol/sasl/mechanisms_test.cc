// OAUTHBEARER, XOAUTH2, EXTERNAL, GSSAPI and SCRAM-SHA-1: the RFCs' own examples, and whole
// exchanges with our client.
#include <gtest/gtest.h>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/client.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/server.h"

namespace eilpost::sasl {
namespace {

using namespace std::string_literals;

Code failure_of(const Step& step) {
  const auto* failed = std::get_if<Failure>(&step);
  return failed == nullptr ? Code::internal : failed->error.code;
}

std::string challenge_of(const Step& step) {
  const auto* challenge = std::get_if<Challenge>(&step);
  return challenge == nullptr ? "no challenge" : challenge->octets;
}

template <class T>
const T& lookup_of(const Step& step) {
  return std::get<T>(std::get<NeedLookup>(step).lookup);
}

// RFC 7628 4.1.
const std::string rfc7628 =
    "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"s;

TEST(Bearer, Rfc7628Example) {
  const auto message = parse_oauthbearer(rfc7628);
  ASSERT_TRUE(message.has_value()) << message.error().detail;
  EXPECT_EQ(message->gs2->authzid, "user@example.com");
  EXPECT_EQ(message->value("host"), "server.example.com");
  EXPECT_EQ(bearer_token(*message), "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  EXPECT_EQ(print_bearer(*message), rfc7628);
}

TEST(Bearer, XOAuth2) {
  const auto text =
      "user=someuser@example.com\x01"
      "auth=Bearer ya29.vF9dft4\x01\x01"s;
  const auto message = parse_xoauth2(text);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->value("user"), "someuser@example.com");
  EXPECT_EQ(bearer_token(*message), "ya29.vF9dft4");
  EXPECT_EQ(print_bearer(*message), text);
}

TEST(Bearer, Refuses) {
  for (const auto& bad : {"n,a=u,\x01"s, "n,a=u\x01\x01"s, "x,,\x01\x01"s,
                          "n,,\x01"
                          "a1=b\x01\x01"s,
                          "n,,\x01"
                          "a\x01\x01"s,
                          "n,,\x01"
                          "a=\xff\x01\x01"s,
                          "n,,\x01\x01x"s,
                          "n,,\x01"
                          "a=b\x01"
                          "a=c\x01\x01"s}) {
    EXPECT_FALSE(parse_oauthbearer(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parse_xoauth2("auth=Bearer x\x01\x01"s).has_value());
  EXPECT_FALSE(bearer_token(*parse_xoauth2("user=a\x01"
                                           "auth=Basic x\x01\x01"s))
                   .has_value());
  EXPECT_FALSE(bearer_token(*parse_xoauth2("user=a\x01"
                                           "auth=Bearer a b\x01\x01"s))
                   .has_value());
  EXPECT_EQ(parse_oauthbearer(std::string(20'000, 'a')).error().code, Code::too_big);
}

class BearerExchange : public ::testing::TestWithParam<Mechanism> {
 protected:
  Credentials credentials_{.name = "anna", .authzid = "sales", .token = "t0ken", .host = "h"};
  Random random_{5};
  Client client_{GetParam(), credentials_, {}, random_};
  Server server_{GetParam(), {}, random_};
};

TEST_P(BearerExchange, Success) {
  auto step = server_.start(*client_.initial());
  EXPECT_EQ(lookup_of<CheckToken>(step).token, "t0ken");
  EXPECT_EQ(lookup_of<CheckToken>(step).authzid, "sales");
  step = server_.resume(TokenAnswer{.name = "anna@example.org"s, .problem = ""});
  ASSERT_TRUE(std::holds_alternative<Success>(step));
  EXPECT_EQ(std::get<Success>(step).authcid, "anna@example.org");
  EXPECT_EQ(std::get<Success>(step).authzid, "sales");
}

TEST_P(BearerExchange, RefusalTellsWhyAndTakesTheDummy) {
  auto step = server_.start(std::nullopt);
  EXPECT_EQ(challenge_of(step), "");
  step = server_.step(**client_.initial());
  step = server_.resume(TokenAnswer{.name = fail(Code::expired, "old"),
                                    .problem = R"({"status":"invalid_token","reason":"expired"})"});
  const auto dummy = client_.respond(challenge_of(step));
  EXPECT_EQ(*dummy, GetParam() == Mechanism::xoauth2 ? "" : "\x01");
  EXPECT_EQ(client_.problem()->reason, "expired");
  EXPECT_EQ(failure_of(server_.step(*dummy)), Code::expired);
}

INSTANTIATE_TEST_SUITE_P(All, BearerExchange,
                         ::testing::Values(Mechanism::oauthbearer, Mechanism::xoauth2));

TEST(External, AsOneselfAndAsAnother) {
  for (const std::string authzid : {"", "other@example.org"}) {
    Random random(1);
    Client client(Mechanism::external, {.authzid = authzid}, {}, random);
    Server server(Mechanism::external, {}, random);
    auto step = server.start(*client.initial());
    EXPECT_EQ(lookup_of<CheckCertificate>(step).authzid, authzid);
    step = server.resume(Result<CertifiedName>(CertifiedName{"anna"}));
    EXPECT_EQ(std::get<Success>(step).authzid, authzid);
    EXPECT_EQ(std::get<Success>(step).authcid, "anna");
  }
  Random random(1);
  Server server(Mechanism::external, {}, random);
  EXPECT_EQ(failure_of(server.start("a\0b"s)), Code::invalid);
}

TEST(Gssapi, SecurityLayer) {
  EXPECT_EQ(print_security_layer({}), "\x01\0\0\0"s);
  const auto layer = parse_security_layer("\x01\x00\x10\x00joe"s);
  EXPECT_EQ(layer->octets_max, 4096U);
  EXPECT_EQ(layer->authzid, "joe");
  EXPECT_FALSE(parse_security_layer("\x01\0\0"s).has_value());
  EXPECT_FALSE(parse_security_layer("\x01\0\0\0a\0"s).has_value());
}

// A context of two tokens each way, whose wrapping is a letter in front.
Result<GssReply> fake_client(const GssCall& call) {
  if (call.kind == GssCall::Kind::wrap) return GssReply{.octets = "w" + call.octets};
  if (call.kind == GssCall::Kind::unwrap) return GssReply{.octets = call.octets.substr(1)};
  if (call.octets.empty()) return GssReply{.octets = "one"};
  return GssReply{.octets = "", .complete = true};
}
Result<GssReply> fake_server(const GssCall& call) {
  if (call.kind != GssCall::Kind::accept) return fake_client(call);
  if (call.octets != "one") return fail(Code::auth_failed, "no ticket");
  return GssReply{.octets = "two", .complete = true, .name = "joe@REALM"};
}

Step play_gssapi(Client& client, Server& server, bool initial) {
  auto step = server.start(initial ? *client.initial() : std::optional<std::string>());
  for (int turns = 0; turns < 20; ++turns) {
    if (const auto* need = std::get_if<NeedLookup>(&step)) {
      step = server.resume(fake_server(std::get<GssCall>(need->lookup)));
    } else if (const auto* challenge = std::get_if<Challenge>(&step)) {
      auto response = client.respond(challenge->octets);
      if (!response) return Failure{response.error()};
      step = server.step(*response);
    } else {
      break;
    }
  }
  return step;
}

TEST(Gssapi, WholeExchange) {
  for (const bool initial : {true, false}) {
    Random random(1);
    Client client(Mechanism::gssapi, {.authzid = "sales", .gss = fake_client}, {}, random);
    Server server(Mechanism::gssapi, {}, random);
    const auto step = play_gssapi(client, server, initial);
    ASSERT_TRUE(std::holds_alternative<Success>(step)) << std::get<Failure>(step).error.detail;
    EXPECT_EQ(std::get<Success>(step).authcid, "joe@REALM");
    EXPECT_EQ(std::get<Success>(step).authzid, "sales");
    EXPECT_TRUE(client.finish().has_value());
  }
}

TEST(Gssapi, LayersThatWereNotOfferedAreRefused) {
  Random random(1);
  Server server(Mechanism::gssapi, {}, random);
  auto step = server.start("one"s);
  step = server.resume(fake_server(lookup_of<GssCall>(step)));
  step = server.step("");
  step = server.resume(fake_server(lookup_of<GssCall>(step)));
  step = server.step("w\x04\x00\xff\xff");
  step = server.resume(Result<GssReply>(GssReply{.octets = "\x04\0\xff\xff"s}));
  EXPECT_EQ(failure_of(step), Code::invalid);
}

TEST(Gssapi, EndlessNegotiationEnds) {
  Random random(1);
  Server server(Mechanism::gssapi, {}, random);
  auto step = server.start("one"s);
  int turns = 0;
  while (std::holds_alternative<NeedLookup>(step) && ++turns < 100) {
    step = server.resume(Result<GssReply>(GssReply{.octets = "more"}));
    step = server.step("more");
  }
  EXPECT_EQ(failure_of(step), Code::invalid);
  EXPECT_LT(turns, 20);
}

// RFC 5802 section 5.
TEST(ScramSha1, Rfc5802) {
  ScramServer server({.hash = ScramHash::sha_1, .nonce = "3rfcNHYJY1ZVvWVs7j"});
  auto step = server.start("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"s);
  EXPECT_EQ(lookup_of<FetchVerifier>(step).hash, ScramHash::sha_1);
  step = server.resume(
      make_verifier("pencil", *base64_decode("QSXCR+Q6sek8bf92"), 4096, ScramHash::sha_1));
  EXPECT_EQ(challenge_of(step),
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
  step = server.step(
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
  ASSERT_TRUE(std::holds_alternative<Success>(step)) << std::get<Failure>(step).error.detail;
  EXPECT_EQ(std::get<Success>(step).final_octets, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST(ScramSha1, OurClientAndAnotherHashsVerifier) {
  for (const auto hash : {ScramHash::sha_1, ScramHash::sha_256}) {
    Random random(3);
    Client client(Mechanism::scram_sha_1, {.name = "user", .password = "pencil"}, {}, random);
    Server server(Mechanism::scram_sha_1, {}, random);
    auto step = server.start(*client.initial());
    step = server.resume(Result<ScramVerifier>(make_verifier("pencil", "salt", 4096, hash)));
    if (hash == ScramHash::sha_256) {
      EXPECT_EQ(failure_of(step), Code::corrupt);
      continue;
    }
    step = server.step(*client.respond(challenge_of(step)));
    ASSERT_TRUE(std::holds_alternative<Success>(step));
    EXPECT_EQ(client.respond(std::get<Success>(step).final_octets), "");
    EXPECT_TRUE(client.finish().has_value());
  }
}

TEST(Choose, ATokenIsNeverSentAsAPassword) {
  const std::vector<Mechanism> all = {Mechanism::plain, Mechanism::xoauth2, Mechanism::oauthbearer};
  const Credentials token{.name = "a", .token = "t"};
  EXPECT_EQ(choose_mechanism(all, {}, token), Mechanism::oauthbearer);
  EXPECT_EQ(choose_mechanism({Mechanism::plain}, {}, token), std::nullopt);
  EXPECT_EQ(choose_mechanism(all, {}, {.name = "a", .password = "p"}), Mechanism::plain);
}

}  // namespace
}  // namespace eilpost::sasl
