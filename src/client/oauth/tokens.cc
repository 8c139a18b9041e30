#include "client/oauth/tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "mime/header.h"

namespace eilpost::client::oauth {

namespace {

// How long before it expires a token is renewed: a login that is under way may take its time.
constexpr int64_t margin_seconds = 300;
constexpr int64_t skew_seconds = 300;
constexpr int64_t lifetime_seconds_max = int64_t{10} * 365 * 86'400;

}  // namespace

Result<TokenAnswer> parse_token_answer(const net::HttpAnswer& answer, Timestamp now) {
  const auto json = parse_json(answer.body);
  if (!json || !json->is_object()) {
    return fail(Code::unavailable,
                fmt::format("the token endpoint answers {} and no JSON", answer.status));
  }
  TokenAnswer out;
  out.error = json->text_at("error");
  out.description = json->text_at("error_description");
  if (!out.error.empty()) return out;
  Tokens tokens;
  tokens.access = json->text_at("access_token");
  tokens.refresh = json->text_at("refresh_token");
  tokens.scope = json->text_at("scope");
  tokens.obtained = now.seconds();
  const auto lifetime = json->integer_at("expires_in");
  if (lifetime && *lifetime > 0) {
    tokens.expires = tokens.obtained + std::min(*lifetime, lifetime_seconds_max);
  }
  // RFC 6749 7.1: a token of a type that is not known must not be used.
  const bool bearer = mime::equals_ignoring_case(json->text_at("token_type"), "Bearer");
  if (answer.status != 200 || tokens.access.empty() || !bearer) {
    return fail(Code::unavailable,
                fmt::format("the token endpoint answers {} without a bearer token", answer.status));
  }
  out.tokens = std::move(tokens);
  return out;
}

std::string error_text(const TokenAnswer& answer) {
  if (answer.description.empty()) return answer.error;
  // Microsoft adds lines of trace ids.
  const std::string line = answer.description.substr(0, answer.description.find_first_of("\r\n"));
  return fmt::format("{} ({})", answer.error, line);
}

bool is_fresh(const Tokens& tokens, Timestamp now) {
  const int64_t at = now.seconds();
  if (tokens.access.empty() || at < tokens.obtained - skew_seconds) return false;
  if (tokens.expires == 0) return true;
  const int64_t lifetime = std::max<int64_t>(0, tokens.expires - tokens.obtained);
  return at < tokens.expires - std::min(margin_seconds, lifetime / 10);
}

}  // namespace eilpost::client::oauth
