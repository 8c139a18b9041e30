// What an account needs now and then: expunged messages are purged when they are no longer
// recoverable, and its change log is cut. Each step is one small commit of the account's own
// runner.
#pragma once

#include "net/task.h"
#include "server/jobs/share.h"
#include "server/world.h"

namespace eilpost::server {

struct Maintained {
  uint64_t purged = 0;  // messages
  uint64_t commits = 0;
  bool complete = false;  // maintain_all() came to the end
};

// Code::not_found: the account has no mail yet; it is not made.
net::Task<Result<Maintained>> maintain_account(ServerWorld& world, PartitionId partition);

// All accounts of the directory that are in `share`, one after the other. `stop`, and whether the
// share is still ours, are looked at between steps.
net::Task<Result<Maintained>> maintain_all(ServerWorld& world, const net::Signal& stop,
                                           Share share = {});

}  // namespace eilpost::server
