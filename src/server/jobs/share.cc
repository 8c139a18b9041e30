#include "server/jobs/share.h"

#include "base/log.h"

namespace eilpost::server {

namespace {
const log::Source source{"jobs", ""};
}  // namespace

net::Task<std::optional<Share>> take_share(ServerWorld& world, store::JobRhythm rhythm) {
  if (world.cluster == nullptr) co_return Share{};
  auto job = [cluster = world.cluster, rhythm] { return cluster->take(rhythm); };
  auto taken = co_await net::run_on(world.batch, std::move(job));
  if (!taken) {
    source.info("job={} waits: {}", rhythm.job, taken.error().detail);
    co_return std::nullopt;
  }
  if (taken->empty()) co_return std::nullopt;
  Share share;
  share.buckets = std::move(*taken);
  co_return share;
}

net::Task<> give_back(ServerWorld& world, Share share, ShareEnd end) {
  if (world.cluster == nullptr || !share.buckets) co_return;
  auto job = [cluster = world.cluster, share, end] {
    return cluster->give_back(end.job, *share.buckets, end.done);
  };
  auto given = co_await net::run_on(world.batch, std::move(job));
  // It is taken again in its time, by this node or, when this one is gone, by another.
  if (!given) source.info("job={} not given back: {}", end.job, given.error().detail);
}

bool still_ours(const ServerWorld& world) {
  return world.cluster == nullptr || world.cluster->trusted();
}

}  // namespace eilpost::server
