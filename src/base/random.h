// Randomness is passed in. A Random made from a seed gives one sequence for ever (tests,
// simulation); one made by from_os() takes every number from the kernel and is fit for nonces and
// salts. Thread safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>

namespace eilpost {

class Random {
 public:
  explicit Random(uint64_t seed);
  static Random from_os();

  uint64_t next();
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound);
  void fill(std::span<uint8_t> out);
  // `count` random octets.
  std::string octets(size_t count);

  Random(Random&& other) noexcept;
  Random& operator=(Random&&) = delete;

 private:
  Random() = default;
  std::mutex mutex_;
  bool from_os_ = false;
  uint64_t state_ = 0;
};

}  // namespace eilpost
