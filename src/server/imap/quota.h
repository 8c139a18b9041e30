// What other commands need of quotas (RFC 9208).
#pragma once

#include "server/imap/session.h"

namespace eilpost::server {

// After a command that added messages: an untagged NO [OVERQUOTA], once, when nine tenths of a
// limit are used (RFC 9208 4.3.1).
void warn_of_quota(ImapSession& session);

}  // namespace eilpost::server
