// The words that all mechanisms share: their names, channel bindings, and what a step of an
// exchange asks for. A server's exchange never blocks: where it needs to know something about an
// account it answers NeedLookup, and the caller asks a directory on its own thread and comes back
// with the answer. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace eilpost::sasl {

enum class Mechanism {
  plain,               // RFC 4616
  login,               // draft-murchison-sasl-login
  scram_sha_1,         // RFC 5802
  scram_sha_1_plus,    // the same with channel binding
  scram_sha_256,       // RFC 7677
  scram_sha_256_plus,  // the same with channel binding
  external,            // RFC 4422 appendix A: a TLS client certificate
  gssapi,              // RFC 4752: Kerberos V
  ntlm,                // MS-NLMP
  oauthbearer,         // RFC 7628
  xoauth2,             // the same before it had an RFC
};

std::string_view mechanism_name(Mechanism mechanism);
// Ignores case.
std::optional<Mechanism> mechanism_named(std::string_view name);
// True when the server gets to see the password.
bool reveals_password(Mechanism mechanism);
// True when whoever listens gets to see something to log in with: a password or a token.
bool reveals_secret(Mechanism mechanism);
bool is_scram(Mechanism mechanism);
// A SCRAM mechanism whose name ends in -PLUS.
bool is_plus(Mechanism mechanism);

enum class ScramHash { sha_256, sha_1 };
// Of a SCRAM mechanism.
ScramHash scram_hash(Mechanism mechanism);

enum class BindingType {
  tls_exporter,          // RFC 9266
  tls_server_end_point,  // RFC 5929 4
  tls_unique,            // RFC 5929 3; only TLS 1.2 with extended master secret
};
std::string_view binding_name(BindingType type);
std::optional<BindingType> binding_named(std::string_view name);

struct ChannelBinding {
  BindingType type = BindingType::tls_exporter;
  std::string data;
  friend bool operator==(const ChannelBinding&, const ChannelBinding&) = default;
};
// What this connection's TLS can give, best first; empty without TLS.
using ChannelBindings = std::vector<ChannelBinding>;

// RFC 5802 section 3. What a directory stores instead of a password.
struct ScramVerifier {
  ScramHash hash = ScramHash::sha_256;
  std::string salt;
  uint32_t iterations = 0;
  std::string stored_key;
  std::string server_key;
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

// Send these octets (base64 in IMAP), read the client's answer, call step().
struct Challenge {
  std::string octets;
};

// Is this the password, and may the name act as authzid (empty: as itself)? Answer: Result<>.
// All three have been through SASLprep.
struct CheckPassword {
  std::string name;
  std::string authzid;
  std::string password;
};
// What is this name's verifier? Answer: Result<ScramVerifier>; an unknown name gets a made-up one
// (fake_verifier() in scram.h), so that the client cannot tell.
struct FetchVerifier {
  std::string name;
  std::string authzid;
  ScramHash hash = ScramHash::sha_256;
};
// Is this bearer token good, and whose is it? Answer: TokenAnswer.
struct CheckToken {
  std::string authzid;  // as whom the client wants to act: "a=" or "user="
  std::string token;
};
struct TokenAnswer {
  Result<std::string> name;
  std::string problem;  // where there is no name: the JSON that tells the client why
};
// Whose is the certificate that the client showed in the TLS handshake? Answer:
// Result<CertifiedName>.
struct CheckCertificate {
  std::string authzid;
};
struct CertifiedName {
  std::string name;
};
// A call of the GSS-API, which blocks and keeps its context with the caller. Answer:
// Result<GssReply>. A `name` comes with the reply that completes the context.
struct GssCall {
  enum class Kind { accept, wrap, unwrap };
  Kind kind = Kind::accept;
  std::string octets;
};
struct GssReply {
  std::string octets;
  bool complete = false;
  std::string name;
};
// Does this NTLMv2 response answer this challenge? Answer: Result<NtlmReply>.
struct CheckNtlm {
  std::string domain;  // UTF-8, as are the others
  std::string user;
  std::string workstation;
  std::string challenge;  // 8 octets
  std::string nt_response;
  std::string lm_response;
};
struct NtlmReply {
  std::string name;
  std::string session_base_key;  // 16 octets
};
using Lookup =
    std::variant<CheckPassword, FetchVerifier, CheckToken, CheckCertificate, GssCall, CheckNtlm>;
struct NeedLookup {
  Lookup lookup;
};
// Whose secret a lookup is about, as the client spells it; "" where that comes out only with the
// answer (tokens, tickets, certificates).
std::string_view claimed_name(const Lookup& lookup);
// The answer's alternative has the index of its Lookup's.
using LookupAnswer = std::variant<Result<>, Result<ScramVerifier>, TokenAnswer,
                                  Result<CertifiedName>, Result<GssReply>, Result<NtlmReply>>;

// The client is who it says. Whether it may act as authzid has been asked for PLAIN and LOGIN only
// through CheckPassword; the caller asks for every mechanism before it lets the session in.
struct Success {
  std::string authcid;
  std::string authzid;  // empty: none given
  // If not empty: to be sent as a last challenge, which the client answers with an empty response
  // (RFC 9051 has no place for it in the tagged OK).
  std::string final_octets;
};

// error.code is for the peer (auth_failed, invalid, unavailable, authz_failed ...).
struct Failure {
  Error error;
};

using Step = std::variant<Challenge, NeedLookup, Success, Failure>;

Failure failure(Code code, std::string detail);

}  // namespace eilpost::sasl
