// STATUS of one mailbox, for the STATUS command and LIST ... RETURN (STATUS).
#pragma once

#include "server/imap/session.h"

namespace eilpost::server {

// Appends the untagged STATUS; nothing when the mailbox is gone. After refresh(). The counters do
// not know `deleted_storage`: see below.
void append_status_of(ImapSession& session, const std::string& name, MailboxId mailbox,
                      const std::vector<imap::StatusItem>& items, uint64_t deleted_storage = 0);

// Octets of the messages marked \Deleted, where `items` asks for them (RFC 9208 4.1.4); else 0.
net::Task<Result<uint64_t>> find_deleted_storage(ImapSession& session, MailboxId mailbox,
                                                 const std::vector<imap::StatusItem>& items);

}  // namespace eilpost::server
