// No query crashes it; what is taken for an answer holds our state.
#include "client/oauth/flow/redirect_query.h"

#include "base/check.h"
#include "tests/fuzz.h"

namespace eilpost::client::oauth {

FUZZ_TARGET(client_oauth_redirect) {
  const ExpectedRedirect expected{"s", "https://a"};
  const auto code = parse_redirect(data, expected);
  if (code) CHECK(!code->empty() && data.find("state=") != std::string_view::npos);
}

}  // namespace eilpost::client::oauth
