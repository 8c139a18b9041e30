// The parts of the contract that every engine applies alike: what a batch may be, where a range
// read is cut, how many partitions a call lists. Values only; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

inline constexpr size_t key_bytes_max = 250;
inline constexpr size_t place_bytes_max = 200;
inline constexpr size_t partitions_per_call = 1000;

// Code::too_big when the batch, or one of its keys, is larger than the contract allows, and
// Code::invalid for an empty key.
Result<> check_batch(const Batch& batch);

// A refusal before anything is written.
CommitResult refused(Error error);

// Collects the rows of a range and says when it is full.
class RangeCut {
 public:
  explicit RangeCut(size_t rows_max) : rows_max_(rows_max) {}
  // Adds a row, or answers false and sets `more`. A first row is taken however large it is.
  bool add(ReadResult& result, std::string_view key, std::string_view value);

 private:
  size_t rows_max_;
  size_t bytes_ = 0;
};

}  // namespace eilpost::engine
