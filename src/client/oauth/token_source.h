// A token that is good at this moment, for a login in the cache: the one that is there, or a
// renewed one. What an Account asks before it connects. Blocks for as long as the provider takes to
// answer.
#pragma once

#include <string>

#include "client/oauth/flow/flow.h"
#include "client/oauth/token_cache.h"

namespace eilpost::client::oauth {

struct TokenWanted {
  std::string cache_path;
  std::string provider;
  std::string user;
  // The token that the mail server has just refused, which is renewed however good it looks: the
  // server's clock may be another, or somebody has revoked it. "": none.
  std::string rejected;
};
// What fetches over HTTPS, trusting these certificates ("": the system's).
using MakeFetch = std::function<Result<Fetch>(const std::string& ca_file)>;
Result<Fetch> https_fetch(const std::string& ca_file);

// Code::not_found: nobody has signed in; Code::expired: the user has to sign in again; Code::
// unavailable: the provider does not answer. A password is never asked for instead.
Result<std::string> good_token(const TokenWanted& wanted, const Clock& clock,
                               const MakeFetch& make_fetch);

}  // namespace eilpost::client::oauth
