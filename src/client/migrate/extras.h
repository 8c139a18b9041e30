// What belongs to a mailbox besides its messages: subscription, access control list (RFC 4314),
// METADATA (RFC 5464). What the target refuses is told in the report, entry by entry with its
// reason, and is no failure. Uses both connections while it runs; neither needs an open mailbox.
#pragma once

#include "client/migrate/copy/context.h"
#include "client/migrate/report.h"
#include "client/migrate/sides/sides.h"

namespace eilpost::client {

Task<Result<>> carry_extras(const MigrateOptions& options, MailSource& source, MailTarget& target,
                            const MappedMailbox& mailbox, MailboxReport& report);

}  // namespace eilpost::client
