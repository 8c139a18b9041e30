// Coroutines for the layers above: Task<T>, how to start one, to sleep, and to await a callback.
// This header costs a second to compile where all of Asio costs seven; nobody above net includes
// more. A Task runs on the thread of the executor it was spawned on and resumes there after every
// co_await of this layer. No function here throws. STYLE.md rules 20 to 24 hold for every co_await.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/result.h"

namespace eilpost::net {

template <class T = void>
using Task = boost::asio::awaitable<T>;

// One io_context of an IoPool: everything of one connection runs on one. Cheap to copy.
using Executor = boost::asio::any_io_executor;

// A point of the steady clock after which a wait is given up.
using Deadline = std::chrono::steady_clock::time_point;
inline Deadline after(std::chrono::steady_clock::duration time) {
  return std::chrono::steady_clock::now() + time;
}
inline constexpr Deadline no_deadline = Deadline::max();

// Starts `task` on `executor`; returns at once. Any thread. An exception that leaves the task is
// logged and ends it. `done` is called on the executor when the task has ended, however it ended.
void spawn(Executor executor, Task<> task, std::function<void()> done = {});

// The executor of the running coroutine.
Task<Executor> this_executor();
// Lets the other coroutines of this thread run first.
Task<> yield_now();
Task<> sleep_until(Deadline deadline);
Task<> sleep_for(std::chrono::steady_clock::duration time);

// Calls `function` on the executor's thread, later. Any thread.
void post(Executor executor, std::function<void()> function);

namespace detail {
// Suspends, then calls start(resume). `resume` may be called inline or from any thread, while the
// executor's IoPool exists; the first call resumes the coroutine on its executor.
Task<> suspend(std::function<void(std::function<void()>)> start);
}  // namespace detail

// Turns a callback-style call into an awaitable. start(done) is called once and must see to it that
// done(T) is called exactly once, inline or from any thread; the coroutine resumes on its executor.
//   auto start = [&](auto done) { engine.head(partition, std::move(done)); };
//   auto head = co_await await_callback<Result<Version>>(start);
template <class T, class Start>
Task<T> await_callback(Start start) {
  // Shared by the coroutine and the callback: either may be gone before the other.
  auto answer = std::make_shared<std::optional<T>>();
  std::function<void(std::function<void()>)> begin = [&start,
                                                      answer](std::function<void()> resume) {
    std::function<void(T)> done = [answer, resume = std::move(resume)](T value) {
      answer->emplace(std::move(value));
      resume();
    };
    start(std::move(done));
  };
  co_await detail::suspend(std::move(begin));
  CHECK(answer->has_value());
  T value = std::move(**answer);
  co_return value;
}

namespace detail {
template <class T>
Task<> fulfil(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise->set_value();
    } else {
      T value = co_await std::move(task);
      promise->set_value(std::move(value));
    }
  } catch (...) {
    promise->set_exception(std::current_exception());
  }
}
}  // namespace detail

// Runs `task` on `executor` and blocks the calling thread for its value: for tools and tests, never
// on an executor's own thread. The one function of this layer that hands on an exception of the
// task.
template <class T>
T block_on(Executor executor, Task<T> task) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  spawn(std::move(executor), detail::fulfil<T>(std::move(task), std::move(promise)));
  return future.get();
}

}  // namespace eilpost::net
