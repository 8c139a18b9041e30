// A Signal wakes a session from anywhere: mailbox changes, stop, kick. It coalesces: what is
// signalled several times before the session looks is seen once. Reasons are bits that the owner
// defines. The owner (one coroutine, on the executor given) waits and takes; a Handle may be copied
// to any thread, outlives the Signal harmlessly and notifies without blocking. No wake is lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "net/task.h"

namespace eilpost::net {

class Signal {
 public:
  struct State;

  class Handle {
   public:
    Handle() = default;
    // Any thread, as long as the IoPool exists. `reasons` must not be 0. Nothing happens when the
    // Signal is gone.
    void notify(uint32_t reasons = 1) const;
    bool expired() const { return state_.expired(); }

   private:
    friend class Signal;
    explicit Handle(std::weak_ptr<State> state) : state_(std::move(state)) {}
    std::weak_ptr<State> state_;
  };

  // `executor`: the one on which the owner waits.
  explicit Signal(Executor executor);
  Signal(Signal&&) noexcept = default;
  Signal& operator=(Signal&&) noexcept = default;
  ~Signal();

  Handle handle() const;
  void notify(uint32_t reasons = 1) const { handle().notify(reasons); }
  // The reasons signalled and not taken yet; 0 when none.
  uint32_t pending() const;
  // Takes and clears them.
  uint32_t take();
  // True when signalled, false when `deadline` came first. Takes nothing. (To wait for a stream as
  // well: Stream::wait_readable_or_signal.)
  Task<bool> wait_until(Deadline deadline);

 private:
  friend struct SignalInside;
  std::shared_ptr<State> state_;  // shared with notifications under way
};

}  // namespace eilpost::net
