#include "protocol/sasl/plain.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"
#include "protocol/sasl/saslprep.h"

namespace eilpost::sasl {

namespace {
// RFC 4616 2: what cannot be prepared, or is empty afterwards, is a failed verification.
Result<std::string> prepare(std::string_view text, std::string_view what) {
  auto prepared = saslprep(text, PrepFor::query);
  if (!prepared) {
    return fail(Code::auth_failed, fmt::format("{}: {}", what, prepared.error().detail));
  }
  if (prepared->empty()) return fail(Code::auth_failed, fmt::format("{} is empty", what));
  return prepared;
}

Result<CheckPassword> prepare_all(const PlainMessage& message) {
  CheckPassword check;
  check.name = TRY(prepare(message.authcid, "name"));
  if (!message.authzid.empty()) check.authzid = TRY(prepare(message.authzid, "authzid"));
  check.password = TRY(prepare(message.password, "password"));
  return check;
}
}  // namespace

Result<PlainMessage> parse_plain(std::string_view octets) {
  if (octets.size() > message_octets_max) return fail(Code::too_big, "PLAIN message too long");
  const auto nuls = std::count(octets.begin(), octets.end(), '\0');
  if (nuls != 2) {
    return fail(Code::invalid, fmt::format("PLAIN message with {} NULs instead of 2", nuls));
  }
  const size_t first = octets.find('\0');
  const size_t second = octets.find('\0', first + 1);
  PlainMessage message{.authzid = std::string(octets.substr(0, first)),
                       .authcid = std::string(octets.substr(first + 1, second - first - 1)),
                       .password = std::string(octets.substr(second + 1))};
  if (message.authcid.empty()) return fail(Code::invalid, "PLAIN message without a name");
  if (message.password.empty()) return fail(Code::invalid, "PLAIN message without a password");
  return message;
}

std::string print_plain(const PlainMessage& message) {
  std::string out = message.authzid;
  out += '\0';
  out += message.authcid;
  out += '\0';
  out += message.password;
  return out;
}

Step PlainServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{};
  auto next = step(*initial);
  wipe(*initial);
  return next;
}

Step PlainServer::step(std::string_view octets) {
  auto message = parse_plain(octets);
  if (!message) return Failure{std::move(message).error()};
  auto check = prepare_all(*message);
  wipe(message->password);
  if (!check) return Failure{std::move(check).error()};
  authcid_ = check->name;
  authzid_ = check->authzid;
  return NeedLookup{std::move(*check)};
}

Step PlainServer::resume(Result<> answer) {
  if (!answer) return Failure{std::move(answer).error()};
  return Success{.authcid = authcid_, .authzid = authzid_, .final_octets = ""};
}

Step LoginServer::start(std::optional<std::string> initial) {
  if (!initial) return Challenge{"Username:"};
  return step(*initial);
}

Step LoginServer::step(std::string_view octets) {
  if (octets.size() > message_octets_max) return failure(Code::too_big, "LOGIN answer too long");
  auto prepared = prepare(octets, has_name_ ? "password" : "name");
  if (!prepared) return Failure{std::move(prepared).error()};
  if (!has_name_) {
    has_name_ = true;
    name_ = std::move(*prepared);
    return Challenge{"Password:"};
  }
  return NeedLookup{CheckPassword{.name = name_, .authzid = "", .password = std::move(*prepared)}};
}

Step LoginServer::resume(Result<> answer) {
  if (!answer) return Failure{std::move(answer).error()};
  return Success{.authcid = name_, .authzid = "", .final_octets = ""};
}

}  // namespace eilpost::sasl
