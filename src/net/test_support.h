// For this folder's tests: connected pairs of Streams, certificates in a temporary directory, and
// two coroutines run at once.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <string>

#include "net/address.h"
#include "net/io_pool.h"
#include "net/socket.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/tls.h"

namespace eilpost::net::test {

// Long enough never to pass in a test that works.
inline Deadline soon() {
  return after(std::chrono::seconds(20));
}
inline constexpr auto patience = std::chrono::seconds(20);

template <class T>
std::future<T> start_on(Executor executor, Task<T> task) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  spawn(std::move(executor), detail::fulfil<T>(std::move(task), std::move(promise)));
  return future;
}

// A Stream is closed on its executor; tests own them on the main thread.
inline Task<> close_here(Stream& stream) {
  stream.close();
  co_return;
}
inline void close_on_home(Stream& stream) {
  if (stream) block_on(stream.executor(), close_here(stream));
}

struct Pair {
  Pair(Stream first, Stream second) : a(std::move(first)), b(std::move(second)) {}
  Pair(Pair&&) = default;
  Stream a;  // lives on executor `on_a`
  Stream b;
  ~Pair() {
    close_on_home(a);
    close_on_home(b);
  }
};

// A Unix socket pair; `buffer_bytes` > 0 makes its buffers small.
inline Pair local_pair(const Executor& on_a, const Executor& on_b, int buffer_bytes = 0) {
  int fds[2] = {-1, -1};
  int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
  EXPECT_EQ(made, 0);
  if (buffer_bytes > 0) {
    for (int fd : fds) {
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
  }
  return {Stream(on_a, fds[0], Address(), Address()), Stream(on_b, fds[1], Address(), Address())};
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = ::testing::TempDir() + "/eilpost-net-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline TlsCertificate make_certificate(const TemporaryDirectory& directory, const std::string& name,
                                       const std::vector<std::string>& dns_names) {
  TlsCertificate files{directory.file(name + ".crt"), directory.file(name + ".key")};
  SelfSignedOptions options;
  options.common_name = name;
  options.dns_names = dns_names;
  options.now = SystemClock().now();
  auto written = write_self_signed(options, files);
  EXPECT_TRUE(written.has_value());
  return files;
}

inline std::shared_ptr<TlsContext> server_context(const TlsCertificate& files,
                                                  TlsVersion version_min = TlsVersion::tls12) {
  TlsServerSettings settings;
  settings.certificates = {files};
  settings.version_min = version_min;
  auto context = TlsContext::server(settings);
  EXPECT_TRUE(context.has_value());
  return *context;
}

inline std::shared_ptr<TlsContext> client_context(bool tls12_only = false) {
  TlsClientSettings settings;
  settings.verify = false;
  settings.tls12_only = tls12_only;
  auto context = TlsContext::client(settings);
  EXPECT_TRUE(context.has_value());
  return *context;
}

// Reads to the end of the stream and closes it.
inline Task<std::string> read_to_end(Stream& stream) {
  std::string all;
  for (;;) {
    auto got = co_await stream.read_append(all, 1 << 20, soon());
    if (!got) break;
  }
  stream.close();
  co_return all;
}

inline Task<std::string> read_n(Stream& stream, size_t size) {
  std::string all;
  while (all.size() < size) {
    auto got = co_await stream.read_append(all, size - all.size(), soon());
    if (!got) break;
  }
  co_return all;
}

inline Task<Result<>> secure(Stream& stream, std::shared_ptr<TlsContext> context,
                             std::string server_name = "") {
  TlsStart start;
  start.deadline = soon();
  start.server_name = std::move(server_name);
  auto done = co_await stream.start_tls(std::move(context), std::move(start));
  co_return done;
}

// Both handshakes at once; a is the server.
inline bool handshake(Pair& pair, std::shared_ptr<TlsContext> server,
                      std::shared_ptr<TlsContext> client, const std::string& name = "") {
  auto a = start_on(pair.a.executor(), secure(pair.a, std::move(server)));
  auto b = start_on(pair.b.executor(), secure(pair.b, std::move(client), name));
  auto a_done = a.get();
  auto b_done = b.get();
  return a_done.has_value() && b_done.has_value();
}

// Octets that are not all alike, for comparing.
inline std::string pattern_octets(size_t size) {
  std::string out(size, '\0');
  uint32_t state = 12345;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

}  // namespace eilpost::net::test
