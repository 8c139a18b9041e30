#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <thread>

#include "net/connect.h"
#include "net/http.h"
#include "net/proxy.h"
#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::patience;
using test::read_n;
using test::read_to_end;
using test::soon;
using test::start_on;

// Greets and sends back what it gets; ends on `stop` with a farewell.
Task<> echo(Stream stream) {
  Signal stop(stream.executor());
  stream.on_stop(stop.handle(), 1);
  std::string greeting = "* OK " + stream.peer().host() + "\r\n";
  auto greeted = co_await stream.write_all(greeting, patience);
  if (!greeted) co_return;
  for (;;) {
    auto wake = co_await stream.wait_readable_or_signal(stop, no_deadline);
    if (wake == Wake::signalled) {
      co_await stream.write_all("* BYE\r\n", patience);
      co_await stream.shutdown(soon());
      co_return;
    }
    std::string line;
    auto got = co_await stream.read_append(line, 1000, soon());
    if (!got) co_return;
    auto written = co_await stream.write_all(line, patience);
    if (!written) co_return;
  }
}

Task<> deaf(Stream stream) {
  std::string ignored;
  co_await stream.read_append(ignored, 1, no_deadline);
}

Task<> throwing(Stream stream) {
  co_await yield_now();
  if (stream) throw std::runtime_error("a session that breaks");
}

Task<std::string> read_line(Stream& stream) {
  std::string line;
  while (line.find('\n') == std::string::npos) {
    auto got = co_await stream.read_append(line, 1, soon());
    if (!got) break;
  }
  co_return line;
}

class ListenerTest : public ::testing::Test {
 protected:
  ListenerSettings loopback() {
    ListenerSettings settings;
    settings.name = "test";
    settings.address = "127.0.0.1";
    settings.refusal = "* BYE [LIMIT] Too many connections\r\n";
    return settings;
  }
  void listen(ListenerSettings settings, ConnectionHandler handler = echo) {
    auto opened = Listener::open(std::move(settings), io_, connections_);
    ASSERT_TRUE(opened.has_value()) << opened.error().detail;
    listener_ = std::move(*opened);
    listener_->start(std::move(handler));
  }
  Stream connect(std::shared_ptr<TlsContext> tls = nullptr) {
    ConnectOptions options;
    options.deadline = soon();
    options.tls = std::move(tls);
    options.server_name = "localhost";
    const Address& local = listener_->local();
    auto task = local.kind == Address::Kind::local ? connect_unix(local.path, options)
                                                   : connect_tcp(local.host(), local.port, options);
    auto stream = block_on(io_.executor(0), std::move(task));
    EXPECT_TRUE(stream.has_value()) << stream.error().detail;
    return stream ? std::move(*stream) : Stream();
  }
  std::string line(Stream& stream) { return block_on(stream.executor(), read_line(stream)); }
  bool send(Stream& stream, std::string_view octets) {
    auto written = block_on(stream.executor(), stream.write_all(octets, patience));
    return written.has_value();
  }
  void hang_up(Stream& stream) {
    test::close_on_home(stream);
    stream = Stream();
  }
  // Waits until `count` connections are left.
  bool settles_at(size_t count) {
    for (Deadline limit = soon(); std::chrono::steady_clock::now() < limit;) {
      if (connections_.count() == count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  void TearDown() override {
    for (Stream* stream : {&first_, &second_, &third_}) hang_up(*stream);
    if (listener_) listener_->stop();
    EXPECT_EQ(connections_.drain(std::chrono::seconds(20), std::chrono::seconds(20)), 0U);
  }

  test::TemporaryDirectory directory_;
  Connections connections_;
  IoPool io_{2};
  std::unique_ptr<Listener> listener_;
  Stream first_;
  Stream second_;
  Stream third_;
};

TEST_F(ListenerTest, EchoOverTcp) {
  listen(loopback());
  EXPECT_NE(listener_->local().port, 0);
  first_ = connect();
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
  EXPECT_TRUE(send(first_, "a1 NOOP\r\n"));
  EXPECT_EQ(line(first_), "a1 NOOP\r\n");
  EXPECT_EQ(connections_.count(first_.peer()), 1U);
  hang_up(first_);
  EXPECT_TRUE(settles_at(0));
}

TEST_F(ListenerTest, EchoOverIpv6AndBothFamilies) {
  auto settings = loopback();
  settings.address = "::";
  auto probe = Listener::open(settings, io_, connections_);
  if (!probe) GTEST_SKIP() << "no IPv6 here: " << probe.error().detail;
  probe->reset();
  listen(settings);
  uint16_t port = listener_->local().port;
  ConnectOptions options;
  options.deadline = soon();
  auto four = block_on(io_.executor(0), connect_tcp("127.0.0.1", port, options));
  ASSERT_TRUE(four.has_value());
  first_ = std::move(*four);
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
  auto named = block_on(io_.executor(0), connect_tcp("localhost", port, options));
  ASSERT_TRUE(named.has_value()) << named.error().detail;
  second_ = std::move(*named);
  EXPECT_NE(line(second_), "");
}

TEST_F(ListenerTest, EchoOverUnixReplacesAStaleSocket) {
  auto settings = loopback();
  settings.address = directory_.file("socket");
  settings.socket_mode = 0600;
  {
    Address address;
    address.kind = Address::Kind::local;
    address.path = settings.address;
    auto stale = listen_on(address, {.backlog = 1, .socket_mode = 0600});
    ASSERT_TRUE(stale.has_value());
  }
  listen(settings);
  struct stat status {};
  ASSERT_EQ(::stat(settings.address.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  auto twice = Listener::open(settings, io_, connections_);
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, Code::in_use);
  first_ = connect();
  EXPECT_EQ(line(first_), "* OK local\r\n");
  listener_->stop();
  EXPECT_NE(::stat(settings.address.c_str(), &status), 0);
}

TEST_F(ListenerTest, ImplicitTls) {
  auto settings = loopback();
  settings.tls = test::server_context(test::make_certificate(directory_, "x", {"localhost"}));
  listen(settings);
  for (bool tls12 : {false, true}) {
    first_ = connect(test::client_context(tls12));
    EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
    EXPECT_EQ(first_.tls_info()->version, tls12 ? "TLSv1.2" : "TLSv1.3");
    hang_up(first_);
  }
}

TEST_F(ListenerTest, ASilentTlsClientIsDropped) {
  auto settings = loopback();
  settings.tls = test::server_context(test::make_certificate(directory_, "x", {"localhost"}));
  settings.handshake_seconds = 0;
  listen(settings);
  first_ = connect();
  EXPECT_EQ(block_on(first_.executor(), read_to_end(first_)), "");
  EXPECT_TRUE(settles_at(0));
}

TEST_F(ListenerTest, LimitPerAddress) {
  connections_.set_limits({.total = 100, .per_address = 2});
  listen(loopback());
  first_ = connect();
  second_ = connect();
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
  EXPECT_EQ(line(second_), "* OK 127.0.0.1\r\n");
  third_ = connect();
  EXPECT_EQ(block_on(third_.executor(), read_to_end(third_)),
            "* BYE [LIMIT] Too many connections\r\n");
  hang_up(third_);
  hang_up(first_);
  ASSERT_TRUE(settles_at(1));
  third_ = connect();
  EXPECT_EQ(line(third_), "* OK 127.0.0.1\r\n");
}

TEST_F(ListenerTest, LimitInAll) {
  connections_.set_limits({.total = 1, .per_address = 100});
  listen(loopback());
  first_ = connect();
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
  second_ = connect();
  EXPECT_EQ(line(second_), "* BYE [LIMIT] Too many connections\r\n");
}

TEST_F(ListenerTest, ProxyHeaderGivesTheRealClient) {
  auto settings = loopback();
  settings.proxy_networks = {*Network::parse("127.0.0.0/8")};
  connections_.set_limits({.total = 100, .per_address = 1});
  listen(settings);
  ProxyHeader header;
  header.source = *Address::parse("192.0.2.7", 40000);
  header.destination = *Address::parse("198.51.100.1", 993);
  first_ = connect();
  // In two parts, and with a command right behind it.
  std::string octets = print_proxy(header) + "a1 NOOP\r\n";
  EXPECT_TRUE(send(first_, octets.substr(0, 5)));
  EXPECT_TRUE(send(first_, octets.substr(5)));
  EXPECT_EQ(line(first_), "* OK 192.0.2.7\r\n");
  EXPECT_EQ(line(first_), "a1 NOOP\r\n");
  EXPECT_EQ(connections_.count(header.source), 1U);
  // The limit is that of the real client, not of the balancer.
  second_ = connect();
  EXPECT_TRUE(send(second_, print_proxy(header)));
  EXPECT_EQ(line(second_), "* BYE [LIMIT] Too many connections\r\n");
  header.source = *Address::parse("192.0.2.8", 40000);
  third_ = connect();
  EXPECT_TRUE(send(third_, print_proxy(header)));
  EXPECT_EQ(line(third_), "* OK 192.0.2.8\r\n");
}

TEST_F(ListenerTest, ProxyVersion1AndSilenceAreDropped) {
  auto settings = loopback();
  settings.proxy_networks = {*Network::parse("127.0.0.1")};
  listen(settings);
  first_ = connect();
  EXPECT_TRUE(send(first_, "PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n"));
  EXPECT_EQ(line(first_), "");
  listener_->stop();
  settings.proxy_seconds = 0;
  listen(settings);
  second_ = connect();
  EXPECT_EQ(line(second_), "");
  EXPECT_TRUE(settles_at(0));
}

TEST_F(ListenerTest, OtherNetworksNeedNoProxyHeader) {
  auto settings = loopback();
  settings.proxy_networks = {*Network::parse("192.0.2.0/24")};
  listen(settings);
  first_ = connect();
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
}

// Lowers the limit of descriptors so that none is left, until destroyed.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ListenerTest, SurvivesRunningOutOfDescriptors) {
  listen(loopback());
  auto target = to_sockaddr(listener_->local());
  auto waiting = open_socket(AF_INET);
  ASSERT_TRUE(target.has_value() && waiting.has_value());
  rusage before{};
  rusage later{};
  {
    NoDescriptors none;
    // The kernel completes the connection; the listener cannot accept it.
    ::connect(waiting->get(), target->get(), target->length);
    ::getrusage(RUSAGE_SELF, &before);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::getrusage(RUSAGE_SELF, &later);
    EXPECT_EQ(connections_.count(), 0U);
  }
  // A listener that spins would have been on the processor for all of the 300 ms.
  auto micros = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  EXPECT_LT(micros(later.ru_utime) - micros(before.ru_utime), 150'000);
  first_ = Stream(io_.executor(0), waiting->release(), listener_->local(), Address());
  EXPECT_EQ(line(first_), "* OK 127.0.0.1\r\n");
}

TEST_F(ListenerTest, GracefulStopSaysGoodbye) {
  listen(loopback());
  first_ = connect();
  second_ = connect();
  line(first_);
  line(second_);
  listener_->stop();
  ConnectOptions options;
  options.deadline = soon();
  auto refused =
      block_on(io_.executor(0), connect_tcp("127.0.0.1", listener_->local().port, options));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::unavailable);
  auto draining = std::async(std::launch::async, [this] {
    return connections_.drain(std::chrono::seconds(20), std::chrono::seconds(20));
  });
  EXPECT_EQ(block_on(first_.executor(), read_to_end(first_)), "* BYE\r\n");
  EXPECT_EQ(block_on(second_.executor(), read_to_end(second_)), "* BYE\r\n");
  hang_up(first_);
  hang_up(second_);
  EXPECT_EQ(draining.get(), 0U);
}

TEST_F(ListenerTest, DeafSessionsAreBroken) {
  listen(loopback(), deaf);
  first_ = connect();
  ASSERT_TRUE(settles_at(1));
  listener_->stop();
  EXPECT_EQ(connections_.drain(std::chrono::milliseconds(1), std::chrono::seconds(20)), 0U);
  EXPECT_EQ(block_on(first_.executor(), read_to_end(first_)), "");
}

TEST_F(ListenerTest, ASessionThatThrowsCostsOnlyItself) {
  listen(loopback(), throwing);
  first_ = connect();
  EXPECT_EQ(block_on(first_.executor(), read_to_end(first_)), "");
  second_ = connect();
  EXPECT_EQ(block_on(second_.executor(), read_to_end(second_)), "");
  EXPECT_TRUE(settles_at(0));
}

TEST_F(ListenerTest, BadAddressesAreErrors) {
  auto settings = loopback();
  settings.address = "mail.example.org";
  EXPECT_EQ(Listener::open(settings, io_, connections_).error().code, Code::invalid);
  listen(loopback());
  settings = loopback();
  settings.port = listener_->local().port;
  EXPECT_EQ(Listener::open(settings, io_, connections_).error().code, Code::in_use);
}

TEST_F(ListenerTest, ConnectErrors) {
  ConnectOptions options;
  options.deadline = soon();
  auto none = block_on(io_.executor(0), connect_unix(directory_.file("none"), options));
  EXPECT_EQ(none.error().code, Code::unavailable);
  auto unknown = block_on(io_.executor(0), connect_tcp("no-such-host.invalid", 1, options));
  EXPECT_FALSE(unknown.has_value());
}

HttpResponse pages(const HttpRequest& request) {
  HttpResponse response;
  if (request.path == "/break") throw std::runtime_error("broken page");
  if (request.path == "/a b") {
    response.body = "query=" + request.query;
  } else {
    response.status = 404;
    response.body = "no " + request.path;
  }
  return response;
}

class HttpTest : public ListenerTest {
 protected:
  void SetUp() override {
    listen(loopback(), [](Stream stream) { return serve_http(std::move(stream), pages); });
  }
  // What comes back for `request` on a connection of its own, to the end.
  std::string ask(const std::string& request) {
    first_ = connect();
    EXPECT_TRUE(send(first_, request));
    std::string all = block_on(first_.executor(), read_to_end(first_));
    hang_up(first_);
    return all;
  }
};

TEST_F(HttpTest, AnswersAndKeepsTheConnection) {
  std::string both =
      ask("GET /a%20b?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
          "HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n");
  EXPECT_EQ(both.find("HTTP/1.1 200 OK\r\n"), 0U) << both;
  EXPECT_NE(both.find("Content-Length: 9\r\nConnection: keep-alive\r\n"), std::string::npos);
  EXPECT_NE(both.find("\r\n\r\nquery=x=1HTTP/1.1 404 Not Found\r\n"), std::string::npos) << both;
  EXPECT_NE(both.find("Content-Length: 11\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_EQ(both.substr(both.size() - 4), "\r\n\r\n");
}

TEST_F(HttpTest, RefusesWhatItDoesNotDo) {
  struct Case {
    std::string request;
    const char* status;
  };
  const Case cases[] = {
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "405"},
      {"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "413"},
      {"GET / HTTP/2.0\r\n\r\n", "505"},
      {"GET /%zz HTTP/1.1\r\n\r\n", "400"},
      {"GET\r\n\r\n", "400"},
      {"\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nbad field\r\n\r\n", "400"},
      {"GET /break HTTP/1.0\r\n\r\n", "500"},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n", "431"},
  };
  for (const auto& c : cases) {
    std::string answer = ask(c.request);
    EXPECT_EQ(answer.substr(0, 12), std::string("HTTP/1.1 ") + c.status)
        << c.request.substr(0, 60) << "\n"
        << answer;
  }
}

}  // namespace
}  // namespace eilpost::net
