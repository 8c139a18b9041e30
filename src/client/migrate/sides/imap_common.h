// What both IMAP sides of a migration share. For one executor.
#pragma once

#include <functional>
#include <vector>

#include "client/migrate/sides/sides.h"
#include "client/session/fetching.h"

namespace eilpost::client {

Task<Result<NameSide>> imap_names(Session& session);
UidSet uids_of(const std::vector<uint64_t>& numbers);
std::vector<uint64_t> numbers_of(const UidSet& uids);
// Rows of messages that were asked for, each once: servers tell changed flags of any message in
// passing, which looks like a row with little in it.
Task<Result<>> imap_rows(Session& session, UidSet uids, RowsWanted wanted,
                         std::function<Result<>(MessageRow)> row);
Task<Result<SourceBatch>> imap_bodies(Session& session, std::vector<uint64_t> numbers);

}  // namespace eilpost::client
