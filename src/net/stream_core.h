// The inside of a Stream: descriptor, readiness, TLS session, counters. Readiness operations stay
// armed across waits and only set a flag, so that a wake by a signal or a deadline cancels nothing
// in the kernel; the coroutine itself waits on the timer, which is deadline and event in one.
// Everything runs on the connection's executor.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "net/connections_state.h"
#include "net/deflate.h"
#include "net/signal_state.h"
#include "net/stream.h"
#include "net/tls_session.h"

namespace eilpost::net {

enum class Ready : uint8_t { read = 1, write = 2 };

struct Stream::Core final : public Waiter, public std::enable_shared_from_this<Stream::Core> {
  using Loop = boost::asio::io_context::executor_type;
  using Timer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>, Loop>;

  Core(const Executor& executor, int fd);

  void wake() override { timer.cancel(); }
  void arm(Ready what);
  void close();
  // Makes every operation fail from here on, and wakes the one under way. Any state.
  void break_off();
  int fd() { return descriptor.native_handle(); }

  boost::asio::posix::basic_stream_descriptor<Loop> descriptor;
  Timer timer;
  std::unique_ptr<TlsSession> tls;
  // Above TLS. Stays after end_deflate(), for what the peer had compressed and what came with it.
  std::unique_ptr<DeflateLayer> deflate;
  bool deflates = false;  // what is written goes through it
  // Shared with the coroutine that runs the handler: the connection counts until both are gone.
  std::shared_ptr<Connections::Ticket> ticket;
  Address peer;
  Address local;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t wire_in = 0;  // the same as they travel, compressed or not
  uint64_t wire_out = 0;
  bool read_armed = false;
  bool write_armed = false;
  bool read_ready = false;
  bool write_ready = false;
  bool closed = false;
  bool private_before = false;  // the balancer in front ended the client's TLS
};

// For the files of this folder that set a Stream up.
struct StreamInside {
  static const std::shared_ptr<Stream::Core>& core(const Stream& stream) { return stream.core_; }
};

enum class Outcome : uint8_t { ready, signalled, timeout, closed };

// Suspends until `what` may be possible, `signal` (may be null) has reasons, or the deadline.
// `core` must live as long. Readiness may be stale once; the caller tries and comes back.
Task<Outcome> wait_ready(Stream::Core& core, Ready what, Signal::State* signal, Deadline deadline);

}  // namespace eilpost::net
