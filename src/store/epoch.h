// What a restored account needs before anybody may use it. Runner thread only, as all mutations.
#pragma once

#include "store/tx.h"

namespace eilpost::store {

// Begins a new epoch: clients may have seen changes that the backup does not have, so every mailbox
// gets a UIDVALIDITY that this account never gave, and they fetch anew (RFC 9051 2.3.1.1). Answers
// the epoch's number.
Result<uint64_t> begin_new_epoch(Tx& tx);

}  // namespace eilpost::store
