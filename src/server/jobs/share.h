// Which part of a job this process does: all of it where nobody else has the engine, else the
// buckets of accounts that it could lease (store/cluster/cluster.h). Coroutines of the jobs'
// executor.
#pragma once

#include <optional>
#include <set>

#include "net/task.h"
#include "server/world.h"

namespace eilpost::server {

struct Share {
  std::optional<std::set<uint32_t>> buckets;  // none: everything

  bool wants(AccountId account) const {
    return !buckets || buckets->count(store::bucket_of(account)) != 0;
  }
};

// Nothing: there is nothing to do at present, or the others cannot be asked.
net::Task<std::optional<Share>> take_share(ServerWorld& world, store::JobRhythm rhythm);
// `done`: all of it was done, and is due again in its time.
struct ShareEnd {
  std::string job;
  bool done = false;
};
net::Task<> give_back(ServerWorld& world, Share share, ShareEnd end);
// False when others may take what this process works on: stop at the next step.
bool still_ours(const ServerWorld& world);

}  // namespace eilpost::server
