// Sets of uids as commands take them. Pure; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/interval_set.h"
#include "protocol/imap/sequence_set.h"

namespace eilpost::client {

// In pieces that fit a command line: many servers take none above 8 KiB.
std::vector<UidSet> in_pieces(const UidSet& uids);

// The uids of COPYUID or APPENDUID in the order in which they are written. At most `count_max`:
// more is a lie, and gives nothing.
std::vector<Uid> in_written_order(const imap::SequenceSet& set, uint64_t count_max);

}  // namespace eilpost::client
