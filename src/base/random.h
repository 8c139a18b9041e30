// Randomness is passed in. A Random made from a seed gives one sequence for ever (tests,
// simulation); one made by from_os() takes every number from the kernel, some hundred octets
// at a time, and is fit for nonces and salts. Thread safe.
#pragma once

#include <array>
#include <cstddef>
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
  uint64_t next_from_os();

  std::mutex mutex_;
  bool from_os_ = false;
  uint64_t state_ = 0;
  // Octets of the kernel not given out yet: what was given out is forgotten at once.
  std::array<uint64_t, 32> ahead_{};  // 256 octets: getrandom() gives so many in one piece
  size_t ahead_left_ = 0;
};

}  // namespace eilpost
