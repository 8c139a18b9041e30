#include "net/task.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace eilpost::net {

namespace asio = boost::asio;

namespace {

const log::Source source{"net", ""};

void log_escaped(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    source.error("a task ended with an exception what=\"{}\"", e.what());
  } catch (...) {
    source.error("a task ended with an exception of unknown type");
  }
}

// Holds the suspended coroutine until the first call of resume().
template <class Handler>
class Suspended {
 public:
  Suspended(Handler handler, Executor executor)
      : executor_(std::move(executor)), handler_(std::move(handler)) {}

  void resume() {
    if (resumed_.exchange(true)) return;
    asio::post(executor_, std::move(handler_));
  }

 private:
  Executor executor_;
  Handler handler_;
  std::atomic<bool> resumed_{false};
};

}  // namespace

void spawn(Executor executor, Task<> task, std::function<void()> done) {
  asio::co_spawn(std::move(executor), std::move(task),
                 [done = std::move(done)](const std::exception_ptr& thrown) {
                   if (thrown) log_escaped(thrown);
                   if (done) done();
                 });
}

Task<Executor> this_executor() {
  auto executor = co_await asio::this_coro::executor;
  co_return executor;
}

Task<> yield_now() {
  auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
}

Task<> sleep_until(Deadline deadline) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, deadline);
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  co_await timer.async_wait(token);
}

Task<> sleep_for(std::chrono::steady_clock::duration time) {
  co_await sleep_until(after(time));
}

void post(Executor executor, std::function<void()> function) {
  asio::post(executor, std::move(function));
}

namespace detail {

Task<> suspend(std::function<void(std::function<void()>)> start) {
  auto executor = co_await asio::this_coro::executor;
  auto initiate = [&start, executor](auto handler) {
    // Shared by every copy of the std::function that the callee makes.
    auto suspended = std::make_shared<Suspended<decltype(handler)>>(std::move(handler), executor);
    std::function<void()> resume = [suspended] { suspended->resume(); };
    start(std::move(resume));
  };
  auto awaitable =
      asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, asio::use_awaitable);
  co_await std::move(awaitable);
}

}  // namespace detail

}  // namespace eilpost::net
