// EXTERNAL (RFC 4422 appendix A): the client says only as whom it wants to act; who it is, the TLS
// handshake has shown. The server's side; callers use server.h. Not thread safe; belongs to one
// exchange.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

class ExternalServer {
 public:
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<CertifiedName> answer);

 private:
  std::string authzid_;
};

}  // namespace eilpost::sasl
