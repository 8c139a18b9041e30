#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace eilpost {

Random::Random(uint64_t seed) : state_(seed) {}

Random Random::from_os() {
  Random r;
  r.from_os_ = true;
  return r;
}

Random::Random(Random&& other) noexcept : from_os_(other.from_os_), state_(other.state_) {}

uint64_t Random::next() {
  if (from_os_) return next_from_os();
  // SplitMix64 (Steele, Lea, Flood 2014).
  std::lock_guard lock(mutex_);
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

uint64_t Random::next_from_os() {
  std::lock_guard lock(mutex_);
  if (ahead_left_ == 0) {
    CHECK(::getrandom(ahead_.data(), sizeof ahead_, 0) == sizeof ahead_);
    ahead_left_ = ahead_.size();
  }
  return std::exchange(ahead_[--ahead_left_], 0);
}

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0);
  const uint64_t usable = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = next();
  while (value >= usable) value = next();
  return value % bound;
}

void Random::fill(std::span<uint8_t> out) {
  for (size_t at = 0; at < out.size(); at += sizeof(uint64_t)) {
    const uint64_t value = next();
    std::memcpy(out.data() + at, &value, std::min(sizeof value, out.size() - at));
  }
}

std::string Random::octets(size_t count) {
  std::string out(count, '\0');
  fill({reinterpret_cast<uint8_t*>(out.data()), out.size()});
  return out;
}

}  // namespace eilpost
