#include "protocol/sasl/server.h"

#include <utility>

#include "base/check.h"
#include "protocol/sasl/base64.h"

namespace eilpost::sasl {

namespace {
using Exchange = std::variant<PlainServer, LoginServer, ScramServer>;

Exchange make_exchange(Mechanism mechanism, ServerOptions&& options, Random& random) {
  if (mechanism == Mechanism::plain) return PlainServer();
  if (mechanism == Mechanism::login) return LoginServer();
  return ScramServer(ScramServer::Options{
      .plus = mechanism == Mechanism::scram_sha_256_plus,
      .plus_offered = options.plus_offered,
      .bindings = std::move(options.bindings),
      .nonce = base64_encode(random.octets(scram_nonce_octets)),
  });
}
}  // namespace

Server::Server(Mechanism mechanism, ServerOptions options, Random& random)
    : mechanism_(mechanism), exchange_(make_exchange(mechanism, std::move(options), random)) {}

Step Server::note(Step step) {
  if (std::holds_alternative<Challenge>(step)) {
    phase_ = Phase::client;
  } else if (std::holds_alternative<NeedLookup>(step)) {
    phase_ = Phase::lookup;
  } else {
    phase_ = Phase::over;
  }
  return step;
}

Step Server::start(std::optional<std::string> initial) {
  if (phase_ != Phase::fresh) return note(failure(Code::internal, "SASL: started twice"));
  return note(std::visit([&](auto& e) { return e.start(std::move(initial)); }, exchange_));
}

Step Server::step(std::string_view client_octets) {
  if (phase_ != Phase::client) return note(failure(Code::internal, "SASL: a step out of turn"));
  return note(std::visit([&](auto& e) { return e.step(client_octets); }, exchange_));
}

Step Server::resume(LookupAnswer answer) {
  if (phase_ != Phase::lookup) return note(failure(Code::internal, "SASL: an answer out of turn"));
  if (auto* scram = std::get_if<ScramServer>(&exchange_)) {
    CHECK(answer.index() == 1);
    return note(scram->resume(std::get<1>(std::move(answer))));
  }
  CHECK(answer.index() == 0);
  auto checked = std::get<0>(std::move(answer));
  if (auto* plain = std::get_if<PlainServer>(&exchange_)) {
    return note(plain->resume(std::move(checked)));
  }
  return note(std::get<LoginServer>(exchange_).resume(std::move(checked)));
}

}  // namespace eilpost::sasl
