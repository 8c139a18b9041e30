#include "net/stream.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::local_pair;
using test::Pair;
using test::patience;
using test::pattern_octets;
using test::read_n;
using test::read_to_end;
using test::soon;
using test::start_on;

constexpr auto ms = [](int n) { return std::chrono::milliseconds(n); };

Task<Result<>> write_and_close(Stream& stream, std::string octets) {
  auto written = co_await stream.write_all(octets, patience);
  co_await stream.shutdown(soon());
  co_return written;
}

// Plain, TLS 1.2 and TLS 1.3, and compressed: what holds for all of them.
enum class Kind { plain, tls12, tls13, deflate, deflate_tls };

class AnyStream : public ::testing::TestWithParam<Kind> {
 protected:
  Pair make_pair(int buffer_bytes = 0) {
    Pair pair = local_pair(io_.executor(0), io_.executor(1), buffer_bytes);
    if (GetParam() == Kind::deflate || GetParam() == Kind::deflate_tls) {
      for (Stream* stream : {&pair.a, &pair.b}) stream->start_deflate();
    }
    if (GetParam() == Kind::plain || GetParam() == Kind::deflate) return pair;
    auto files = test::make_certificate(directory_, "localhost", {"localhost"});
    auto client = test::client_context(GetParam() == Kind::tls12);
    EXPECT_TRUE(test::handshake(pair, test::server_context(files), client));
    return pair;
  }
  Wake wake_of(Stream& stream, Signal& signal, Deadline deadline) {
    return block_on(stream.executor(), stream.wait_readable_or_signal(signal, deadline));
  }
  void write(Stream& stream, std::string_view octets) {
    auto written = block_on(stream.executor(), stream.write_all(octets, patience));
    EXPECT_TRUE(written.has_value());
  }

  IoPool io_{2};
  test::TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, AnyStream,
                         ::testing::Values(Kind::plain, Kind::tls12, Kind::tls13, Kind::deflate,
                                           Kind::deflate_tls));

TEST_P(AnyStream, LargeTransfersArriveWholeBothWays) {
  Pair pair = make_pair();
  std::string octets = pattern_octets(5'000'001);
  auto read = start_on(pair.b.executor(), read_n(pair.b, octets.size()));
  write(pair.a, octets);
  EXPECT_TRUE(read.get() == octets);
  EXPECT_EQ(pair.a.bytes_out(), octets.size());
  EXPECT_EQ(pair.b.bytes_in(), octets.size());
  auto end = start_on(pair.a.executor(), read_to_end(pair.a));
  EXPECT_TRUE(block_on(pair.b.executor(), write_and_close(pair.b, octets)).has_value());
  EXPECT_TRUE(end.get() == octets);
}

TEST_P(AnyStream, PiecesArriveInOrder) {
  Pair pair = make_pair(4096);
  std::string long_piece = pattern_octets(100'000);
  std::vector<std::string_view> pieces;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    pieces.push_back(i % 7 == 0 ? std::string_view() : "* 1 FETCH (UID 1)\r\n");
    if (i % 50 == 0) pieces.push_back(long_piece);
  }
  for (auto piece : pieces) expected += piece;
  auto read = start_on(pair.b.executor(), read_n(pair.b, expected.size()));
  auto written = block_on(pair.a.executor(), pair.a.write_pieces(pieces, patience));
  EXPECT_TRUE(written.has_value());
  EXPECT_TRUE(read.get() == expected);
  EXPECT_TRUE(block_on(pair.a.executor(), pair.a.write_all("", patience)).has_value());
}

Task<std::string> read_slowly(Stream& stream, size_t size) {
  std::string all;
  while (all.size() < size) {
    co_await sleep_for(std::chrono::microseconds(200));
    auto got = co_await stream.read_append(all, 10'000, soon());
    if (!got) break;
  }
  co_return all;
}

TEST_P(AnyStream, SlowReaderGetsEverything) {
  Pair pair = make_pair(4096);
  std::string octets = pattern_octets(1'000'000);
  auto read = start_on(pair.b.executor(), read_slowly(pair.b, octets.size()));
  write(pair.a, octets);
  EXPECT_TRUE(read.get() == octets);
}

TEST_P(AnyStream, AReaderThatStopsMeetsTheStallDeadline) {
  Pair pair = make_pair(4096);
  std::string octets = pattern_octets(4'000'000);
  auto written = block_on(pair.a.executor(), pair.a.write_all(octets, ms(20)));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::timeout);
  EXPECT_LT(pair.a.bytes_out(), octets.size());
}

TEST_P(AnyStream, ReadDeadline) {
  Pair pair = make_pair();
  std::string into = "kept";
  auto got = block_on(pair.a.executor(), pair.a.read_append(into, 100, after(ms(5))));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::timeout);
  EXPECT_EQ(into, "kept");
  // The deadline took nothing away.
  write(pair.b, "later");
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 5)), "later");
}

TEST_P(AnyStream, NeverReadsMoreThanAsked) {
  Pair pair = make_pair();
  write(pair.b, "0123456789");
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 4)), "0123");
  EXPECT_EQ(pair.a.bytes_in(), 4U);
  Signal signal(pair.a.executor());
  EXPECT_EQ(wake_of(pair.a, signal, after(ms(0))), Wake::readable);
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 6)), "456789");
}

TEST_P(AnyStream, EndOfFileIsClosed) {
  Pair pair = make_pair();
  auto closing = start_on(pair.b.executor(), write_and_close(pair.b, "bye"));
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 4)), "bye");
  std::string into;
  auto got = block_on(pair.a.executor(), pair.a.read_append(into, 10, soon()));
  EXPECT_EQ(got.error().code, Code::closed);
  test::close_on_home(pair.a);
  closing.get();
  auto late = block_on(pair.a.executor(), pair.a.write_all("x", patience));
  EXPECT_EQ(late.error().code, Code::closed);
}

TEST_P(AnyStream, WritingToAPeerThatIsGoneIsAnError) {
  Pair pair = make_pair();
  test::close_on_home(pair.b);
  std::string octets(100'000, 'x');
  auto written = block_on(pair.a.executor(), pair.a.write_all(octets, patience));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::closed);
}

TEST_P(AnyStream, WakesForData) {
  Pair pair = make_pair();
  Signal signal(pair.a.executor());
  auto waiting = start_on(pair.a.executor(), pair.a.wait_readable_or_signal(signal, soon()));
  write(pair.b, "x");
  EXPECT_EQ(waiting.get(), Wake::readable);
  EXPECT_EQ(pair.a.bytes_in(), 0U);
  EXPECT_EQ(wake_of(pair.a, signal, soon()), Wake::readable);
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 1)), "x");
  EXPECT_EQ(wake_of(pair.a, signal, after(ms(1))), Wake::timeout);
}

TEST_P(AnyStream, WakesForASignalBeforeAndWhileWaiting) {
  Pair pair = make_pair();
  Signal signal(pair.a.executor());
  signal.notify(2);
  EXPECT_EQ(wake_of(pair.a, signal, soon()), Wake::signalled);
  EXPECT_EQ(signal.pending(), 2U);
  EXPECT_EQ(signal.take(), 2U);
  EXPECT_EQ(wake_of(pair.a, signal, after(ms(1))), Wake::timeout);
  auto waiting = start_on(pair.a.executor(), pair.a.wait_readable_or_signal(signal, soon()));
  std::this_thread::sleep_for(ms(2));
  signal.notify(4);
  EXPECT_EQ(waiting.get(), Wake::signalled);
  EXPECT_EQ(signal.take(), 4U);
}

TEST_P(AnyStream, WakesForTheEnd) {
  Pair pair = make_pair();
  Signal signal(pair.a.executor());
  auto waiting = start_on(pair.a.executor(), pair.a.wait_readable_or_signal(signal, soon()));
  test::close_on_home(pair.b);
  EXPECT_EQ(waiting.get(), Wake::closed);
  EXPECT_EQ(wake_of(pair.a, signal, soon()), Wake::closed);
}

// A session as it is: it waits for octets and signals at once and serves both.
Task<std::pair<size_t, int>> serve_both(Stream& stream, Signal& signal, std::atomic<int>& sent,
                                        size_t octets, int signals) {
  std::string read;
  int seen = 0;
  while (read.size() < octets || seen < signals) {
    auto wake = co_await stream.wait_readable_or_signal(signal, soon());
    if (wake == Wake::signalled) {
      signal.take();
      seen = sent.load();
    } else if (wake == Wake::readable) {
      auto got = co_await stream.read_append(read, 7, soon());
      if (!got) break;
    } else {
      break;
    }
  }
  co_return std::pair<size_t, int>(read.size(), seen);
}

TEST_P(AnyStream, NoWakeIsLostBetweenDataAndSignals) {
  Pair pair = make_pair();
  Signal signal(pair.a.executor());
  std::atomic<int> sent{0};
  constexpr int total = 3000;
  auto served = start_on(pair.a.executor(), serve_both(pair.a, signal, sent, total * 3, total));
  std::thread notifier([&sent, handle = signal.handle()] {
    for (int i = 0; i < total; ++i) {
      ++sent;
      handle.notify();
      if (i % 64 == 0) std::this_thread::yield();
    }
  });
  for (int i = 0; i < total; ++i) write(pair.b, "abc");
  notifier.join();
  auto [octets, signals] = served.get();
  EXPECT_EQ(octets, size_t{total} * 3);
  EXPECT_EQ(signals, total);
}

TEST_P(AnyStream, ReadableNow) {
  Pair pair = make_pair();
  struct Ask {
    static Task<bool> now(Stream& stream) {
      bool readable = stream.readable_now();
      co_return readable;
    }
  };
  EXPECT_FALSE(block_on(pair.a.executor(), Ask::now(pair.a)));
  write(pair.b, "x");
  EXPECT_TRUE(block_on(pair.a.executor(), Ask::now(pair.a)));
  EXPECT_EQ(block_on(pair.a.executor(), read_n(pair.a, 1)), "x");
}

}  // namespace
}  // namespace eilpost::net
