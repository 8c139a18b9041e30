// No answer of a token endpoint crashes it; what it gives is a token that can be used.
#include "client/oauth/tokens.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::client::oauth {

FUZZ_TARGET(client_oauth_tokens) {
  constexpr Timestamp now{1'700'000'000'000'000};
  net::HttpAnswer answer;
  answer.status = 200;
  answer.body = data;
  const auto parsed = parse_token_answer(answer, now);
  if (!parsed) return;
  error_text(*parsed);
  if (parsed->tokens) CHECK(!parsed->tokens->access.empty() && parsed->error.empty());
}

}  // namespace eilpost::client::oauth
