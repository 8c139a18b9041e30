// Tells a user, at his login and when his client has said what it is, what he should know about his
// access (server/access/alerts.h), as "* OK [ALERT] ..." and where a rule says so as a mail; and
// gives the counting of guesses what disk knows of an account's devices.
#pragma once

#include <string>

#include "server/imap/session.h"

namespace eilpost::server {

// After the login, before its tagged answer; and again after ID.
net::Task<> tell_alerts(ImapSession& session);

// Before an attempt on that account (Authenticator::claimed_account) waits: whether it comes from a
// known device.
net::Task<> recall_devices(ImapSession& session, std::string account);

}  // namespace eilpost::server
