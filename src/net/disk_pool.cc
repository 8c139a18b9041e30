#include "net/disk_pool.h"

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"

namespace eilpost::net {

namespace {
const log::Source source{"net", ""};
}  // namespace

struct DiskPool::Impl {
  DiskPoolSettings settings;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  size_t running = 0;
  // A thread was notified and has not come for its job yet. It notifies the next one when it finds
  // more: a burst of jobs costs the threads that post it one wake-up.
  bool waking = false;
  bool stopping = false;
  std::vector<std::thread> threads;

  Result<> push(std::function<void()> job, size_t queue_max);
  bool take(std::function<void()>& job);
  void run();

 private:
  bool needs_waking();  // needs `mutex`
  size_t idle = 0;
};

// Whether the caller is to notify a thread, after it has unlocked.
bool DiskPool::Impl::needs_waking() {
  if (waking || idle == 0 || queue.empty()) return false;
  waking = true;
  return true;
}

Result<> DiskPool::Impl::push(std::function<void()> job, size_t queue_max) {
  std::unique_lock lock(mutex);
  if (stopping || queue.size() >= queue_max) {
    return fail(Code::unavailable,
                fmt::format("pool {}: {}", settings.name, stopping ? "stopped" : "queue full"));
  }
  queue.push_back(std::move(job));
  const bool notify = needs_waking();
  lock.unlock();
  if (notify) wake.notify_one();
  return {};
}

// The next job; false when the pool is stopped and the queue is empty.
bool DiskPool::Impl::take(std::function<void()>& job) {
  std::unique_lock lock(mutex);
  while (!stopping && queue.empty()) {
    ++idle;
    wake.wait(lock);
    --idle;
    waking = false;
  }
  if (queue.empty()) return false;
  job = std::move(queue.front());
  queue.pop_front();
  ++running;
  const bool notify = needs_waking();
  lock.unlock();
  if (notify) wake.notify_one();
  return true;
}

void DiskPool::Impl::run() {
  pthread_setname_np(pthread_self(), settings.name.substr(0, 15).c_str());
  std::function<void()> job;
  while (take(job)) {
    try {
      job();
    } catch (...) {
      detail::job_exception();
    }
    job = nullptr;  // what it owns is freed before the thread waits again
    std::lock_guard lock(mutex);
    --running;
  }
}

DiskPool::DiskPool(DiskPoolSettings settings) : impl_(std::make_unique<Impl>()) {
  CHECK(settings.threads > 0);
  impl_->settings = std::move(settings);
  for (size_t i = 0; i < impl_->settings.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
  }
}

DiskPool::~DiskPool() {
  stop();
}

Result<> DiskPool::post(std::function<void()> job) {
  return impl_->push(std::move(job), impl_->settings.queue_max);
}

bool DiskPool::post_reserved(std::function<void()> job) {
  return impl_->push(std::move(job), SIZE_MAX).has_value();
}

size_t DiskPool::queued() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->queue.size();
}

size_t DiskPool::running() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->running;
}

const std::string& DiskPool::name() const {
  return impl_->settings.name;
}

void DiskPool::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (auto& thread : impl_->threads) {
    if (thread.joinable()) thread.join();
  }
}

namespace detail {

Error job_exception() {
  std::string what = "an exception of unknown type";
  try {
    throw;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  source.error("a pool job threw what=\"{}\"", what);
  return Error{Code::internal, "a pool job threw: " + what};
}

Task<Result<>> run_job(DiskPool& pool, std::function<void()> job) {
  Result<> posted;
  std::function<void(std::function<void()>)> start = [&](std::function<void()> resume) {
    // From here on this frame may only be touched before the job is in the queue, or when it is
    // not: `resume` posts to the executor that runs this code.
    auto accepted = pool.post([job = std::move(job), resume] {
      job();
      resume();
    });
    if (accepted) return;
    posted = std::move(accepted);
    resume();
  };
  co_await suspend(std::move(start));
  co_return posted;
}

}  // namespace detail

}  // namespace eilpost::net
