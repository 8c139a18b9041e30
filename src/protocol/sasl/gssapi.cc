#include "protocol/sasl/gssapi.h"

#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

namespace {
constexpr int rounds_max = 10;
constexpr size_t header_octets = 4;
}  // namespace

Result<SecurityLayer> parse_security_layer(std::string_view octets) {
  if (octets.size() < header_octets) return fail(Code::invalid, "GSSAPI: no security layer");
  const auto octet = [&](size_t i) { return static_cast<uint8_t>(octets[i]); };
  SecurityLayer out;
  out.layers = octet(0);
  out.octets_max =
      static_cast<uint32_t>(octet(1)) << 16 | static_cast<uint32_t>(octet(2)) << 8 | octet(3);
  out.authzid = octets.substr(header_octets);
  if (out.authzid.find('\0') != std::string::npos) {
    return fail(Code::invalid, "GSSAPI: NUL in the authorization identity");
  }
  return out;
}

std::string print_security_layer(const SecurityLayer& message) {
  std::string out;
  out += static_cast<char>(message.layers);
  for (const int shift : {16, 8, 0}) out += static_cast<char>(message.octets_max >> shift & 0xff);
  return out + message.authzid;
}

Step GssapiServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  return step(*initial);
}

Step GssapiServer::step(std::string_view octets) {
  switch (state_) {
    case State::context:
      if (++rounds_ > rounds_max) return failure(Code::invalid, "GSSAPI: an endless negotiation");
      asked_ = GssCall::Kind::accept;
      return NeedLookup{GssCall{.kind = asked_, .octets = std::string(octets)}};
    case State::last_token:
      // RFC 4752 3.1: an empty response to the context's last token.
      if (!octets.empty()) return failure(Code::invalid, "GSSAPI: an empty response expected");
      asked_ = GssCall::Kind::wrap;
      return NeedLookup{GssCall{.kind = asked_, .octets = print_security_layer({})}};
    case State::layer:
      asked_ = GssCall::Kind::unwrap;
      return NeedLookup{GssCall{.kind = asked_, .octets = std::string(octets)}};
    case State::over: break;
  }
  return failure(Code::invalid, "GSSAPI: a message out of turn");
}

Step GssapiServer::resume(Result<GssReply> answer) {
  if (!answer) {
    state_ = State::over;
    return Failure{std::move(answer).error()};
  }
  if (asked_ == GssCall::Kind::unwrap) return finish(*answer);
  if (asked_ == GssCall::Kind::wrap) {
    state_ = State::layer;
    return Challenge{std::move(answer->octets)};
  }
  if (!answer->complete) return Challenge{std::move(answer->octets)};
  name_ = std::move(answer->name);
  state_ = State::last_token;
  if (answer->octets.empty()) return step("");
  return Challenge{std::move(answer->octets)};
}

Step GssapiServer::finish(const GssReply& unwrapped) {
  state_ = State::over;
  auto layer = parse_security_layer(unwrapped.octets);
  if (!layer) return Failure{std::move(layer).error()};
  if (layer->layers != SecurityLayer::none) {
    return failure(Code::invalid, "GSSAPI: a security layer that was not offered");
  }
  auto authzid = saslprep(layer->authzid, PrepFor::query);
  if (!authzid) return failure(Code::invalid, "GSSAPI: " + authzid.error().detail);
  return Success{.authcid = name_, .authzid = std::move(*authzid), .final_octets = ""};
}

Result<std::string> GssapiClient::respond(std::string_view challenge) {
  if (!run_) return fail(Code::cannot, "GSSAPI: no Kerberos here");
  if (!complete_) {
    auto reply = TRY(run_({.kind = GssCall::Kind::accept, .octets = std::string(challenge)}));
    complete_ = reply.complete;
    return std::move(reply.octets);
  }
  const auto offered = TRY(run_({.kind = GssCall::Kind::unwrap, .octets = std::string(challenge)}));
  const auto layer = TRY(parse_security_layer(offered.octets));
  if ((layer.layers & SecurityLayer::none) == 0) {
    return fail(Code::cannot, "GSSAPI: the server insists on a security layer of its own");
  }
  auto reply = TRY(
      run_({.kind = GssCall::Kind::wrap, .octets = print_security_layer({.authzid = authzid_})}));
  finished_ = true;
  return std::move(reply.octets);
}

}  // namespace eilpost::sasl
