#include "client/oauth/challenge.h"

#include "protocol/sasl/base64.h"

namespace eilpost::client::oauth {

namespace {

// With an empty "auth" (RFC 7628 4.3).
std::string question(const Session& session, const std::string& user) {
  sasl::BearerMessage message;
  message.gs2 = sasl::Gs2Header{.flag = 'n', .binding = "", .authzid = user};
  message.pairs = {{"host", session.endpoint().host},
                   {"port", std::to_string(session.endpoint().port)},
                   {"auth", ""}};
  return sasl::base64_encode(sasl::print_bearer(message));
}

}  // namespace

Task<Result<sasl::BearerProblem>> ask_provider(Session& session, std::string user) {
  if (!session.has("AUTH=OAUTHBEARER")) {
    co_return fail(Code::cannot,
                   "the server does not offer OAUTHBEARER, and so cannot say which "
                   "provider its tokens are from; --provider names it");
  }
  imap::Authenticate start;
  start.mechanism = "OAUTHBEARER";
  imap::Command command;
  command.body = std::move(start);
  Connection& connection = session.connection();
  auto ticket = co_await connection.send(std::move(command), Expect());
  CO_TRY(ticket);
  Connection::LineKind plain;
  sasl::BearerProblem problem;
  for (int turns = 0; turns < 4; ++turns) {
    auto turn = co_await connection.wait_turn(*ticket);
    CO_TRY(turn);
    if (std::holds_alternative<Answer>(*turn)) break;
    // First the server waits for the message, then it says what is wrong with it.
    std::string line = question(session, user);
    if (turns > 0) {
      auto octets = sasl::base64_decode(std::get<imap::Continuation>(*turn).text);
      CO_TRY(octets);
      auto told = sasl::parse_bearer_problem(*octets);
      CO_TRY(told);
      problem = std::move(*told);
      line = "AQ==";
    }
    auto sent = co_await connection.send_line(std::move(line), plain);
    CO_TRY(sent);
  }
  if (problem.openid_configuration.empty()) {
    co_return fail(Code::cannot,
                   "the server does not say which provider its tokens are from; "
                   "--provider names it");
  }
  co_return problem;
}

}  // namespace eilpost::client::oauth
