// The inside of a Signal, for signal.cc and stream.cc. `waiter` belongs to the executor's thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "net/signal.h"

namespace eilpost::net {

// What is suspended and can be made to look again. Called on its executor.
class Waiter {
 public:
  virtual void wake() = 0;

 protected:
  ~Waiter() = default;
};

struct Signal::State {
  explicit State(Executor e) : executor(std::move(e)) {}

  std::atomic<uint32_t> reasons{0};
  Executor executor;
  Waiter* waiter = nullptr;  // set while its coroutine is suspended
};

struct SignalInside {
  static Signal::State* state(const Signal& signal) { return signal.state_.get(); }
};

// Sets the waiter of `state` (which may be null) for a scope that contains the suspension.
class WaiterScope {
 public:
  WaiterScope(Signal::State* state, Waiter* waiter) : state_(state) {
    if (state_ != nullptr) state_->waiter = waiter;
  }
  ~WaiterScope() {
    if (state_ != nullptr) state_->waiter = nullptr;
  }
  WaiterScope(const WaiterScope&) = delete;
  WaiterScope& operator=(const WaiterScope&) = delete;

 private:
  Signal::State* state_;
};

}  // namespace eilpost::net
