// Calls a function again and again on a thread of its own, the first time at once, until it is
// stopped. The function may block. Made and stopped by one thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace eilpost {

class Repeat {
 public:
  Repeat(std::chrono::milliseconds every, std::function<void()> call)
      : every_(every), call_(std::move(call)), thread_([this] { run(); }) {}
  // stop().
  ~Repeat() { stop(); }
  Repeat(const Repeat&) = delete;
  Repeat& operator=(const Repeat&) = delete;

  // Waits for the call that runs. Idempotent.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      call_();
      lock.lock();
      wake_.wait_for(lock, every_, [this] { return stopping_; });
    }
  }

  std::chrono::milliseconds every_;
  std::function<void()> call_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace eilpost
