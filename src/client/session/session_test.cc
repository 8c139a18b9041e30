#include "client/session/session.h"

#include <gtest/gtest.h>

#include "client/testing.h"

namespace eilpost::client {
namespace {

using test::FakeServer;

constexpr std::string_view greeting = "S: * OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS] here\n";

SignIn password() {
  SignIn out;
  out.name = "bob";
  out.secret = "secret";
  return out;
}

// What a test does with a session, on the session's executor.
using Use = std::function<Task<Result<>>(Session&)>;

Task<Result<>> with_session(SessionOptions options, SignIn sign_in, Use use) {
  Random random(1);
  auto session = co_await Session::start(std::move(options), std::move(sign_in), random);
  CO_TRY(session);
  auto used = co_await use(**session);
  (*session)->connection().close();
  co_return used;
}

Task<Result<>> nothing(Session&) {
  co_return Result<>();
}

TEST(Session, LogsInByTheCommandWhereNoMechanismIsListed) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: $ OK [CAPABILITY IMAP4rev1 LITERAL+ ID] welcome
      C: ID ("name" "Eilpost")
      S: * ID NIL
      S: $ OK done)");
  auto done = test::run(with_session(server.options(), password(), nothing));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, AsksForCapabilityWhenLoginDoesNotTellIt) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: $ OK welcome
      C: CAPABILITY
      S: * CAPABILITY IMAP4rev1 MOVE
      S: $ OK done)");
  auto look = [](Session& session) -> Task<Result<>> {
    EXPECT_TRUE(session.has("move"));
    EXPECT_FALSE(session.has("UIDPLUS"));
    EXPECT_TRUE(session.quirks().has(Quirk::capability_unannounced));
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done);
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, TriesAgainWithoutAnInitialResponseWhereSaslIrIsALie) {
  FakeServer server(R"(
      S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] here
      C: AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=
      S: $ BAD syntax error
      C: AUTHENTICATE PLAIN
      S: +
      R: AGJvYgBzZWNyZXQ=
      S: $ OK [CAPABILITY IMAP4rev1] welcome)");
  auto look = [](Session& session) -> Task<Result<>> {
    EXPECT_TRUE(session.quirks().has(Quirk::sasl_ir_refused));
    EXPECT_EQ(session.mechanism(), "PLAIN");
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, NeverSendsAPasswordWhereATokenWasMeant) {
  FakeServer server("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] here");
  SignIn token = password();
  token.kind = SignIn::Kind::token;
  auto done = test::run(with_session(server.options(), token, nothing));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::cannot);
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, ALimitOfConnectionsIsNoWrongPassword) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: $ NO [ALERT] Too many simultaneous connections. (Failure))");
  std::string alerted;
  SessionOptions options = server.options();
  options.hooks.alert = [&](std::string_view, std::string_view text) { alerted = text; };
  auto done = test::run(with_session(std::move(options), password(), nothing));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_EQ(alerted, "Too many simultaneous connections. (Failure)");
  ASSERT_TRUE(throttle_of(done.error()));
  EXPECT_TRUE(throttle_of(done.error())->connections);
}

TEST(Session, ByeTellsWhyTheConnectionEnded) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: * BYE maintenance until six
      close)");
  auto done = test::run(with_session(server.options(), password(), nothing));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::closed);
  EXPECT_NE(done.error().detail.find("maintenance until six"), std::string::npos);
}

TEST(Session, StrayAnswersAndUnreadableLinesAreCountedAndPassedOver) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: X99 OK what
      S: * 1 FETCH (((
      S: $ OK [CAPABILITY IMAP4rev1] welcome)");
  auto look = [](Session& session) -> Task<Result<>> {
    EXPECT_GE(session.connection().unreadable(), 1U);
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, SelectsAndAsksForWhatSelectDidNotSay) {
  FakeServer server(std::string(greeting) + R"(
      C: LOGIN bob secret
      S: $ OK [CAPABILITY IMAP4rev1] welcome
      C: SELECT INBOX
      S: * 3 EXISTS
      S: * FLAGS (\Seen)
      S: * OK [UIDVALIDITY 7]
      S: * OK [PERMANENTFLAGS (\Seen \*)] limited
      S: $ OK [READ-WRITE] done
      C: STATUS INBOX (UIDVALIDITY UIDNEXT)
      S: * STATUS INBOX (UIDVALIDITY 7 UIDNEXT 12)
      S: $ OK done)");
  auto look = [](Session& session) -> Task<Result<>> {
    auto selected = co_await session.select("INBOX", Session::SelectHow());
    CO_TRY(selected);
    EXPECT_EQ(session.selected()->exists, 3U);
    EXPECT_EQ(session.selected()->uid_validity, 7U);
    EXPECT_EQ(session.selected()->uid_next, 12U);
    EXPECT_TRUE(session.selected()->keywords_allowed);
    EXPECT_TRUE(session.quirks().has(Quirk::no_uid_next));
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

constexpr std::string_view signed_in =
    "S: * OK [CAPABILITY IMAP4rev1 ENABLE] here\n"
    "C: LOGIN bob secret\n"
    "S: $ OK [CAPABILITY IMAP4rev1 ENABLE] welcome\n";

TEST(Session, AppendWaitsForConsentAndStopsWhereItIsRefused) {
  FakeServer server(std::string(signed_in) + R"(
      C: APPEND INBOX (\Seen) {5}
      S: + go on
      R# 5
      R:
      S: $ OK [APPENDUID 7 12] done
      C: APPEND Full {5}
      S: $ NO [OVERQUOTA] no room)");
  auto look = [](Session& session) -> Task<Result<>> {
    auto message = [](imap::FlagList flags) {
      std::vector<OutgoingMessage> out(1);
      out[0].flags = std::move(flags);
      out[0].size = 5;
      out[0].next = [given = false]() mutable -> Task<Result<std::string>> {
        std::string piece = given ? "" : "a\r\nb\n";
        given = true;
        co_return piece;
      };
      return out;
    };
    auto first = message({"\\Seen"});
    auto ticket = co_await session.connection().send_append("INBOX", std::move(first), Expect());
    CO_TRY(ticket);
    auto answer = co_await session.finish(std::move(*ticket));
    CO_TRY(answer);
    EXPECT_EQ(answer->code.name, imap::CodeName::append_uid);
    auto second = message({});
    auto refused = co_await session.connection().send_append("Full", std::move(second), Expect());
    CO_TRY(refused);
    auto no = co_await session.finish(std::move(*refused));
    EXPECT_EQ(no ? Code::internal : no.error().code, Code::over_quota);
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, LargeLiteralsStreamPast) {
  FakeServer server(std::string(signed_in) + R"(
      C: UID FETCH 9 (UID BODY.PEEK[])
      S: * 1 FETCH (UID 9 BODY[] {12}
      S- 0123456789AB
      S: )
      S: $ OK done)");
  SessionOptions options = server.options();
  options.held_literal_bytes_max = 8;
  auto look = [](Session& session) -> Task<Result<>> {
    std::string octets;
    bool streamed = false;
    Expect expect;
    expect.literal_begin = [](uint64_t size, const imap::Frame&) -> Result<> {
      EXPECT_EQ(size, 12U);
      return {};
    };
    expect.literal_octets = [&](std::string_view piece) -> Result<> {
      octets += piece;
      return {};
    };
    expect.untagged = [&](imap::Response response) -> Result<> {
      if (auto* data = std::get_if<imap::FetchData>(&response)) {
        streamed = data->bodies.size() == 1 && data->bodies[0].streamed;
      }
      return {};
    };
    auto answer = co_await session.text_command("UID FETCH 9 (UID BODY.PEEK[])", std::move(expect));
    CO_TRY(answer);
    EXPECT_EQ(octets, "0123456789AB");
    EXPECT_TRUE(streamed);
    co_return Result<>();
  };
  auto done = test::run(with_session(std::move(options), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, ALiteralThatNobodyAskedForEndsTheConnection) {
  FakeServer server(std::string(signed_in) + R"(
      C: NOOP
      S: * 1 FETCH (BODY[] {99999999999})");
  SessionOptions options = server.options();
  auto look = [](Session& session) -> Task<Result<>> {
    imap::CommandBody body = imap::Noop();
    auto answer = co_await session.command(std::move(body));
    EXPECT_EQ(answer ? Code::internal : answer.error().code, Code::too_big);
    co_return Result<>();
  };
  auto done = test::run(with_session(std::move(options), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
}

TEST(Session, WhatIsNotConfirmedIsNotEnabled) {
  FakeServer server(R"(
      S: * OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] here
      C: LOGIN bob secret
      S: $ OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] welcome
      C: ENABLE CONDSTORE QRESYNC
      S: * ENABLED CONDSTORE
      S: $ OK done)");
  auto look = [](Session& session) -> Task<Result<>> {
    std::vector<std::string> wanted = {"CONDSTORE", "QRESYNC", "UTF8=ACCEPT"};
    auto on = co_await session.enable(std::move(wanted));
    CO_TRY(on);
    EXPECT_EQ(*on, std::vector<std::string>{"CONDSTORE"});
    EXPECT_TRUE(session.quirks().has(Quirk::enabled_empty));
    co_return Result<>();
  };
  auto done = test::run(with_session(server.options(), password(), look));
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(server.failure(), "");
}

TEST(Session, StartTlsIsRequiredWhereItWasAskedFor) {
  FakeServer server{std::string(greeting)};
  SessionOptions options = server.options();
  options.endpoint.security = Security::starttls;
  auto done = test::run(with_session(std::move(options), password(), nothing));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::privacy_required);
}

}  // namespace
}  // namespace eilpost::client
