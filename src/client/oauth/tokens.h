// What an authorization server gives at its token endpoint (RFC 6749 5), and whether it is still
// good. Values; pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_client.h"

namespace eilpost::client::oauth {

struct Tokens {
  std::string access;
  std::string refresh;   // "": it gives none
  std::string scope;     // as granted; "": as asked for
  int64_t obtained = 0;  // seconds since 1970
  int64_t expires = 0;   // likewise; 0: it does not say
  friend bool operator==(const Tokens&, const Tokens&) = default;
};

// Tokens, or why not: "invalid_grant", "authorization_pending" ...
struct TokenAnswer {
  std::optional<Tokens> tokens;
  std::string error;
  std::string description;
};
// Code::unavailable: neither; the server has other troubles.
Result<TokenAnswer> parse_token_answer(const net::HttpAnswer& answer, Timestamp now);
// For people: "access_denied (the user said no)".
std::string error_text(const TokenAnswer& answer);

// Whether to use it, or to have a fresh one first: some time before it expires, or when the clock
// here has been set back since.
bool is_fresh(const Tokens& tokens, Timestamp now);

}  // namespace eilpost::client::oauth
