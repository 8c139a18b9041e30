#include "net/signal.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"
#include "net/signal_state.h"

namespace eilpost::net {

namespace asio = boost::asio;

namespace {

class TimerWaiter final : public Waiter {
 public:
  explicit TimerWaiter(asio::steady_timer& timer) : timer_(timer) {}
  void wake() override { timer_.cancel(); }

 private:
  asio::steady_timer& timer_;
};

}  // namespace

Signal::Signal(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Signal::~Signal() = default;

Signal::Handle Signal::handle() const {
  return Handle(state_);
}

uint32_t Signal::pending() const {
  return state_->reasons.load();
}

uint32_t Signal::take() {
  return state_->reasons.exchange(0);
}

void Signal::Handle::notify(uint32_t reasons) const {
  CHECK(reasons != 0);
  auto state = state_.lock();
  if (!state) return;
  // Who finds the signal clear posts the wake; the others find theirs under way or not needed,
  // because the owner looks at the reasons before it suspends.
  if (state->reasons.fetch_or(reasons) != 0) return;
  Executor executor = state->executor;
  asio::post(executor, [state = std::move(state)] {
    if (state->waiter != nullptr) state->waiter->wake();
  });
}

Task<bool> Signal::wait_until(Deadline deadline) {
  auto state = state_;
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  TimerWaiter waiter(timer);
  while (state->reasons.load() == 0) {
    if (std::chrono::steady_clock::now() >= deadline) co_return false;
    timer.expires_at(deadline);
    WaiterScope scope(state.get(), &waiter);
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await timer.async_wait(token);
  }
  co_return true;
}

}  // namespace eilpost::net
