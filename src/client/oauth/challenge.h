// Asks an IMAP server where its tokens come from: OAUTHBEARER without a token is refused with the
// place of the provider's openid-configuration (RFC 7628 3.2.2, 4.3). Belongs to the session's
// coroutine; the session is not signed in and has to be closed afterwards.
#pragma once

#include "client/session/session.h"
#include "protocol/sasl/bearer.h"

namespace eilpost::client::oauth {

// Code::cannot: the server has no OAUTHBEARER, or does not say where.
Task<Result<sasl::BearerProblem>> ask_provider(Session& session, std::string user);

}  // namespace eilpost::client::oauth
