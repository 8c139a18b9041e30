// GSSAPI (RFC 4752): the framing around a GSS-API context, which lives with the caller and is
// worked through GssCall, as it blocks. No security layer is offered but none: TLS is there for
// that. Server's and client's side; callers use server.h and client.h. Not thread safe; one
// exchange.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

// The message of RFC 4752 3.1 and 3.2 that GSS_Wrap protects.
struct SecurityLayer {
  static constexpr uint8_t none = 1;
  static constexpr uint8_t integrity = 2;
  static constexpr uint8_t confidentiality = 4;
  uint8_t layers = none;    // a bit mask in the server's, one of them in the client's
  uint32_t octets_max = 0;  // 24 bits
  std::string authzid;      // the client's
  friend bool operator==(const SecurityLayer&, const SecurityLayer&) = default;
};
Result<SecurityLayer> parse_security_layer(std::string_view octets);
std::string print_security_layer(const SecurityLayer& message);

class GssapiServer {
 public:
  Step start(std::optional<std::string> initial);
  Step step(std::string_view octets);
  Step resume(Result<GssReply> answer);

 private:
  enum class State { context, last_token, layer, over };
  Step finish(const GssReply& unwrapped);

  State state_ = State::context;
  GssCall::Kind asked_ = GssCall::Kind::accept;
  int rounds_ = 0;
  std::string name_;
};

class GssapiClient {
 public:
  // Makes the call on a context of its own: `accept` stands for a step of the initiator.
  using Run = std::function<Result<GssReply>(const GssCall&)>;
  GssapiClient(Run run, std::string authzid) : run_(std::move(run)), authzid_(std::move(authzid)) {}
  Result<std::string> respond(std::string_view challenge);
  bool finished() const { return finished_; }

 private:
  Run run_;
  std::string authzid_;
  bool complete_ = false;
  bool finished_ = false;
};

}  // namespace eilpost::sasl
