// Compares what the ledger says was copied with what the target has: every message there, its
// flags, its size, and where a size differs or it is asked for, its content. Reads from the target
// only.
#pragma once

#include "client/migrate/copy/context.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

Task<Result<>> verify_mailbox(MigrateContext& context, MailTarget& target,
                              const MappedMailbox& mailbox, MailboxReport& report);

}  // namespace eilpost::client
