// What becomes of an attempt to log in: the tagged answer with its RFC 5530 code and the session's
// correlation id, the line in the log, the line in the audit log, and the counters. LOGIN and every
// AUTHENTICATE end here, so that all of them answer, count and are written down alike.
#pragma once

#include <string>
#include <string_view>

#include "server/imap/session.h"

namespace eilpost::server {

struct LoginTry {
  std::string name;            // as it was claimed, or folded
  std::string_view mechanism;  // "PLAIN", "LOGIN", ...
};

// Not let in. Counts for the limit of failed logins on one connection, unless the storage is
// silent.
Reply login_refused(ImapSession& session, const LoginTry& who, const Error& error);
// The exchange was cancelled, or is not what the mechanism speaks (RFC 9051 6.2.2: BAD).
Reply login_broken(ImapSession& session, const LoginTry& who, const Error& error);
// Let in; session.identity() is who.
Reply login_done(ImapSession& session, const LoginTry& who);
// A wait before the credentials are looked at.
void observe_login_wait(ImapSession& session, int64_t micros);
// How a refusal by the rules is called to the client, and a connection's TLS as rules count it: 12,
// 13, 0 for none.
imap::CodeName policy_code(const Error& error);
int tls_version_of(const net::Stream& stream);
// A session that the rules ended: for the audit log.
void audit_ended(ImapSession& session, const Error& error);

}  // namespace eilpost::server
