// An account on an IMAP server as source and as target of a migration, by whatever the server has.
// Each is one session, signed in. For one executor.
#pragma once

#include <memory>

#include "client/migrate/sides/sides.h"

namespace eilpost::client {

MailSource imap_source(std::unique_ptr<Session> session, std::string own_name);
MailTarget imap_target(std::unique_ptr<Session> session, std::string own_name);

}  // namespace eilpost::client
