// Keeps callers from waiting for a server that does not answer: after some failures in a row
// nobody asks it for a while, then one caller tries. Thread safe; does not block.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace eilpost::directory {

class Breaker {
 public:
  struct Options {
    int failures_max = 3;
    int64_t open_seconds = 10;
  };
  Breaker(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  // Whether the server may be asked. Whoever is let in says afterwards how it went.
  bool allow() {
    const std::lock_guard lock(mutex_);
    if (failures_ < options_.failures_max) return true;
    const int64_t now = clock_.steady_micros();
    if (now < open_until_) return false;
    // The one who tries; the others wait for another turn.
    open_until_ = now + options_.open_seconds * 1'000'000;
    return true;
  }
  void succeeded() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
  }
  void failed() {
    const std::lock_guard lock(mutex_);
    if (++failures_ < options_.failures_max) return;
    failures_ = options_.failures_max;
    open_until_ = clock_.steady_micros() + options_.open_seconds * 1'000'000;
  }

 private:
  Options options_;
  const Clock& clock_;
  std::mutex mutex_;
  int failures_ = 0;
  int64_t open_until_ = 0;
};

}  // namespace eilpost::directory
