#include "engine/rules.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace eilpost::engine {
namespace {

Result<> check_key(std::string_view key) {
  if (key.empty()) return fail(Code::invalid, "a row's key is empty");
  if (key.size() > key_bytes_max) {
    return fail(Code::too_big, fmt::format("a row's key has {} octets", key.size()));
  }
  return {};
}

}  // namespace

Result<> check_batch(const Batch& batch) {
  const size_t bytes = batch.bytes();
  if (bytes > limits::batch_bytes_max) {
    return fail(Code::too_big, fmt::format("a batch has {} octets", bytes));
  }
  for (const auto& put : batch.puts) TRY(check_key(put.first));
  for (const auto& key : batch.deletes) TRY(check_key(key));
  return {};
}

CommitResult refused(Error error) {
  return CommitResult{.outcome = Outcome::unknown, .version = 0, .error = std::move(error)};
}

bool RangeCut::add(ReadResult& result, std::string_view key, std::string_view value) {
  const size_t bytes = key.size() + value.size();
  const bool full = result.rows.size() >= rows_max_ ||
                    (!result.rows.empty() && bytes_ + bytes > limits::read_bytes_max);
  if (full) {
    result.more = true;
    return false;
  }
  bytes_ += bytes;
  result.rows.push_back(Row{std::string(key), std::string(value)});
  return true;
}

}  // namespace eilpost::engine
