#include "store/write_rows.h"

namespace eilpost::store {

namespace {
constexpr int write_attempts = 100;
}  // namespace

Result<> write_rows(engine::Engine& to, PartitionId partition, const engine::Batch& batch) {
  Error error{Code::conflict, "others write all the time"};
  for (int attempt = 0; attempt < write_attempts; ++attempt) {
    const engine::Version version = TRY(engine::head_wait(to, partition));
    const auto result = engine::commit_wait(to, partition, version, batch);
    if (result.outcome == engine::Outcome::done) return {};
    if (result.was_refused()) return tl::unexpected(result.error);
    if (result.outcome == engine::Outcome::unknown) error = result.error;
  }
  return fail(Code::unavailable, "the rows cannot be written: " + error.detail);
}

}  // namespace eilpost::store
