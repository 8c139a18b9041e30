#include "net/task.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "net/disk_pool.h"
#include "net/io_pool.h"
#include "net/signal.h"
#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::patience;
using test::soon;
using test::start_on;

struct HopSeen {
  std::thread::id before;
  std::thread::id inside;
  std::thread::id later;
  Result<std::string> result = fail(Code::internal, "not run");
};

Task<HopSeen> hop(DiskPool& pool) {
  HopSeen seen;
  seen.before = std::this_thread::get_id();
  auto job = [] { return std::this_thread::get_id(); };
  auto inside = co_await run_on(pool, job);
  seen.inside = inside.value_or(std::thread::id());
  seen.later = std::this_thread::get_id();
  auto text_job = []() -> Result<std::string> { return std::string("done"); };
  seen.result = co_await run_on(pool, text_job);
  co_return seen;
}

TEST(DiskPool, HopGoesThereAndBack) {
  IoPool io(1);
  DiskPool pool({});
  auto seen = block_on(io.executor(0), hop(pool));
  EXPECT_NE(seen.inside, seen.before);
  EXPECT_NE(seen.inside, std::thread::id());
  EXPECT_EQ(seen.later, seen.before);
  ASSERT_TRUE(seen.result.has_value());
  EXPECT_EQ(*seen.result, "done");
}

Task<Result<int>> hop_throwing(DiskPool& pool) {
  auto job = []() -> int { throw std::runtime_error("out of cheese"); };
  auto result = co_await run_on(pool, job);
  co_return result;
}

Task<Result<int>> hop_failing(DiskPool& pool) {
  auto job = []() -> Result<int> { return fail(Code::over_quota, "full"); };
  auto result = co_await run_on(pool, job);
  co_return result;
}

TEST(DiskPool, ErrorsAndExceptionsBecomeResults) {
  IoPool io(1);
  DiskPool pool({});
  auto thrown = block_on(io.executor(0), hop_throwing(pool));
  ASSERT_FALSE(thrown.has_value());
  EXPECT_EQ(thrown.error().code, Code::internal);
  EXPECT_NE(thrown.error().detail.find("out of cheese"), std::string::npos);
  EXPECT_EQ(block_on(io.executor(0), hop_failing(pool)).error().code, Code::over_quota);
  // The thread that ran the throwing job lives on.
  EXPECT_EQ(block_on(io.executor(0), hop(pool)).result.value_or(""), "done");
}

Task<Result<>> hop_void(DiskPool& pool, std::atomic<int>& ran) {
  auto job = [&ran] { ++ran; };
  auto result = co_await run_on(pool, job);
  co_return result;
}

TEST(DiskPool, FullQueueIsUnavailable) {
  IoPool io(1);
  DiskPool pool({.name = "tiny", .threads = 1, .queue_max = 1});
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::promise<void> begun;
  ASSERT_TRUE(pool.post([&begun, open] {
    begun.set_value();
    open.wait();
  }));
  begun.get_future().wait();
  std::atomic<int> ran{0};
  auto queued = start_on(io.executor(0), hop_void(pool, ran));
  while (pool.queued() == 0) std::this_thread::yield();
  auto refused = block_on(io.executor(0), hop_void(pool, ran));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(pool.post([] {}).error().code, Code::unavailable);
  EXPECT_TRUE(pool.post_reserved([&ran] { ran += 10; }));
  gate.set_value();
  EXPECT_TRUE(queued.get().has_value());
  pool.stop();
  EXPECT_EQ(ran, 11);
  EXPECT_FALSE(pool.post_reserved([] {}));
  EXPECT_EQ(pool.post([] {}).error().code, Code::unavailable);
}

// Each of the jobs ends when all of them run: one that stays in the queue while a thread sleeps
// would keep the others for ever.
TEST(DiskPool, ABurstReachesEveryThread) {
  constexpr size_t threads = 4;
  DiskPool pool({.name = "burst", .threads = threads});
  for (int round = 0; round < 200; ++round) {
    std::promise<void> all;
    std::shared_future<void> together = all.get_future().share();
    std::atomic<size_t> arrived{0};
    std::atomic<size_t> late{0};
    std::atomic<size_t> left{threads};
    for (size_t i = 0; i < threads; ++i) {
      ASSERT_TRUE(pool.post([&] {
        if (++arrived == threads) all.set_value();
        if (together.wait_for(patience) != std::future_status::ready) ++late;
        --left;
      }));
    }
    while (left > 0) std::this_thread::yield();
    ASSERT_EQ(late, 0U) << "in round " << round;
  }
}

Task<> throws() {
  co_await yield_now();
  throw std::runtime_error("nobody catches this");
}

TEST(Task, AnExceptionEndsTheTaskOnly) {
  IoPool io(1);
  std::promise<void> done;
  spawn(io.executor(0), throws(), [&done] { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
  DiskPool pool({});
  EXPECT_EQ(block_on(io.executor(0), hop(pool)).result.value_or(""), "done");
}

Task<bool> callback_resumes_here(bool inline_call) {
  auto before = std::this_thread::get_id();
  std::thread other;
  auto start = [&](std::function<void(std::unique_ptr<int>)> done) {
    if (inline_call) {
      done(std::make_unique<int>(7));
      return;
    }
    other = std::thread([done] { done(std::make_unique<int>(7)); });
  };
  auto value = co_await await_callback<std::unique_ptr<int>>(start);
  if (other.joinable()) other.join();
  co_return std::this_thread::get_id() == before&&* value == 7;
}

TEST(Task, AwaitCallbackInlineAndFromAnotherThread) {
  IoPool io(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(block_on(io.executor(0), callback_resumes_here(true)));
    EXPECT_TRUE(block_on(io.executor(0), callback_resumes_here(false)));
  }
}

Task<bool> sleep_lasts() {
  auto start = std::chrono::steady_clock::now();
  co_await sleep_for(std::chrono::milliseconds(5));
  co_return std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(5);
}

TEST(Task, SleepIsNotShorterThanAsked) {
  IoPool io(1);
  EXPECT_TRUE(block_on(io.executor(0), sleep_lasts()));
}

Task<uint32_t> wait_and_take(Signal& signal, Deadline deadline) {
  bool signalled = co_await signal.wait_until(deadline);
  if (!signalled) co_return 0;
  co_return signal.take();
}

TEST(Signal, BeforeAndWhileWaitingAndNever) {
  IoPool io(1);
  Signal signal(io.executor(0));
  signal.notify(1);
  signal.notify(4);
  EXPECT_EQ(block_on(io.executor(0), wait_and_take(signal, soon())), 5U);
  EXPECT_EQ(signal.pending(), 0U);
  auto waiting = start_on(io.executor(0), wait_and_take(signal, soon()));
  signal.notify(2);
  EXPECT_EQ(waiting.get(), 2U);
  EXPECT_EQ(block_on(io.executor(0), wait_and_take(signal, after(std::chrono::milliseconds(1)))),
            0U);
}

TEST(Signal, HandleOutlivesIt) {
  IoPool io(1);
  Signal::Handle handle;
  {
    Signal signal(io.executor(0));
    handle = signal.handle();
    EXPECT_FALSE(handle.expired());
  }
  EXPECT_TRUE(handle.expired());
  handle.notify(1);
}

Task<int> count_until(Signal& signal, std::atomic<int>& sent, int total) {
  // Every number that was sent before a notify() must be seen after it.
  int seen = 0;
  while (seen < total) {
    bool signalled = co_await signal.wait_until(soon());
    if (!signalled) break;
    signal.take();
    seen = sent.load();
  }
  co_return seen;
}

TEST(Signal, NoWakeIsLost) {
  IoPool io(1);
  Signal signal(io.executor(0));
  std::atomic<int> sent{0};
  constexpr int total = 20000;
  auto counter = start_on(io.executor(0), count_until(signal, sent, total));
  auto handle = signal.handle();
  for (int i = 0; i < total; ++i) {
    ++sent;
    handle.notify();
  }
  EXPECT_EQ(counter.get(), total);
}

Task<> wait_forever(Stream stream, std::shared_ptr<int> held, std::promise<void>& begun) {
  Signal signal(stream.executor());
  begun.set_value();
  co_await stream.wait_readable_or_signal(signal, no_deadline);
  ++*held;
}

TEST(IoPool, CoroutinesThatWaitAreDestroyedWithIt) {
  auto io = std::make_unique<IoPool>(2);
  std::weak_ptr<int> watches[2];
  {
    test::Pair pairs[2] = {test::local_pair(io->executor(0), io->executor(0)),
                           test::local_pair(io->executor(1), io->executor(1))};
    for (size_t i = 0; i < 2; ++i) {
      auto alive = std::make_shared<int>(1);
      watches[i] = alive;
      std::promise<void> begun;
      spawn(io->executor(i), wait_forever(std::move(pairs[i].a), std::move(alive), begun));
      begun.get_future().wait();
    }
    EXPECT_FALSE(watches[0].expired());
    io->stop();
    for (auto& pair : pairs) pair.b = Stream();
  }
  EXPECT_FALSE(watches[1].expired());
  io.reset();
  EXPECT_TRUE(watches[0].expired());
  EXPECT_TRUE(watches[1].expired());
}

}  // namespace
}  // namespace eilpost::net
