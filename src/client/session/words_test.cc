// The pure parts of the session: endpoints, what refusals mean, which mechanism is taken.

#include <gtest/gtest.h>

#include "client/session/endpoint.h"
#include "client/session/quirks.h"
#include "client/session/sign_in.h"
#include "client/session/trouble.h"

namespace eilpost::client {
namespace {

imap::StatusResponse no(std::string text, imap::CodeName code = imap::CodeName::none) {
  imap::StatusResponse out;
  out.tag = "E1";
  out.condition = imap::Condition::no;
  out.code = imap::ResponseCode(code);
  out.text = std::move(text);
  return out;
}

TEST(Endpoint, IsReadAndPrinted) {
  const auto given = [](std::string_view text) {
    const auto out = parse_endpoint(text);
    return out ? print_endpoint(out->endpoint) + "|" + out->user : "refused";
  };
  EXPECT_EQ(given("mail.example.org"), "imaps://mail.example.org|");
  EXPECT_EQ(given("mail.example.org:143"), "imap://mail.example.org|");
  EXPECT_EQ(given("mail.example.org:10993"), "imaps://mail.example.org:10993|");
  EXPECT_EQ(given("imap://bob@example.org@mail.example.org/"),
            "imap://mail.example.org|bob@example.org");
  EXPECT_EQ(given("imap+plain://127.0.0.1:10143"), "imap+plain://127.0.0.1:10143|");
  EXPECT_EQ(given("imaps://[::1]:993"), "imaps://[::1]|");
  EXPECT_EQ(given("::1"), "imaps://[::1]|");
  EXPECT_EQ(given("unix:/run/imap"), "unix:/run/imap|");
  EXPECT_EQ(given("https://mail.example.org"), "refused");
  EXPECT_EQ(given("mail.example.org:99999"), "refused");
  EXPECT_EQ(given("mail.example.org:"), "refused");
  EXPECT_EQ(given("imaps://"), "refused");
  EXPECT_EQ(given("unix:"), "refused");
}

TEST(Trouble, WordsOfThrottlingAreKnown) {
  const auto exchange =
      throttle_of(no("Request is throttled. Suggested Backoff Time: 92415 milliseconds"));
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->wait_seconds, 93);
  const auto gmail = throttle_of(
      no("Account exceeded command or bandwidth limits. (Failure)", imap::CodeName::over_quota));
  ASSERT_TRUE(gmail);
  EXPECT_TRUE(gmail->daily);
  EXPECT_TRUE(throttle_of(no("later", imap::CodeName::unavailable)));
  EXPECT_FALSE(throttle_of(no("no such mailbox", imap::CodeName::nonexistent)));
  imap::StatusResponse slow = no("Success [THROTTLED]");
  slow.condition = imap::Condition::ok;
  EXPECT_TRUE(throttle_of(slow));
}

TEST(Trouble, CodesSayWhatToDo) {
  EXPECT_EQ(error_of(no("x", imap::CodeName::over_quota)).code, Code::over_quota);
  EXPECT_EQ(error_of(no("x", imap::CodeName::try_create)).code, Code::try_create);
  EXPECT_EQ(error_of(no("x")).code, Code::cannot);
  imap::StatusResponse bad = no("what");
  bad.condition = imap::Condition::bad;
  EXPECT_EQ(error_of(bad).code, Code::invalid);
  EXPECT_NE(error_of(no("no such thing", imap::CodeName::nonexistent)).detail.find("NONEXISTENT"),
            std::string::npos);
}

TEST(Trouble, WaitsGrowAndEnd) {
  Backoff backoff;
  EXPECT_EQ(backoff.next({}), 1);
  EXPECT_EQ(backoff.next({}), 2);
  EXPECT_EQ(backoff.next({.wait_seconds = 93}), 93);
  for (int i = 0; i < 40; ++i) EXPECT_LE(backoff.next({}), 300);
  backoff.succeeded();
  EXPECT_EQ(backoff.next({}), 1);
}

TEST(SignInChoice, TakesTheStrongestThatTheConnectionCarries) {
  SignIn sign_in;
  sign_in.name = "bob";
  SignInServer server;
  server.mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XUNKNOWN"};
  const auto without = choose_sign_in(sign_in, server);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->mechanism, sasl::Mechanism::scram_sha_256);
  server.bindings.push_back({sasl::BindingType::tls_exporter, "data"});
  const auto with = choose_sign_in(sign_in, server);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->mechanism, sasl::Mechanism::scram_sha_256_plus);
  sign_in.mechanism = "PLAIN";
  EXPECT_EQ(choose_sign_in(sign_in, server)->mechanism, sasl::Mechanism::plain);
  sign_in.mechanism = "login-command";
  EXPECT_TRUE(choose_sign_in(sign_in, server)->login_command);
}

TEST(SignInChoice, SendsNoPasswordWhereItIsNotTaken) {
  SignIn sign_in;
  SignInServer server;
  server.login_disabled = true;
  const auto refused = choose_sign_in(sign_in, server);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::privacy_required);
  server.login_disabled = false;
  EXPECT_TRUE(choose_sign_in(sign_in, server)->login_command);
  sign_in.authzid = "sales";
  EXPECT_FALSE(choose_sign_in(sign_in, server));
}

TEST(Quirks, AreNotedOnce) {
  QuirkLog log;
  EXPECT_TRUE(log.note(Quirk::no_uid_next));
  EXPECT_FALSE(log.note(Quirk::no_uid_next));
  EXPECT_EQ(log.count(Quirk::no_uid_next), 2U);
  EXPECT_EQ(log.all(), std::vector<Quirk>{Quirk::no_uid_next});
  EXPECT_EQ(quirk_info(Quirk::throttled_ok).name, "throttled-ok");
}

}  // namespace
}  // namespace eilpost::client
