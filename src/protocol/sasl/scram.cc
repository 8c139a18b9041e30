#include "protocol/sasl/scram.h"

#include <algorithm>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

namespace {
struct Keys {
  std::string client;
  std::string stored;
  std::string server;
};

// RFC 5802 section 3.
Keys derive(ScramHash method, std::string_view prepared_password, std::string_view salt,
            uint32_t iterations) {
  auto salted = pbkdf2(method, prepared_password, salt, iterations);
  Keys keys;
  keys.client = hmac(method, salted, "Client Key");
  keys.stored = hash(method, keys.client);
  keys.server = hmac(method, salted, "Server Key");
  wipe(salted);
  return keys;
}

std::string exclusive_or(std::string_view a, std::string_view b) {
  std::string out(a);
  for (size_t i = 0; i < out.size() && i < b.size(); ++i) {
    out[i] = static_cast<char>(out[i] ^ b[i]);
  }
  return out;
}
}  // namespace

ScramVerifier make_verifier(std::string_view prepared_password, std::string_view salt,
                            uint32_t iterations, ScramHash hash) {
  auto keys = derive(hash, prepared_password, salt, iterations);
  wipe(keys.client);
  return ScramVerifier{.hash = hash,
                       .salt = std::string(salt),
                       .iterations = iterations,
                       .stored_key = std::move(keys.stored),
                       .server_key = std::move(keys.server)};
}

ScramVerifier fake_verifier(std::string_view secret, std::string_view name, uint32_t iterations,
                            ScramHash hash) {
  const auto derived = [&](std::string_view label) {
    std::string text(label);
    text += '\0';
    text += name;
    return hmac_sha256(secret, text);
  };
  // A proof that fits would be a preimage of the stored key under the hash.
  return ScramVerifier{.hash = hash,
                       .salt = derived("salt").substr(0, scram_salt_octets),
                       .iterations = iterations,
                       .stored_key = derived("stored key").substr(0, hash_octets(hash)),
                       .server_key = derived("server key").substr(0, hash_octets(hash))};
}

bool verifier_fits(const ScramVerifier& verifier, std::string_view prepared_password) {
  auto keys = derive(verifier.hash, prepared_password, verifier.salt, verifier.iterations);
  wipe(keys.client);
  return equal_in_constant_time(keys.stored, verifier.stored_key);
}

ChallengeAnswer answer_challenge(std::string_view prepared_password, const ServerFirst& server,
                                 std::string_view auth_message, ScramHash hash) {
  auto keys = derive(hash, prepared_password, server.salt, server.iterations);
  ChallengeAnswer out{.proof = exclusive_or(keys.client, hmac(hash, keys.stored, auth_message)),
                      .server_signature = hmac(hash, keys.server, auth_message)};
  wipe(keys.client);
  return out;
}

Step ScramServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  return step(*initial);
}

Step ScramServer::step(std::string_view octets) {
  if (state_ == State::first) return first(octets);
  if (state_ == State::final) return final(octets);
  return failure(Code::invalid, "SCRAM: a message out of turn");
}

// RFC 5802 section 6. Every mismatch ends the exchange: that is what keeps somebody in between from
// removing -PLUS from what the server offers.
Result<> ScramServer::check_binding_flag(const Gs2Header& gs2) const {
  if (gs2.flag == 'p') {
    if (!options_.plus) return fail(Code::invalid, "SCRAM: gs2 flag p without -PLUS");
    return {};
  }
  if (options_.plus) return fail(Code::invalid, "SCRAM: -PLUS without gs2 flag p");
  if (gs2.flag == 'y' && options_.plus_offered) {
    return fail(Code::auth_failed,
                "SCRAM: the client saw no -PLUS though it was offered; a downgrade");
  }
  return {};
}

// What c= must hold: the gs2 header again, and the binding's octets behind it.
Result<std::string> ScramServer::expected_binding() const {
  std::string out = print_gs2_header(client_first_.gs2);
  if (client_first_.gs2.flag != 'p') return out;
  const auto type = binding_named(client_first_.gs2.binding);
  for (const auto& binding : options_.bindings) {
    if (type && binding.type == *type) return out + binding.data;
  }
  return fail(Code::auth_failed, "SCRAM: channel binding " + client_first_.gs2.binding +
                                     " is not available on this connection");
}

Step ScramServer::first(std::string_view octets) {
  state_ = State::over;
  auto message = parse_client_first(octets);
  if (!message) return Failure{std::move(message).error()};
  client_first_ = std::move(*message);
  if (auto flag = check_binding_flag(client_first_.gs2); !flag) return Failure{flag.error()};
  if (auto binding = expected_binding(); !binding) return Failure{binding.error()};
  auto name = saslprep(client_first_.name, PrepFor::query);
  if (!name) return failure(Code::invalid, "SCRAM name: " + name.error().detail);
  auto authzid = saslprep(client_first_.gs2.authzid, PrepFor::query);
  if (!authzid) return failure(Code::invalid, "SCRAM authzid: " + authzid.error().detail);
  if (name->empty()) return failure(Code::invalid, "SCRAM: empty name");
  authcid_ = *name;
  authzid_ = *authzid;
  state_ = State::lookup;
  return NeedLookup{FetchVerifier{
      .name = std::move(*name), .authzid = std::move(*authzid), .hash = options_.hash}};
}

Step ScramServer::resume(Result<ScramVerifier> answer) {
  if (state_ != State::lookup) return failure(Code::internal, "SCRAM: an answer nobody asked for");
  state_ = State::over;
  if (!answer) return Failure{std::move(answer).error()};
  const size_t octets = hash_octets(options_.hash);
  if (answer->hash != options_.hash || answer->stored_key.size() != octets ||
      answer->server_key.size() != octets || answer->salt.empty() || answer->iterations == 0) {
    return failure(Code::corrupt, "SCRAM: the directory's verifier makes no sense");
  }
  verifier_ = std::move(*answer);
  nonce_ = client_first_.nonce + options_.nonce;
  server_first_ = print_server_first(ServerFirst{.nonce = nonce_,
                                                 .salt = verifier_.salt,
                                                 .iterations = verifier_.iterations,
                                                 .extensions = ""});
  state_ = State::final;
  return Challenge{server_first_};
}

Step ScramServer::final(std::string_view octets) {
  state_ = State::over;
  const auto message = parse_client_final(octets);
  if (!message) return Failure{message.error()};
  if (message->nonce != nonce_) return failure(Code::auth_failed, "SCRAM: not the nonce I gave");
  const auto binding = expected_binding();
  if (!binding) return Failure{binding.error()};
  if (!equal_in_constant_time(message->channel_binding, *binding)) {
    return failure(Code::auth_failed,
                   "SCRAM: channel binding differs; somebody may sit in between");
  }
  if (message->proof.size() != hash_octets(options_.hash)) {
    return failure(Code::invalid, "SCRAM: proof of a wrong length");
  }
  // Strict base64 and extensions kept as they came make the printed form equal to what was
  // received.
  const std::string auth_message = print_client_first_bare(client_first_) + "," + server_first_ +
                                   "," + print_client_final_without_proof(*message);
  const auto client_key =
      exclusive_or(message->proof, hmac(options_.hash, verifier_.stored_key, auth_message));
  if (!equal_in_constant_time(hash(options_.hash, client_key), verifier_.stored_key)) {
    return failure(Code::auth_failed, "SCRAM: wrong proof");
  }
  return Success{.authcid = authcid_,
                 .authzid = authzid_,
                 .final_octets = print_server_final(ServerFinal{
                     .signature = hmac(options_.hash, verifier_.server_key, auth_message)})};
}

}  // namespace eilpost::sasl
