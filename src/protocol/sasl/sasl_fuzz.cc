// Every message's law, parse(print(x)) == x and print(parse(text)) == text where the grammar has
// one spelling only; and servers and clients that are fed nonsense.
#include "base/check.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/client.h"
#include "protocol/sasl/jwt/jwt.h"
#include "protocol/sasl/ntlm/message.h"
#include "protocol/sasl/pac.h"
#include "protocol/sasl/saslprep.h"
#include "protocol/sasl/server.h"
#include "tests/fuzz.h"

namespace eilpost::sasl {
namespace {

// No password is ever right and no proof fits; a GSS-API context gets as far as the security layer.
LookupAnswer refuse(const Lookup& lookup) {
  const auto no = fail(Code::auth_failed, "no");
  if (std::holds_alternative<CheckPassword>(lookup)) return Result<>(no);
  if (const auto* fetch = std::get_if<FetchVerifier>(&lookup)) {
    return Result<ScramVerifier>(fake_verifier("s", "n", 4096, fetch->hash));
  }
  if (std::holds_alternative<CheckToken>(lookup)) return TokenAnswer{.name = no, .problem = "{}"};
  if (std::holds_alternative<CheckCertificate>(lookup)) return Result<CertifiedName>(no);
  if (const auto* call = std::get_if<GssCall>(&lookup)) {
    if (call->kind == GssCall::Kind::unwrap) return Result<GssReply>(no);
    return Result<GssReply>(GssReply{.octets = call->octets, .complete = true, .name = "n"});
  }
  return Result<NtlmReply>(no);
}

// Plays the data's lines against a server; the directory answers with a verifier of few iterations.
void play_server(Mechanism mechanism, std::string_view data) {
  Random random(1);
  Server server(mechanism,
                {.bindings = {{BindingType::tls_exporter, "octets"}}, .plus_offered = false},
                random);
  const auto next_line = [&] {
    const auto line = data.substr(0, data.find('\n'));
    data.remove_prefix(std::min(line.size() + 1, data.size()));
    return std::string(line);
  };
  Step step = server.start(next_line());
  for (int turns = 0; turns < 4; ++turns) {
    if (const auto* need = std::get_if<NeedLookup>(&step)) {
      step = server.resume(refuse(need->lookup));
    } else if (std::holds_alternative<Challenge>(step)) {
      step = server.step(next_line());
    }
    // No password was ever right and no proof can fit.
    CHECK(!std::holds_alternative<Success>(step));
  }
}

}  // namespace

FUZZ_TARGET(sasl_base64) {
  const auto decoded = base64_decode(data);
  if (decoded) CHECK(base64_encode(*decoded) == data);
  if (data.size() <= message_octets_max) CHECK(base64_decode(base64_encode(data)) == data);
}

FUZZ_TARGET(sasl_plain) {
  const auto message = parse_plain(data);
  if (message) CHECK(print_plain(*message) == data);
  play_server(Mechanism::plain, data);
}

FUZZ_TARGET(sasl_login) {
  play_server(Mechanism::login, data);
}

FUZZ_TARGET(sasl_scram) {
  if (const auto m = parse_client_first(data)) CHECK(print_client_first(*m) == data);
  if (const auto m = parse_server_first(data)) CHECK(print_server_first(*m) == data);
  if (const auto m = parse_client_final(data)) CHECK(print_client_final(*m) == data);
  if (const auto m = parse_server_final(data)) CHECK(print_server_final(*m) == data);
  play_server(Mechanism::scram_sha_256, data);
  play_server(Mechanism::scram_sha_256_plus, data);
}

FUZZ_TARGET(sasl_bearer) {
  if (const auto m = parse_oauthbearer(data)) {
    CHECK(print_bearer(*m) == data);
    (void)bearer_token(*m);
  }
  if (const auto m = parse_xoauth2(data)) CHECK(print_bearer(*m) == data);
  (void)parse_bearer_problem(data);
  play_server(Mechanism::oauthbearer, data);
  play_server(Mechanism::xoauth2, data);
}

FUZZ_TARGET(sasl_gssapi) {
  if (const auto m = parse_security_layer(data)) CHECK(print_security_layer(*m) == data);
  play_server(Mechanism::gssapi, data);
  play_server(Mechanism::external, data);
}

FUZZ_TARGET(sasl_ntlm) {
  if (const auto m = ntlm::parse_negotiate(data)) {
    CHECK(ntlm::parse_negotiate(ntlm::print_negotiate(*m)) == *m);
  }
  if (const auto m = ntlm::parse_challenge(data)) {
    CHECK(ntlm::parse_challenge(ntlm::print_challenge(*m)) == *m);
  }
  if (const auto m = ntlm::parse_authenticate(data)) {
    (void)ntlm::response_attributes(m->nt_response);
    // Fields that overlap print longer than they came, and may be too long then.
    const auto again = ntlm::parse_authenticate(ntlm::print_authenticate(*m));
    if (again) CHECK(*again == *m);
  }
  if (const auto text = ntlm::utf8(data)) CHECK(ntlm::utf16(*text) == data);
  play_server(Mechanism::ntlm, data);
}

FUZZ_TARGET(sasl_pac) {
  (void)account_sid(data);
  if (const auto sid = print_sid(data)) CHECK(sid->substr(0, 4) == "S-1-");
}

FUZZ_TARGET(jwt) {
  if (const auto jwt = parse_jwt(data)) {
    CHECK(print_jwt(*jwt) == data);
    CHECK(parse_jwt(print_jwt(*jwt)) == *jwt);
  }
  if (const auto json = parse_json(data)) CHECK(parse_json(print_json(*json)) == *json);
  const auto keys = parse_jwks(data);
  if (!keys) return;
  for (const auto& key : *keys) {
    for (const auto algorithm : {SignatureAlgorithm::rs256, SignatureAlgorithm::ps256,
                                 SignatureAlgorithm::es256, SignatureAlgorithm::eddsa}) {
      CHECK(!verify_signature(algorithm, key, "text", "signature"));
    }
  }
}

FUZZ_TARGET(sasl_prep) {
  const auto once = saslprep(data, PrepFor::storage);
  // What is stored must be found again by whoever types it.
  if (once) CHECK(saslprep(data, PrepFor::query) == *once);
  const auto folded = fold_case(data);
  if (folded && folded->size() <= 4096) CHECK(fold_case(*folded) == *folded);
  (void)domain_to_ascii(data);
}

}  // namespace eilpost::sasl
