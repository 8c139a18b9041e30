#include "net/io_pool.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"

namespace eilpost::net {

namespace asio = boost::asio;

namespace {

const log::Source source{"net", ""};

// A handler of ours that throws (memory ran out) must not take the thread and its connections
// along.
void run_guarded(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& e) {
      source.error("an exception reached an I/O thread what=\"{}\"", e.what());
    } catch (...) {
      source.error("an exception of unknown type reached an I/O thread");
    }
  }
}

}  // namespace

struct IoPool::Impl {
  struct Loop {
    asio::io_context context{1};  // one thread runs it: a hint that saves wake-ups
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
  };
  std::vector<std::unique_ptr<Loop>> loops;
  std::atomic<size_t> turn{0};
};

IoPool::IoPool(size_t threads) : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (size_t i = 0; i < threads; ++i) {
    impl_->loops.push_back(std::make_unique<Impl::Loop>());
    auto& loop = *impl_->loops.back();
    loop.thread = std::thread([&loop, i] {
      std::string name = "io-" + std::to_string(i);
      pthread_setname_np(pthread_self(), name.c_str());
      run_guarded(loop.context);
    });
  }
}

IoPool::~IoPool() {
  stop();
}

size_t IoPool::size() const {
  return impl_->loops.size();
}

Executor IoPool::executor(size_t index) const {
  CHECK(index < impl_->loops.size());
  return impl_->loops[index]->context.get_executor();
}

Executor IoPool::next() {
  return executor(impl_->turn++ % impl_->loops.size());
}

void IoPool::stop() {
  for (auto& loop : impl_->loops) loop->context.stop();
  for (auto& loop : impl_->loops) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

}  // namespace eilpost::net
