// UNAUTHENTICATE (RFC 8437): back to before the login. TLS stays, and so does what the client has
// said with ID, which the RFC leaves to the server.

#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::Unauthenticate&, RunOptions options) {
  // RFC 8437 3: where it is not advertised it is not known. No mechanism here makes a SASL layer.
  if (session.hides("UNAUTHENTICATE")) co_return Reply::bad("UNAUTHENTICATE is not offered");
  co_await session.leave();
  const imap::ResponseCode code(imap::CodeName::capability, session.capabilities());
  if (!session.stream().is_deflated()) co_return Reply::ok(code, "log in again");
  // RFC 8437 4.1: compression ends behind this answer, and behind the client's command.
  imap::append_tagged(session.out(), options.tag, imap::Condition::ok, code,
                      session.text("log in again"));
  auto sent = co_await session.send();
  session.stream().end_deflate();
  co_return Reply::silent();
}

}  // namespace eilpost::server
