// SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS (RFC 5802, RFC 7677, RFC 9266): messages both ways,
// the arithmetic, and the server's side. Callers use server.h and client.h. The functions are pure;
// a ScramServer belongs to one exchange and is not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

inline constexpr uint32_t scram_iterations_min = 4096;        // RFC 7677 section 4
inline constexpr uint32_t scram_iterations_max = 10'000'000;  // what a client agrees to compute
inline constexpr size_t scram_salt_octets = 16;
inline constexpr size_t scram_nonce_octets = 18;  // become 24 printable ones

// gs2-header = gs2-cbind-flag "," [ authzid ] ","
struct Gs2Header {
  // n: the client cannot bind. y: it can, but thinks that the server cannot. p: it binds.
  char flag = 'n';
  std::string binding;  // the name after "p="; may be one we do not know
  std::string authzid;
  friend bool operator==(const Gs2Header&, const Gs2Header&) = default;
};
std::string print_gs2_header(const Gs2Header& header);
// Takes a header off the front of `octets`; `what` names the message in errors.
Result<Gs2Header> take_gs2_header(std::string_view& octets, std::string_view what);

struct ClientFirst {
  Gs2Header gs2;
  std::string name;
  std::string nonce;
  std::string extensions;  // ",x=..." as received; "" mostly
  friend bool operator==(const ClientFirst&, const ClientFirst&) = default;
};
Result<ClientFirst> parse_client_first(std::string_view octets);
std::string print_client_first(const ClientFirst& message);
std::string print_client_first_bare(const ClientFirst& message);

struct ServerFirst {
  std::string nonce;
  std::string salt;
  uint32_t iterations = 0;
  std::string extensions;
  friend bool operator==(const ServerFirst&, const ServerFirst&) = default;
};
Result<ServerFirst> parse_server_first(std::string_view octets);
std::string print_server_first(const ServerFirst& message);

struct ClientFinal {
  std::string channel_binding;  // gs2 header and binding data, decoded
  std::string nonce;
  std::string extensions;
  std::string proof;
  friend bool operator==(const ClientFinal&, const ClientFinal&) = default;
};
Result<ClientFinal> parse_client_final(std::string_view octets);
std::string print_client_final(const ClientFinal& message);
std::string print_client_final_without_proof(const ClientFinal& message);

struct ServerFinal {
  std::string signature;  // v=, or
  std::string error;      // e=
  std::string extensions;
  friend bool operator==(const ServerFinal&, const ServerFinal&) = default;
};
Result<ServerFinal> parse_server_final(std::string_view octets);
std::string print_server_final(const ServerFinal& message);

// What is stored for a password that has been through SASLprep.
ScramVerifier make_verifier(std::string_view prepared_password, std::string_view salt,
                            uint32_t iterations, ScramHash hash = ScramHash::sha_256);
// A verifier for a name that does not exist: the same for the same name and secret for ever, and
// one that no proof fits. `secret` must outlive restarts, or the salt would give the unknown name
// away.
ScramVerifier fake_verifier(std::string_view secret, std::string_view name, uint32_t iterations,
                            ScramHash hash = ScramHash::sha_256);
// What a client sends for a password, and what the server must prove in return. AuthMessage is that
// of RFC 5802 section 3.
struct ChallengeAnswer {
  std::string proof;
  std::string server_signature;
};
ChallengeAnswer answer_challenge(std::string_view prepared_password, const ServerFirst& server,
                                 std::string_view auth_message,
                                 ScramHash hash = ScramHash::sha_256);
// Does this password give this verifier?
bool verifier_fits(const ScramVerifier& verifier, std::string_view prepared_password);

class ScramServer {
 public:
  struct Options {
    ScramHash hash = ScramHash::sha_256;
    bool plus = false;          // a -PLUS was chosen
    bool plus_offered = false;  // it stood in CAPABILITY: then a client that says 'y' was lied to
    ChannelBindings bindings;
    std::string nonce;  // the server's part, printable, no comma
  };
  explicit ScramServer(Options options) : options_(std::move(options)) {}
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<ScramVerifier> answer);

 private:
  enum class State { first, lookup, final, over };
  Step first(std::string_view octets);
  Step final(std::string_view octets);
  Result<> check_binding_flag(const Gs2Header& gs2) const;
  Result<std::string> expected_binding() const;

  Options options_;
  State state_ = State::first;
  ClientFirst client_first_;
  std::string authzid_;
  std::string authcid_;
  std::string server_first_;
  std::string nonce_;
  ScramVerifier verifier_;
};

}  // namespace eilpost::sasl
