// A bounded set of threads for work that blocks, with a bounded queue: one instance each for disk,
// directory, password hashing and batch jobs. Jobs own their data, never wait for jobs of a pool
// and are not cancelled. run_on() is the one way from a coroutine to such a thread and back; a hop
// costs about 20 us, so take one per run of pages. Thread safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "base/result.h"
#include "net/task.h"

namespace eilpost::net {

struct DiskPoolSettings {
  std::string name = "disk";  // in the log and as the threads' name (at most 12 octets show)
  size_t threads = 4;
  size_t queue_max = 10000;  // jobs waiting; beyond: Code::unavailable
};

class DiskPool {
 public:
  explicit DiskPool(DiskPoolSettings settings);
  // stop().
  ~DiskPool();
  DiskPool(const DiskPool&) = delete;
  DiskPool& operator=(const DiskPool&) = delete;

  // Code::unavailable when the queue is full or the pool is stopped; then the job is not run. An
  // exception that leaves the job is logged.
  Result<> post(std::function<void()> job);
  // Takes the job even when the queue is full: for a caller that has itself only a bounded number
  // of jobs outstanding, such as the one runner of a partition. False only after stop().
  bool post_reserved(std::function<void()> job);

  size_t queued() const;   // waiting
  size_t running() const;  // threads at work
  const std::string& name() const;

  // Takes no more jobs, runs those in the queue, ends the threads. Not from a job.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {
template <class R>
struct JobResult {
  using type = Result<R>;
};
template <class T>
struct JobResult<tl::expected<T, Error>> {
  using type = Result<T>;
};

// Logs and describes the exception being handled.
Error job_exception();
// Runs `job` on the pool and resumes on the coroutine's executor.
Task<Result<>> run_job(DiskPool& pool, std::function<void()> job);
}  // namespace detail

// Runs fn() on a thread of `pool` and resumes here with its result: Result<T> for an fn that
// returns T or Result<T>. Code::unavailable when the queue is full, Code::internal when fn threw.
// fn owns what it uses. Name the job or the task before the co_await (STYLE.md rule 21):
//   auto job = [&store, id] { return store.open(id); };
//   auto opened = co_await run_on(pool, std::move(job));
template <class F>
Task<typename detail::JobResult<std::invoke_result_t<F&>>::type> run_on(DiskPool& pool, F fn) {
  using Raw = std::invoke_result_t<F&>;
  using R = typename detail::JobResult<Raw>::type;
  struct State {
    explicit State(F f) : fn(std::move(f)) {}
    F fn;
    std::optional<R> result;
  };
  // Shared by the job and the coroutine: at the end of the process the coroutine may go first.
  auto state = std::make_shared<State>(std::move(fn));
  std::function<void()> job = [state] {
    try {
      if constexpr (std::is_void_v<Raw>) {
        state->fn();
        state->result.emplace();
      } else {
        state->result.emplace(state->fn());
      }
    } catch (...) {
      state->result.emplace(tl::unexpected<Error>(detail::job_exception()));
    }
  };
  auto posted = co_await detail::run_job(pool, std::move(job));
  CO_TRY(posted);
  R result = std::move(*state->result);
  co_return result;
}

}  // namespace eilpost::net
