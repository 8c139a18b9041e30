// The messages of the demo account: made up from a seed, the same at every first start. A few
// hundred in several mailboxes, German and English, plain and HTML, with attachments, threads and
// flags.
#pragma once

#include "base/result.h"
#include "directory/directory.h"
#include "server/world.h"

namespace eilpost {

// Fills the account's mailboxes if its INBOX never held a message. Blocks.
Result<> fill_with_mail(server::ServerWorld& world, const directory::Account& account);

}  // namespace eilpost
