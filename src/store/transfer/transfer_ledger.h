// What a copy of a store has done, account by account, in a reserved partition of the target: a
// further run leaves out what has not changed, and notices when an account was used at the target.
// Blocks on the engine; thread safe, also against other processes.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::store {

inline constexpr PartitionId transfer_partition{3};

struct TransferEntry {
  std::string source_store;    // directory::store_identity()
  engine::Version source = 0;  // the target is the source as it was at this version
  engine::Version target = 0;  // the target's version then
  bool finished = false;       // handed over: in use at the target
};

Result<std::optional<TransferEntry>> read_transfer(engine::Engine& to, PartitionId account);
Result<> write_transfer(engine::Engine& to, PartitionId account, const TransferEntry& entry);

}  // namespace eilpost::store
