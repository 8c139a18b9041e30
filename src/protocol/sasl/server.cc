#include "protocol/sasl/server.h"

#include <utility>

#include "base/check.h"
#include "protocol/sasl/base64.h"

namespace eilpost::sasl {

namespace {
using Exchange = std::variant<PlainServer, LoginServer, ScramServer, BearerServer, ExternalServer,
                              GssapiServer, NtlmServer>;

constexpr size_t ntlm_challenge_octets = 8;

Exchange make_scram(Mechanism mechanism, ServerOptions&& options, Random& random) {
  return ScramServer(ScramServer::Options{
      .hash = scram_hash(mechanism),
      .plus = is_plus(mechanism),
      .plus_offered = options.plus_offered,
      .bindings = std::move(options.bindings),
      .nonce = base64_encode(random.octets(scram_nonce_octets)),
  });
}

Exchange make_exchange(Mechanism mechanism, ServerOptions&& options, Random& random) {
  switch (mechanism) {
    case Mechanism::plain: return PlainServer();
    case Mechanism::login: return LoginServer();
    case Mechanism::external: return ExternalServer();
    case Mechanism::gssapi: return GssapiServer();
    case Mechanism::ntlm:
      return NtlmServer(NtlmServer::Options{.target = std::move(options.ntlm),
                                            .challenge = random.octets(ntlm_challenge_octets)});
    case Mechanism::oauthbearer:
    case Mechanism::xoauth2: return BearerServer(mechanism);
    default: return make_scram(mechanism, std::move(options), random);
  }
}

// The alternative that the exchange asked for; the caller's bug otherwise.
template <class T>
T take(LookupAnswer& answer) {
  CHECK(std::holds_alternative<T>(answer));
  return std::get<T>(std::move(answer));
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
  return note(give(std::move(answer)));
}

Step Server::give(LookupAnswer answer) {
  if (auto* scram = std::get_if<ScramServer>(&exchange_)) {
    return scram->resume(take<Result<ScramVerifier>>(answer));
  }
  if (auto* bearer = std::get_if<BearerServer>(&exchange_)) {
    return bearer->resume(take<TokenAnswer>(answer));
  }
  if (auto* external = std::get_if<ExternalServer>(&exchange_)) {
    return external->resume(take<Result<CertifiedName>>(answer));
  }
  if (auto* gssapi = std::get_if<GssapiServer>(&exchange_)) {
    return gssapi->resume(take<Result<GssReply>>(answer));
  }
  if (auto* ntlm = std::get_if<NtlmServer>(&exchange_)) {
    return ntlm->resume(take<Result<NtlmReply>>(answer));
  }
  auto checked = take<Result<>>(answer);
  if (auto* plain = std::get_if<PlainServer>(&exchange_)) return plain->resume(std::move(checked));
  return std::get<LoginServer>(exchange_).resume(std::move(checked));
}

}  // namespace eilpost::sasl
