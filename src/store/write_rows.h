// Writing rows of which it does not matter whether they are written once or twice, in a partition
// that nobody else changes for long: the target of a transfer, an account that is being removed.
// Blocks; any thread.
#pragma once

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::store {

// Commits the batch to whatever the partition is: a conflict or a lost answer is no reason not to
// say it again.
Result<> write_rows(engine::Engine& to, PartitionId partition, const engine::Batch& batch);

}  // namespace eilpost::store
