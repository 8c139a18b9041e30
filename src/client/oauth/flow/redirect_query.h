// An authorization response (RFC 6749 4.1.2) as the query of the redirect carries it. Anybody on
// this machine can send one: what does not have our state is none. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::client::oauth {

struct ExpectedRedirect {
  std::string state;
  std::string issuer;  // RFC 9207; "": not told
};
// The code. Code::invalid: not an answer to our request; Code::permission, Code::cannot: the
// provider said no.
Result<std::string> parse_redirect(std::string_view query, const ExpectedRedirect& expected);

}  // namespace eilpost::client::oauth
