// Whole exchanges: the server against published vectors, against our client, and against cheats.
#include <gtest/gtest.h>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/client.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/server.h"

namespace eilpost::sasl {
namespace {

using namespace std::string_literals;

const ChannelBinding exporter{BindingType::tls_exporter, "exported octets"};
const ChannelBinding end_point{BindingType::tls_server_end_point, "hash of a certificate"};

std::string challenge_of(const Step& step) {
  const auto* challenge = std::get_if<Challenge>(&step);
  return challenge == nullptr ? "no challenge" : challenge->octets;
}

Code failure_of(const Step& step) {
  const auto* failed = std::get_if<Failure>(&step);
  return failed == nullptr ? Code::internal : failed->error.code;
}

std::string detail_of(const Step& step) {
  const auto* failed = std::get_if<Failure>(&step);
  return failed == nullptr ? "no failure" : failed->error.detail;
}

// RFC 7677 section 3.
constexpr std::string_view vector_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view vector_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view vector_server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view vector_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr std::string_view vector_server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

ScramVerifier vector_verifier() {
  return make_verifier("pencil", base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==").value(), 4096);
}

TEST(Scram, Rfc7677Server) {
  ScramServer server({.nonce = std::string(vector_nonce)});
  auto step = server.start(std::string(vector_first));
  ASSERT_TRUE(std::holds_alternative<NeedLookup>(step));
  EXPECT_EQ(std::get<FetchVerifier>(std::get<NeedLookup>(step).lookup).name, "user");
  step = server.resume(vector_verifier());
  EXPECT_EQ(challenge_of(step), vector_server_first);
  step = server.step(vector_final);
  ASSERT_TRUE(std::holds_alternative<Success>(step)) << detail_of(step);
  EXPECT_EQ(std::get<Success>(step).final_octets, vector_server_final);
  EXPECT_EQ(std::get<Success>(step).authcid, "user");
  EXPECT_EQ(failure_of(server.step(vector_final)), Code::invalid);
}

TEST(Scram, Rfc7677ClientArithmetic) {
  const auto first = parse_server_first(vector_server_first).value();
  const std::string message = std::string(vector_first.substr(3)) + "," +
                              std::string(vector_server_first) + "," +
                              std::string(vector_final.substr(0, vector_final.rfind(",p=")));
  const auto answer = answer_challenge("pencil", first, message);
  EXPECT_EQ("p=" + base64_encode(answer.proof), vector_final.substr(vector_final.rfind("p=")));
  EXPECT_EQ("v=" + base64_encode(answer.server_signature), vector_server_final);
}

TEST(Scram, EveryFlippedOctetOfTheFinalMessageFails) {
  for (size_t i = 0; i < vector_final.size(); ++i) {
    ScramServer server({.nonce = std::string(vector_nonce)});
    (void)server.start(std::string(vector_first));
    (void)server.resume(vector_verifier());
    std::string changed(vector_final);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_TRUE(std::holds_alternative<Failure>(server.step(changed))) << i;
  }
}

TEST(Scram, VerifierFitsOnlyItsPassword) {
  const auto verifier = vector_verifier();
  EXPECT_TRUE(verifier_fits(verifier, "pencil"));
  EXPECT_FALSE(verifier_fits(verifier, "pencil "));
}

TEST(Scram, UnknownNamesLookLikeKnownOnes) {
  const auto a = fake_verifier("secret", "nobody", 4096);
  EXPECT_EQ(a, fake_verifier("secret", "nobody", 4096));
  EXPECT_NE(a.salt, fake_verifier("secret", "somebody", 4096).salt);
  EXPECT_NE(a.salt, fake_verifier("other secret", "nobody", 4096).salt);
  EXPECT_EQ(a.salt.size(), scram_salt_octets);
  EXPECT_NE(a.stored_key, a.server_key);
  EXPECT_EQ(a.stored_key.size(), sha256_octets);
}

struct Played {
  Step last;
  bool client_believes = false;
};

struct Game {
  Mechanism mechanism = Mechanism::scram_sha_256;
  Credentials credentials{.name = "user", .authzid = "", .password = "pencil"};
  Client::Options client;
  ServerOptions server;
  bool known = true;
  bool initial_response = true;
};

LookupAnswer answer(const Game& game, const Lookup& lookup) {
  if (const auto* check = std::get_if<CheckPassword>(&lookup)) {
    const bool right = game.known && check->name == "user" && check->password == "pencil";
    return right ? Result<>() : Result<>(fail(Code::auth_failed, "wrong"));
  }
  const auto& fetch = std::get<FetchVerifier>(lookup);
  return Result<ScramVerifier>(game.known && fetch.name == "user"
                                   ? make_verifier("pencil", "salt of user 1", 4096)
                                   : fake_verifier("secret", fetch.name, 4096));
}

Played play(const Game& game) {
  Random random(7);
  Client client(game.mechanism, game.credentials, game.client, random);
  Server server(game.mechanism, game.server, random);
  std::optional<std::string> initial;
  if (game.initial_response) {
    auto made = client.initial();
    if (!made) return {Failure{made.error()}};
    initial = *made;
  }
  Played out{.last = server.start(initial)};
  for (int turns = 0; turns < 10; ++turns) {
    if (const auto* need = std::get_if<NeedLookup>(&out.last)) {
      out.last = server.resume(answer(game, need->lookup));
    } else if (const auto* challenge = std::get_if<Challenge>(&out.last)) {
      auto response = client.respond(challenge->octets);
      if (!response) return {Failure{response.error()}};
      out.last = server.step(*response);
    } else {
      break;
    }
  }
  if (const auto* success = std::get_if<Success>(&out.last)) {
    if (!success->final_octets.empty() && client.respond(success->final_octets) != "") return out;
    out.client_believes = client.finish().has_value();
  }
  return out;
}

void expect_success(const Game& game) {
  const auto played = play(game);
  ASSERT_TRUE(std::holds_alternative<Success>(played.last)) << detail_of(played.last);
  EXPECT_TRUE(played.client_believes);
  EXPECT_EQ(std::get<Success>(played.last).authzid, game.credentials.authzid);
}

TEST(Exchange, EveryMechanismWithAndWithoutInitialResponse) {
  for (const auto mechanism : {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256}) {
    for (const bool initial : {true, false}) {
      expect_success({.mechanism = mechanism, .initial_response = initial});
    }
  }
}

TEST(Exchange, AuthzidArrives) {
  expect_success({.mechanism = Mechanism::plain,
                  .credentials = {.name = "user", .authzid = "other", .password = "pencil"}});
  expect_success({.credentials = {.name = "user", .authzid = "o,th=er", .password = "pencil"}});
}

TEST(Exchange, PasswordsMeetAfterPreparation) {
  expect_success(
      {.mechanism = Mechanism::plain,
       .credentials = {.name = "u\xc2\xadser", .authzid = "", .password = "penci\xe2\x85\xbc"}});
}

TEST(Exchange, WrongPasswordAndUnknownNameFailAlike) {
  for (const auto mechanism : {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256}) {
    const auto wrong = play(
        {.mechanism = mechanism, .credentials = {.name = "user", .authzid = "", .password = "x"}});
    const auto unknown = play({.mechanism = mechanism, .known = false});
    EXPECT_EQ(failure_of(wrong.last), Code::auth_failed);
    EXPECT_EQ(failure_of(unknown.last), Code::auth_failed);
    EXPECT_EQ(detail_of(wrong.last), detail_of(unknown.last));
  }
}

TEST(Exchange, EveryChannelBinding) {
  const ChannelBinding unique{BindingType::tls_unique, "finished"};
  for (const auto& binding : {exporter, end_point, unique}) {
    expect_success({.mechanism = Mechanism::scram_sha_256_plus,
                    .client = {.bindings = {binding}, .server_offers_plus = true},
                    .server = {.bindings = {exporter, end_point, unique}, .plus_offered = true}});
  }
}

TEST(Exchange, SomebodyInBetweenIsNoticed) {
  const ChannelBinding other{BindingType::tls_exporter, "another connection's octets"};
  const auto played = play({.mechanism = Mechanism::scram_sha_256_plus,
                            .client = {.bindings = {other}, .server_offers_plus = true},
                            .server = {.bindings = {exporter}, .plus_offered = true}});
  EXPECT_EQ(failure_of(played.last), Code::auth_failed);
  EXPECT_NE(detail_of(played.last).find("channel binding differs"), std::string::npos);
}

TEST(Exchange, ABindingThatThisConnectionLacksIsRefused) {
  const auto played = play({.mechanism = Mechanism::scram_sha_256_plus,
                            .client = {.bindings = {end_point}, .server_offers_plus = true},
                            .server = {.bindings = {exporter}, .plus_offered = true}});
  EXPECT_NE(detail_of(played.last).find("is not available"), std::string::npos);
}

// A client that can bind and saw no -PLUS says 'y': fine with a server that offers none, and the
// mark of an attack with one that does.
TEST(Exchange, Downgrade) {
  expect_success({.client = {.bindings = {exporter}}, .server = {}});
  const auto played = play({.client = {.bindings = {exporter}},
                            .server = {.bindings = {exporter}, .plus_offered = true}});
  EXPECT_EQ(failure_of(played.last), Code::auth_failed);
  EXPECT_NE(detail_of(played.last).find("downgrade"), std::string::npos);
  // One that chose not to bind says 'n' and is welcome.
  expect_success({.client = {.bindings = {exporter}, .server_offers_plus = true},
                  .server = {.bindings = {exporter}, .plus_offered = true}});
}

TEST(Exchange, FlagsAndMechanismMustAgree) {
  Random random(1);
  Server plus(Mechanism::scram_sha_256_plus, {.bindings = {exporter}, .plus_offered = true},
              random);
  EXPECT_EQ(failure_of(plus.start("n,,n=user,r=abc")), Code::invalid);
  Server bare(Mechanism::scram_sha_256, {.bindings = {exporter}, .plus_offered = true}, random);
  EXPECT_EQ(failure_of(bare.start("p=tls-exporter,,n=user,r=abc")), Code::invalid);
}

TEST(Exchange, CallsOutOfTurnFail) {
  Random random(1);
  Server server(Mechanism::plain, {}, random);
  EXPECT_EQ(failure_of(server.step("x")), Code::internal);
  EXPECT_EQ(detail_of(server.step("x")), "SASL: a step out of turn");
  Server scram(Mechanism::scram_sha_256, {}, random);
  (void)scram.start("n,,n=user,r=abc");
  EXPECT_EQ(detail_of(scram.step("c=biws,r=abc,p=QQ==")), "SASL: a step out of turn");
}

TEST(Exchange, DirectoryErrorsPassThrough) {
  Random random(1);
  Server plain(Mechanism::plain, {}, random);
  (void)plain.start("\0user\0pencil"s);
  EXPECT_EQ(failure_of(plain.resume(Result<>(fail(Code::unavailable, "down")))), Code::unavailable);
  Server scram(Mechanism::scram_sha_256, {}, random);
  (void)scram.start("n,,n=user,r=abc");
  EXPECT_EQ(failure_of(scram.resume(Result<ScramVerifier>(fail(Code::unavailable, "down")))),
            Code::unavailable);
}

TEST(Exchange, NamesThatCannotBePrepared) {
  Random random(1);
  Server plain(Mechanism::plain, {}, random);
  EXPECT_EQ(failure_of(plain.start("\0us\x07"
                                   "er\0pencil"s)),
            Code::auth_failed);
  Server login(Mechanism::login, {}, random);
  EXPECT_EQ(challenge_of(login.start(std::nullopt)), "Username:");
  EXPECT_EQ(failure_of(login.step("")), Code::auth_failed);
  Server scram(Mechanism::scram_sha_256, {}, random);
  EXPECT_EQ(failure_of(scram.start("n,,n=\x07,r=abc")), Code::invalid);
}

TEST(Client, DoesNotBelieveARogueServer) {
  Random random(1);
  const auto make = [&] {
    return Client(Mechanism::scram_sha_256, {.name = "user", .authzid = "", .password = "pencil"},
                  {}, random);
  };
  auto other_nonce = make();
  (void)other_nonce.initial();
  EXPECT_EQ(other_nonce.respond("r=zzzz,s=QQ==,i=4096").error().code, Code::auth_failed);
  for (const auto* iterations : {"1", "4095", "100000000"}) {
    auto client = make();
    const auto first = client.initial().value().value();
    const auto nonce = parse_client_first(first).value().nonce;
    const auto refused = client.respond("r=" + nonce + "x,s=QQ==,i=" + iterations);
    EXPECT_EQ(refused.error().code, Code::auth_failed) << iterations;
  }
  auto client = make();
  const auto nonce = parse_client_first(client.initial().value().value()).value().nonce;
  ASSERT_TRUE(client.respond("r=" + nonce + "x,s=QQ==,i=4096").has_value());
  EXPECT_EQ(client.finish().error().code, Code::auth_failed);
  EXPECT_EQ(client.respond("v=QQ==").error().code, Code::auth_failed);
  EXPECT_EQ(client.finish().error().code, Code::auth_failed);
}

TEST(Client, ChoosesTheStrongest) {
  const std::vector<Mechanism> all = {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256,
                                      Mechanism::scram_sha_256_plus};
  EXPECT_EQ(choose_mechanism(all, {exporter}), Mechanism::scram_sha_256_plus);
  EXPECT_EQ(choose_mechanism(all, {}), Mechanism::scram_sha_256);
  EXPECT_EQ(choose_mechanism({Mechanism::login, Mechanism::plain}, {}), Mechanism::plain);
  EXPECT_EQ(choose_mechanism({}, {}), std::nullopt);
}

TEST(Mechanisms, Names) {
  EXPECT_EQ(mechanism_named("scram-sha-256-plus"), Mechanism::scram_sha_256_plus);
  EXPECT_EQ(mechanism_named("PLAIN2"), std::nullopt);
  EXPECT_EQ(mechanism_name(Mechanism::scram_sha_256), "SCRAM-SHA-256");
  EXPECT_EQ(binding_named("tls-exporter"), BindingType::tls_exporter);
  EXPECT_EQ(binding_named("TLS-EXPORTER"), std::nullopt);
}

}  // namespace
}  // namespace eilpost::sasl
