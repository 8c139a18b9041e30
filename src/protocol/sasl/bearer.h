// OAUTHBEARER (RFC 7628) and XOAUTH2, which differs in its first words only: messages and the
// server's side. A refused token is answered with a challenge of JSON that says why, which the
// client answers with a dummy, and then with the failure. Callers use server.h. Not thread safe;
// belongs to one exchange.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"
#include "protocol/sasl/scram.h"

namespace eilpost::sasl {

// client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep; XOAUTH2 has no header, and begins with
// the pair "user".
struct BearerMessage {
  std::optional<Gs2Header> gs2;                            // nothing: XOAUTH2
  std::vector<std::pair<std::string, std::string>> pairs;  // as they came
  std::string_view value(std::string_view key) const;      // "" when there is none
  friend bool operator==(const BearerMessage&, const BearerMessage&) = default;
};
Result<BearerMessage> parse_oauthbearer(std::string_view octets);
Result<BearerMessage> parse_xoauth2(std::string_view octets);
std::string print_bearer(const BearerMessage& message);

// What "auth" holds behind the scheme "Bearer" (RFC 6750 2.1); empty when it holds nothing, by
// which a client asks where to get a token.
Result<std::string> bearer_token(const BearerMessage& message);

// What a refusal's challenge says, for clients.
struct BearerProblem {
  std::string status;
  std::string scope;
  std::string openid_configuration;
  std::string schemes;  // XOAUTH2
  std::string reason;   // ours: what is wrong with the token
};
Result<BearerProblem> parse_bearer_problem(std::string_view octets);

class BearerServer {
 public:
  explicit BearerServer(Mechanism mechanism) : xoauth2_(mechanism == Mechanism::xoauth2) {}
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(TokenAnswer answer);

 private:
  bool xoauth2_ = false;
  std::string authzid_;
  std::optional<Error> refused_;  // waiting for the dummy
};

}  // namespace eilpost::sasl
