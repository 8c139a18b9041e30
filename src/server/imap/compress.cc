// COMPRESS (RFC 4978). Only after login: nothing secret of the login is ever compressed together
// with what others can choose, and there is no order of STARTTLS and COMPRESS to keep.

#include "server/imap/commands.h"

namespace eilpost::server {

CommandTask run(ImapSession& session, const imap::Compress& command, RunOptions options) {
  if (session.hides("COMPRESS=DEFLATE")) co_return Reply::bad("COMPRESS is not offered");
  if (command.algorithm != "DEFLATE") co_return Reply::bad("expected DEFLATE at column 1");
  if (session.stream().is_deflated()) {
    // RFC 4978 3: BAD; the code says why.
    co_return Reply{imap::Condition::bad, imap::ResponseCode(imap::CodeName::compression_active),
                    "COMPRESS is active already"};
  }
  if (session.framer().buffered() > 0) {
    // Compressed or not, that cannot be told: RFC 4978 3 has the client wait for the answer.
    co_return Reply::bad("nothing may follow COMPRESS before its answer");
  }
  imap::append_tagged(session.out(), options.tag, imap::Condition::ok, imap::ResponseCode(),
                      session.text("DEFLATE from here on"));
  auto sent = co_await session.send();
  if (sent) session.stream().start_deflate();
  co_return Reply::silent();
}

}  // namespace eilpost::server
