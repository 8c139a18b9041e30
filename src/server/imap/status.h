// STATUS of one mailbox, for the STATUS command and LIST ... RETURN (STATUS).
#pragma once

#include "server/imap/session.h"

namespace eilpost::server {

// Appends the untagged STATUS; nothing when the mailbox is gone. After refresh().
void append_status_of(ImapSession& session, const std::string& name, MailboxId mailbox,
                      const std::vector<imap::StatusItem>& items);

}  // namespace eilpost::server
