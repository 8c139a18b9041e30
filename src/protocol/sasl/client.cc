#include "protocol/sasl/client.h"

#include <algorithm>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/plain.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

namespace {
Gs2Header choose_binding(Mechanism mechanism, const Client::Options& options) {
  Gs2Header out;
  if (is_plus(mechanism) && !options.bindings.empty()) {
    out.flag = 'p';
    out.binding = binding_name(options.bindings.front().type);
  } else if (!options.bindings.empty() && !options.server_offers_plus) {
    // RFC 5802 6: tells a server that does offer -PLUS that somebody took it out of its list.
    out.flag = 'y';
  }
  return out;
}
}  // namespace

Client::Client(Mechanism mechanism, Credentials credentials, Options options, Random& random)
    : mechanism_(mechanism),
      credentials_(std::move(credentials)),
      options_(std::move(options)),
      gssapi_(credentials_.gss, credentials_.authzid) {
  first_.nonce = base64_encode(random.octets(scram_nonce_octets));
  first_.gs2 = choose_binding(mechanism_, options_);
}

Result<std::optional<std::string>> Client::initial() {
  if (mechanism_ == Mechanism::login) return std::optional<std::string>();
  return std::optional<std::string>(TRY(respond("")));
}

Result<std::string> Client::respond(std::string_view challenge) {
  const int turn = sent_++;
  switch (mechanism_) {
    case Mechanism::login:
      if (turn == 0) return credentials_.name;
      if (turn == 1) return credentials_.password;
      return fail(Code::invalid, "LOGIN: a third challenge");
    case Mechanism::plain:
    case Mechanism::external: return respond_once(turn);
    case Mechanism::gssapi: return gssapi_.respond(challenge);
    case Mechanism::oauthbearer:
    case Mechanism::xoauth2: return respond_bearer(turn, challenge);
    default: return respond_scram(turn, challenge);
  }
}

Result<std::string> Client::respond_once(int turn) {
  if (turn > 0) return fail(Code::invalid, "a second challenge");
  if (mechanism_ == Mechanism::external) return credentials_.authzid;
  return print_plain(PlainMessage{.authzid = credentials_.authzid,
                                  .authcid = credentials_.name,
                                  .password = credentials_.password});
}

Result<std::string> Client::respond_bearer(int turn, std::string_view challenge) {
  const bool xoauth2 = mechanism_ == Mechanism::xoauth2;
  if (turn > 0) {
    problem_ = TRY(parse_bearer_problem(challenge));
    // RFC 7628 3.2.3; XOAUTH2's dummy is empty.
    return xoauth2 ? "" : std::string(1, '\x01');
  }
  BearerMessage message;
  const auto& as = credentials_.authzid.empty() ? credentials_.name : credentials_.authzid;
  if (xoauth2) {
    message.pairs.emplace_back("user", as);
  } else {
    message.gs2 = Gs2Header{.flag = 'n', .binding = "", .authzid = as};
    if (!credentials_.host.empty()) message.pairs.emplace_back("host", credentials_.host);
    if (credentials_.port != 0)
      message.pairs.emplace_back("port", std::to_string(credentials_.port));
  }
  message.pairs.emplace_back("auth", "Bearer " + credentials_.token);
  return print_bearer(message);
}

Result<std::string> Client::respond_scram(int turn, std::string_view challenge) {
  if (turn == 0) return scram_first();
  if (turn == 1) return scram_final(challenge);
  if (turn == 2) return scram_verify(challenge);
  return fail(Code::invalid, "SCRAM: a fourth challenge");
}

Result<> Client::finish() const {
  if (is_scram(mechanism_) && !server_proved_) {
    return fail(Code::auth_failed, "SCRAM: the server did not prove that it knows the password");
  }
  if (mechanism_ == Mechanism::gssapi && !gssapi_.finished()) {
    return fail(Code::auth_failed, "GSSAPI: the server did not prove who it is");
  }
  return {};
}

Result<std::string> Client::scram_first() {
  if (mechanism_ == Mechanism::scram_sha_256_plus && first_.gs2.flag != 'p') {
    return fail(Code::cannot, "SCRAM-SHA-256-PLUS without a channel binding");
  }
  first_.name = TRY(saslprep(credentials_.name, PrepFor::query));
  first_.gs2.authzid = TRY(saslprep(credentials_.authzid, PrepFor::query));
  return print_client_first(first_);
}

Result<std::string> Client::scram_final(std::string_view challenge) {
  const auto server = TRY(parse_server_first(challenge));
  const bool longer = server.nonce.size() > first_.nonce.size() &&
                      server.nonce.compare(0, first_.nonce.size(), first_.nonce) == 0;
  if (!longer) return fail(Code::auth_failed, "SCRAM: the server's nonce does not begin with ours");
  // Fewer would hand a rogue server something cheap to guess at; more would be an attack on our
  // time.
  if (server.iterations < scram_iterations_min || server.iterations > scram_iterations_max) {
    return fail(Code::auth_failed, "SCRAM: iteration count out of bounds");
  }
  auto password = TRY(saslprep(credentials_.password, PrepFor::query));
  ClientFinal message;
  message.channel_binding = print_gs2_header(first_.gs2);
  if (first_.gs2.flag == 'p') message.channel_binding += options_.bindings.front().data;
  message.nonce = server.nonce;
  const std::string auth_message = print_client_first_bare(first_) + "," + std::string(challenge) +
                                   "," + print_client_final_without_proof(message);
  auto answer = answer_challenge(password, server, auth_message, scram_hash(mechanism_));
  wipe(password);
  message.proof = std::move(answer.proof);
  server_signature_ = std::move(answer.server_signature);
  return print_client_final(message);
}

Result<std::string> Client::scram_verify(std::string_view challenge) {
  const auto server = TRY(parse_server_final(challenge));
  if (!server.error.empty()) return fail(Code::auth_failed, "SCRAM: server says " + server.error);
  if (!equal_in_constant_time(server.signature, server_signature_)) {
    return fail(Code::auth_failed, "SCRAM: the server does not know the password");
  }
  server_proved_ = true;
  return std::string();
}

namespace {
bool usable(Mechanism mechanism, const ChannelBindings& bindings, const Credentials& credentials) {
  if (is_plus(mechanism) && bindings.empty()) return false;
  switch (mechanism) {
    case Mechanism::oauthbearer:
    case Mechanism::xoauth2: return !credentials.token.empty();
    case Mechanism::gssapi: return credentials.gss != nullptr;
    // Whether a certificate was shown, and is all there is to show, the caller knows.
    case Mechanism::external:
    case Mechanism::ntlm: return false;
    default: return credentials.token.empty() && credentials.gss == nullptr;
  }
}
}  // namespace

std::optional<Mechanism> choose_mechanism(const std::vector<Mechanism>& offered,
                                          const ChannelBindings& bindings) {
  return choose_mechanism(offered, bindings, Credentials());
}

std::optional<Mechanism> choose_mechanism(const std::vector<Mechanism>& offered,
                                          const ChannelBindings& bindings,
                                          const Credentials& credentials) {
  for (const auto mechanism :
       {Mechanism::gssapi, Mechanism::scram_sha_256_plus, Mechanism::scram_sha_1_plus,
        Mechanism::scram_sha_256, Mechanism::scram_sha_1, Mechanism::oauthbearer,
        Mechanism::xoauth2, Mechanism::plain, Mechanism::login}) {
    if (!usable(mechanism, bindings, credentials)) continue;
    if (std::find(offered.begin(), offered.end(), mechanism) != offered.end()) return mechanism;
  }
  return std::nullopt;
}

}  // namespace eilpost::sasl
