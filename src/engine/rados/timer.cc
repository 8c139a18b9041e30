#include "engine/rados/timer.h"

#include <utility>

namespace eilpost::engine {

RadosTimer::RadosTimer() : thread_([this] { run(); }) {}

RadosTimer::~RadosTimer() {
  stop();
}

void RadosTimer::after(int milliseconds, std::function<void()> what) {
  const auto at = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  const auto place = waiting_.emplace(at, std::move(what));
  if (place == waiting_.begin()) changed_.notify_one();
}

void RadosTimer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  decltype(waiting_) dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(waiting_);
}

void RadosTimer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = waiting_.begin();
    if (first->first > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, first->first);
      continue;
    }
    {
      // Destroyed without the lock as well: it may own what calls after() in turn.
      const auto what = std::move(first->second);
      waiting_.erase(first);
      lock.unlock();
      what();
    }
    lock.lock();
  }
}

}  // namespace eilpost::engine
