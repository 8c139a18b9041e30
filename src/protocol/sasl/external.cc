#include "protocol/sasl/external.h"

#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

Step ExternalServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  return step(*initial);
}

// extern-initial-resp = *( UTF8-char-no-nul )
Step ExternalServer::step(std::string_view octets) {
  if (octets.find('\0') != std::string_view::npos) {
    return failure(Code::invalid, "EXTERNAL: NUL in the message");
  }
  auto authzid = saslprep(octets, PrepFor::query);
  if (!authzid) return failure(Code::invalid, "EXTERNAL: " + authzid.error().detail);
  authzid_ = *authzid;
  return NeedLookup{CheckCertificate{.authzid = std::move(*authzid)}};
}

Step ExternalServer::resume(Result<CertifiedName> answer) {
  if (!answer) return Failure{std::move(answer).error()};
  return Success{
      .authcid = std::move(answer->name), .authzid = std::move(authzid_), .final_octets = ""};
}

}  // namespace eilpost::sasl
