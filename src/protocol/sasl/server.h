// A server's side of one SASL exchange, whatever the mechanism:
//   start(initial response, if any) -> Step;   Challenge -> step(answer);   NeedLookup ->
//   resume(answer)
// until Success or Failure. Never blocks, holds no reference but for the moment of its making.
// After Success or Failure every further call is a Failure. Not thread safe; may move between
// threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/random.h"
#include "protocol/sasl/bearer.h"
#include "protocol/sasl/external.h"
#include "protocol/sasl/gssapi.h"
#include "protocol/sasl/mechanism.h"
#include "protocol/sasl/ntlm/server.h"
#include "protocol/sasl/plain.h"
#include "protocol/sasl/scram.h"

namespace eilpost::sasl {

struct ServerOptions {
  ChannelBindings bindings;   // of this connection
  bool plus_offered = false;  // a -PLUS mechanism stood in CAPABILITY on this connection
  NtlmTarget ntlm;            // for NTLM
};

class Server {
 public:
  Server(Mechanism mechanism, ServerOptions options, Random& random);

  Mechanism mechanism() const { return mechanism_; }
  Step start(std::optional<std::string> initial);
  Step step(std::string_view client_octets);
  // `answer` holds the alternative that the Lookup asked for.
  Step resume(LookupAnswer answer);

 private:
  enum class Phase { fresh, client, lookup, over };
  Step note(Step step);
  Step give(LookupAnswer answer);

  Mechanism mechanism_;
  Phase phase_ = Phase::fresh;
  std::variant<PlainServer, LoginServer, ScramServer, BearerServer, ExternalServer, GssapiServer,
               NtlmServer>
      exchange_;
};

}  // namespace eilpost::sasl
