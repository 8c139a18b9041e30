#include "protocol/sasl/bearer.h"

#include <algorithm>

#include "base/json.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

namespace {
constexpr char separator = '\x01';
constexpr size_t pairs_max = 16;

bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// value = *(VCHAR / SP / HTAB / CR / LF)
bool is_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
  });
}

// XOAUTH2's user may be in UTF-8.
bool is_user(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

// *kvpair kvsep, where kvpair = key "=" value kvsep
Result<> take_pairs(std::string_view octets, BearerMessage& out) {
  for (;;) {
    const size_t end = octets.find(separator);
    if (end == std::string_view::npos) return fail(Code::invalid, "token message: no end");
    const auto pair = octets.substr(0, end);
    octets.remove_prefix(end + 1);
    if (pair.empty()) break;
    const size_t equals = pair.find('=');
    const auto key = pair.substr(0, equals);
    const auto value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    const bool user = !out.gs2 && key == "user" && is_user(value);
    if (equals == std::string_view::npos || !is_key(key) || !(user || is_value(value))) {
      return fail(Code::invalid, "token message: KEY=VALUE expected");
    }
    const bool twice = std::any_of(out.pairs.begin(), out.pairs.end(),
                                   [&](const auto& other) { return other.first == key; });
    if (twice || out.pairs.size() == pairs_max) {
      return fail(Code::invalid, "token message: a key twice, or too many");
    }
    out.pairs.emplace_back(key, value);
  }
  if (!octets.empty()) return fail(Code::invalid, "token message: octets behind the end");
  return {};
}

bool starts_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  return std::equal(lower.begin(), lower.end(), text.begin(), [](char l, char c) {
    return l == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  });
}

// b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool is_token(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
  });
}
}  // namespace

std::string_view BearerMessage::value(std::string_view key) const {
  for (const auto& [name, text] : pairs) {
    if (name == key) return text;
  }
  return "";
}

Result<BearerMessage> parse_oauthbearer(std::string_view octets) {
  if (octets.size() > token_octets_max) return fail(Code::too_big, "token message too long");
  BearerMessage out;
  out.gs2 = TRY(take_gs2_header(octets, "OAUTHBEARER"));
  if (octets.empty() || octets.front() != separator) {
    return fail(Code::invalid, "OAUTHBEARER: octet 1 expected behind the gs2 header");
  }
  TRY(take_pairs(octets.substr(1), out));
  return out;
}

Result<BearerMessage> parse_xoauth2(std::string_view octets) {
  if (octets.size() > token_octets_max) return fail(Code::too_big, "token message too long");
  BearerMessage out;
  TRY(take_pairs(octets, out));
  if (out.pairs.empty() || out.pairs.front().first != "user") {
    return fail(Code::invalid, "XOAUTH2: user= expected");
  }
  return out;
}

std::string print_bearer(const BearerMessage& message) {
  std::string out;
  if (message.gs2) out = print_gs2_header(*message.gs2) + separator;
  for (const auto& [key, value] : message.pairs) {
    out += key;
    out += '=';
    out += value;
    out += separator;
  }
  return out + separator;
}

Result<std::string> bearer_token(const BearerMessage& message) {
  constexpr std::string_view scheme = "bearer ";
  auto auth = message.value("auth");
  if (auth.empty()) return std::string();
  if (!starts_ignoring_case(auth, scheme)) {
    return fail(Code::invalid, "token message: auth=Bearer expected");
  }
  auth.remove_prefix(scheme.size());
  if (!is_token(auth)) return fail(Code::invalid, "token message: not a token");
  return std::string(auth);
}

Result<BearerProblem> parse_bearer_problem(std::string_view octets) {
  const auto json = TRY(parse_json(octets));
  if (!json.is_object()) return fail(Code::invalid, "a challenge that is no JSON object");
  return BearerProblem{.status = std::string(json.text_at("status")),
                       .scope = std::string(json.text_at("scope")),
                       .openid_configuration = std::string(json.text_at("openid-configuration")),
                       .schemes = std::string(json.text_at("schemes")),
                       .reason = std::string(json.text_at("reason"))};
}

Step BearerServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  auto next = step(*initial);
  wipe(*initial);
  return next;
}

Step BearerServer::step(std::string_view octets) {
  // RFC 7628 3.2.3: the client's dummy, whatever it is; then the failure.
  if (refused_) return Failure{*std::move(refused_)};
  auto message = xoauth2_ ? parse_xoauth2(octets) : parse_oauthbearer(octets);
  if (!message) return Failure{std::move(message).error()};
  // RFC 7628 3.1: this mechanism does not bind to a channel.
  if (message->gs2 && message->gs2->flag == 'p') {
    return failure(Code::invalid, "OAUTHBEARER: gs2 flag p");
  }
  auto token = bearer_token(*message);
  if (!token) return Failure{std::move(token).error()};
  const auto authzid = xoauth2_ ? message->value("user") : std::string_view(message->gs2->authzid);
  auto prepared = saslprep(authzid, PrepFor::query);
  if (!prepared) return failure(Code::invalid, "token message: " + prepared.error().detail);
  authzid_ = *prepared;
  return NeedLookup{CheckToken{.authzid = std::move(*prepared), .token = std::move(*token)}};
}

Step BearerServer::resume(TokenAnswer answer) {
  if (answer.name) {
    return Success{
        .authcid = std::move(*answer.name), .authzid = std::move(authzid_), .final_octets = ""};
  }
  if (answer.problem.empty()) return Failure{std::move(answer.name).error()};
  refused_ = std::move(answer.name).error();
  return Challenge{std::move(answer.problem)};
}

}  // namespace eilpost::sasl
