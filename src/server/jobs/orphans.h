// Removes blobs that nobody names: staged for a message that was never committed (a client that
// went, a crash), or left behind when a removal did not get through. A blob is removed only when it
// was staged long ago and a reading of its account at one version does not name it; whatever is in
// doubt stays until the next sweep. Memory is bounded: one pass over all accounts fills a filter
// that never forgets a named blob, so few are left to be looked at one by one. Blocks; batch pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::server {

struct SweepOptions {
  Timestamp now;
  int64_t age_seconds = 24 * 3600;  // since staging; longer than any upload can take
  size_t filter_bytes = 16 * 1024 * 1024;
  size_t candidates_max = 100'000;  // the rest waits for the next sweep
  uint64_t seed = 0;                // another one each time: false hits of the filter differ
  std::function<bool()> stop;       // empty: never
};

struct SweepResult {
  uint64_t blobs = 0;  // there are
  uint64_t named = 0;  // found in accounts
  uint64_t removed = 0;
  uint64_t doubtful = 0;  // candidates that were left: their account changed all the time
};

Result<SweepResult> sweep_orphans(engine::Engine& engine, const SweepOptions& options);

}  // namespace eilpost::server
