// Runs small functions later, on one thread of its own and by the monotonic clock. They must not
// block. Destruction (or stop()) drops what has not run and waits for what runs. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace eilpost::engine {

class RadosTimer {
 public:
  RadosTimer();
  ~RadosTimer();
  RadosTimer(const RadosTimer&) = delete;
  RadosTimer& operator=(const RadosTimer&) = delete;

  // Runs `what` in so many milliseconds. After stop(): dropped.
  void after(int milliseconds, std::function<void()> what);
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eilpost::engine
