// UNAUTHENTICATE (RFC 8437): back to before the login. TLS stays, and so does what the client has
// said with ID, which the RFC leaves to the server.

#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::Unauthenticate&, RunOptions) {
  // RFC 8437 3: where it is not advertised it is not known. No mechanism here makes a SASL layer.
  if (session.hides("UNAUTHENTICATE")) co_return Reply::bad("UNAUTHENTICATE is not offered");
  co_await session.leave();
  co_return Reply::ok(imap::ResponseCode(imap::CodeName::capability, session.capabilities()),
                      "log in again");
}

}  // namespace eilpost::server
