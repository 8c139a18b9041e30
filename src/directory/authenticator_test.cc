// SASL exchanges against the built-in directory, delays, and what a listener offers.
#include "directory/authenticator.h"

#include <gtest/gtest.h>

#include "directory/policy.h"
#include "directory/testing.h"
#include "protocol/sasl/client.h"
#include "protocol/sasl/server.h"

namespace eilpost::directory {
namespace {

// What an attempt has to wait.
Result<int64_t> wait_of(FailureDelays& delays, const FailureDelays::Who& who) {
  const auto admitted = delays.admit(who);
  if (!admitted) return tl::unexpected(admitted.error());
  return admitted->wait_micros;
}

using sasl::Mechanism;

struct Login {
  Result<Identity> identity = fail(Code::internal, "nothing happened");
  int64_t waited = 0;
  std::string first_challenge;  // the server's first message with content
};

struct AuthWorld : World {
  FailureDelays delays{{}, clock, random};
  Authenticator authenticator{*directory, delays, directory->names()};

  // What a session does.
  Login login(Mechanism mechanism, const sasl::Credentials& credentials,
              std::string source = "192.0.2.1") {
    Login out;
    Attempt attempt{.source = std::move(source),
                    .mechanism = std::string(sasl::mechanism_name(mechanism))};
    sasl::Client client(mechanism, credentials, {}, random);
    sasl::Server server(mechanism, {}, random);
    auto step = server.start(client.initial().value());
    while (true) {
      if (const auto* need = std::get_if<sasl::NeedLookup>(&step)) {
        const auto wait = authenticator.admit(attempt, need->lookup);
        if (!wait) {
          out.identity = tl::unexpected(wait.error());
          return out;
        }
        out.waited = *wait;
        clock.advance_micros(*wait);
        step = server.resume(authenticator.lookup(attempt, need->lookup));
      } else if (const auto* challenge = std::get_if<sasl::Challenge>(&step)) {
        if (out.first_challenge.empty()) out.first_challenge = challenge->octets;
        step = server.step(client.respond(challenge->octets).value());
      } else if (const auto* success = std::get_if<sasl::Success>(&step)) {
        out.identity = authenticator.finish(attempt, *success);
        return out;
      } else {
        const auto& failed = std::get<sasl::Failure>(step);
        authenticator.refused(attempt, failed);
        out.identity = tl::unexpected(failed.error);
        return out;
      }
    }
  }
  Result<Identity> command(std::string name, std::string password) {
    Attempt attempt{.source = "192.0.2.1", .mechanism = "LOGIN"};
    const sasl::CheckPassword claim{.name = std::move(name), .password = std::move(password)};
    const auto wait = authenticator.admit(attempt, claim);
    if (!wait) return tl::unexpected(wait.error());
    clock.advance_micros(*wait);
    return authenticator.login(attempt, claim);
  }
};

TEST(Authenticator, EveryMechanismGivesTheSameIdentity) {
  AuthWorld w;
  const auto bob =
      w.directory
          ->add({.name = "bob", .password = "secret", .aliases = {"robert"}, .quota = {.bytes = 5}})
          .value();
  for (const auto mechanism : {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256}) {
    for (const auto* name : {"bob", "BOB@example.org", "robert"}) {
      const auto out = w.login(mechanism, {.name = name, .authzid = "", .password = "secret"});
      ASSERT_TRUE(out.identity.has_value()) << out.identity.error().detail;
      EXPECT_EQ(out.identity->account, bob.id);
      EXPECT_EQ(out.identity->login_name, "bob@example.org");
      EXPECT_EQ(out.identity->primary_address, "bob@example.org");
      EXPECT_EQ(out.identity->mechanism, sasl::mechanism_name(mechanism));
      EXPECT_EQ(out.identity->quota, (Quota{.bytes = 5}));
      EXPECT_EQ(out.waited, 0);
    }
  }
  EXPECT_EQ(w.command("Bob", "secret").value().account, bob.id);
}

TEST(Authenticator, RefusesAndDoesNotTellWhy) {
  AuthWorld w;
  w.add("bob");
  for (const auto mechanism : {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256}) {
    for (const auto* name : {"bob", "nobody"}) {
      const auto out = w.login(mechanism, {.name = name, .authzid = "", .password = "wrong"});
      EXPECT_EQ(code_of(out.identity), Code::auth_failed);
    }
  }
  EXPECT_EQ(code_of(w.command("bob", "wrong")), Code::auth_failed);
  EXPECT_EQ(code_of(w.command("bob", "wr\x07ng")), Code::auth_failed);
  EXPECT_EQ(code_of(w.command("", "secret")), Code::auth_failed);
}

// The salt and the count that an unknown name gets look like a known one's, and stay the same.
TEST(Authenticator, ScramDoesNotTellWhoExists) {
  AuthWorld w;
  w.add("bob");
  const auto server_first = [&](const char* name) {
    const auto out =
        w.login(Mechanism::scram_sha_256, {.name = name, .authzid = "", .password = "wrong"});
    return sasl::parse_server_first(out.first_challenge).value();
  };
  const auto known = server_first("bob");
  const auto unknown = server_first("eve");
  EXPECT_EQ(known.iterations, unknown.iterations);
  EXPECT_EQ(known.salt.size(), unknown.salt.size());
  EXPECT_EQ(server_first("EVE@example.org").salt, unknown.salt);
  EXPECT_EQ(server_first("BOB@example.org").salt, known.salt);
  EXPECT_NE(server_first("dave").salt, unknown.salt);
}

TEST(Authenticator, Authzid) {
  AuthWorld w;
  w.add("bob");
  w.add("eve");
  for (const auto mechanism : {Mechanism::plain, Mechanism::scram_sha_256}) {
    EXPECT_TRUE(w.login(mechanism, {.name = "bob", .authzid = "BOB", .password = "secret"})
                    .identity.has_value());
    for (const auto* other : {"eve", "nobody", "a b"}) {
      const auto out = w.login(mechanism, {.name = "bob", .authzid = other, .password = "secret"});
      EXPECT_EQ(code_of(out.identity), Code::authz_failed) << other;
    }
    // A wrong password comes first: nobody learns anything about grants.
    EXPECT_EQ(
        code_of(w.login(mechanism, {.name = "bob", .authzid = "eve", .password = "x"}).identity),
        Code::auth_failed);
  }
}

TEST(Authenticator, DisabledAccounts) {
  AuthWorld w;
  const auto bob = w.add("bob");
  ASSERT_TRUE(w.directory->set_disabled(bob.id, true).has_value());
  for (const auto mechanism : {Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256}) {
    EXPECT_EQ(
        code_of(w.login(mechanism, {.name = "bob", .authzid = "", .password = "secret"}).identity),
        Code::authz_failed);
    EXPECT_EQ(
        code_of(w.login(mechanism, {.name = "bob", .authzid = "", .password = "wrong"}).identity),
        Code::auth_failed);
  }
}

TEST(Authenticator, WrongPasswordsAreSlowedDownAndARightOneIsNotRefused) {
  AuthWorld w;
  w.add("bob");
  int64_t last = 0;
  for (int i = 0; i < 6; ++i) {
    const auto out =
        w.login(Mechanism::plain, {.name = "bob", .authzid = "", .password = std::to_string(i)});
    EXPECT_GE(out.waited, last);
    last = out.waited;
  }
  EXPECT_GT(last, 0);
  // From elsewhere the owner waits a little, comes in, and the next time does not wait at all.
  const auto owner = w.login(Mechanism::scram_sha_256,
                             {.name = "bob", .authzid = "", .password = "secret"}, "::1");
  EXPECT_TRUE(owner.identity.has_value());
  EXPECT_GT(owner.waited, 0);
  EXPECT_LE(owner.waited, FailureDelays::Options().account_delay_max_micros);
  EXPECT_EQ(
      w.login(Mechanism::plain, {.name = "bob", .authzid = "", .password = "secret"}, "::1").waited,
      0);
}

TEST(SourceKey, Forms) {
  EXPECT_EQ(source_key("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(source_key("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(source_key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(source_key("2001:db8:1:2::9"), "2001:db8:1:2::/64");
  EXPECT_EQ(source_key("fe80::1%eth0"), "fe80::/64");
  EXPECT_EQ(source_key("unix"), "unix");
}

struct DelayWorld {
  ManualClock clock{Timestamp{0}};
  Random random{7};
  FailureDelays::Options options{.free_failures = 2,
                                 .first_delay_micros = 100,
                                 .account_delay_max_micros = 400,
                                 .source_delay_max_micros = 1600,
                                 .queue_max_micros = 0,
                                 .forget_micros = 100'000,
                                 .entries_max = 4,
                                 .exempt_networks = {net::Network::parse("198.51.100.9").value()}};
};

TEST(FailureDelays, DoublesUpToACap) {
  DelayWorld w;
  FailureDelays delays(w.options, w.clock, w.random);
  std::vector<int64_t> waits;
  for (int i = 0; i < 9; ++i) {
    const auto wait = wait_of(delays, {.account = "a", .address = "s"}).value();
    waits.push_back(wait);
    w.clock.advance_micros(wait);
    delays.failed({.account = "a", .address = "s", .pending = true});
  }
  EXPECT_EQ(waits, (std::vector<int64_t>{0, 0, 100, 200, 400, 800, 1600, 1600, 1600}));
  // Somebody else's account from a fresh source is not concerned; the account alone waits its own
  // cap.
  EXPECT_EQ(wait_of(delays, {.account = "b", .address = "t"}), 0);
  EXPECT_EQ(wait_of(delays, {.account = "a", .address = "t"}), 400);
}

TEST(FailureDelays, ParallelAttemptsQueueAndThenAreRefused) {
  DelayWorld w;
  FailureDelays delays(w.options, w.clock, w.random);
  for (int i = 0; i < 5; ++i) delays.failed({.account = std::to_string(i), .address = "s"});
  // 800 apart.
  EXPECT_EQ(wait_of(delays, {.account = "x", .address = "s"}), 800);
  EXPECT_EQ(wait_of(delays, {.account = "y", .address = "s"}), 1600);
  EXPECT_EQ(code_of(wait_of(delays, {.account = "z", .address = "s"})), Code::limit);
  w.clock.advance_micros(800);
  EXPECT_EQ(wait_of(delays, {.account = "z", .address = "s"}), 1600);
}

TEST(FailureDelays, SuccessForgetsTheAccountAndTimeForgetsAll) {
  DelayWorld w;
  FailureDelays delays(w.options, w.clock, w.random);
  for (int i = 0; i < 3; ++i) delays.failed({.account = "a", .address = "s"});
  EXPECT_EQ(wait_of(delays, {.account = "a", .address = "t"}), 200);
  delays.succeeded({.account = "a", .address = "t", .pending = true});
  EXPECT_EQ(wait_of(delays, {.account = "a", .address = "t"}), 0);
  EXPECT_EQ(wait_of(delays, {.account = "b", .address = "s"}), 200);
  w.clock.advance_micros(w.options.forget_micros + 1);
  EXPECT_EQ(wait_of(delays, {.account = "b", .address = "s"}), 0);
}

TEST(FailureDelays, TablesAreBounded) {
  DelayWorld w;
  FailureDelays delays(w.options, w.clock, w.random);
  for (int i = 0; i < 100; ++i) {
    const auto text = std::to_string(i);
    delays.failed({.account = text, .address = text});
  }
  EXPECT_EQ(delays.size(), 2 * w.options.entries_max);
}

TEST(FailureDelays, ProxiesAreExempt) {
  DelayWorld w;
  FailureDelays delays(w.options, w.clock, w.random);
  for (int i = 0; i < 9; ++i) delays.failed({.account = "a", .address = "198.51.100.9"});
  EXPECT_EQ(wait_of(delays, {.account = "b", .address = "198.51.100.9"}), 0);
  EXPECT_EQ(wait_of(delays, {.account = "a", .address = "198.51.100.9"}), 400);
}

std::string offered(const AuthPolicy& policy, const ConnectionSecurity& security) {
  const auto out = offer(policy, security);
  std::string text;
  for (const auto mechanism : out.mechanisms)
    text += std::string(sasl::mechanism_name(mechanism)) + " ";
  return text + (out.login_disabled ? "LOGINDISABLED" : "LOGIN ok") +
         (out.plus_offered ? " +" : "");
}

TEST(Policy, Offers) {
  const AuthPolicy policy;
  EXPECT_EQ(offered(policy, {.tls = false, .directory_has_scram = true}), "LOGINDISABLED");
  EXPECT_EQ(offered(policy, {.tls = true, .can_bind = true, .directory_has_scram = true}),
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN LOGIN ok +");
  EXPECT_EQ(offered(policy, {.tls = true, .can_bind = false, .directory_has_scram = true}),
            "SCRAM-SHA-256 PLAIN LOGIN LOGIN ok");
  EXPECT_EQ(offered(policy, {.tls = true, .can_bind = true, .directory_has_scram = false}),
            "PLAIN LOGIN LOGIN ok");
  EXPECT_EQ(offered({.plaintext_without_tls = true}, {.directory_has_scram = true}),
            "PLAIN LOGIN LOGIN ok");
  EXPECT_EQ(offered({.scram_without_tls = true}, {.directory_has_scram = true}),
            "SCRAM-SHA-256 LOGINDISABLED");
  EXPECT_EQ(offered({.mechanisms = {Mechanism::plain}, .login_command = false}, {.tls = true}),
            "PLAIN LOGINDISABLED");
}

TEST(Policy, AdmitsWhatItOffersAndSaysWhyNot) {
  const AuthPolicy policy{.mechanisms = {Mechanism::plain, Mechanism::scram_sha_256}};
  EXPECT_EQ(code_of(admit(Mechanism::plain, policy, {})), Code::privacy_required);
  EXPECT_EQ(code_of(admit(Mechanism::scram_sha_256, policy, {.directory_has_scram = true})),
            Code::privacy_required);
  EXPECT_EQ(code_of(admit(Mechanism::login, policy, {.tls = true})), Code::cannot);
  EXPECT_EQ(code_of(admit(Mechanism::scram_sha_256, policy, {.tls = true})), Code::cannot);
  EXPECT_EQ(code_of(admit_login_command(policy, {})), Code::privacy_required);
  EXPECT_TRUE(admit(Mechanism::plain, policy, {.tls = true}).has_value());
}

}  // namespace
}  // namespace eilpost::directory
