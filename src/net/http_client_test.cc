#include "net/http_client.h"

#include <gtest/gtest.h>

#include "net/connections.h"
#include "net/listener.h"
#include "net/test_support.h"

namespace eilpost::net {
namespace {

TEST(Url, Forms) {
  const auto url = parse_url("https://idp.example.org/tenant/.well-known?x=1");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(*url,
            (Url{true, "idp.example.org", 443, "/tenant/.well-known?x=1", "idp.example.org"}));
  EXPECT_EQ(parse_url("HTTP://[::1]:8080?q")->host, "::1");
  EXPECT_EQ(parse_url("HTTP://[::1]:8080?q")->port, 8080);
  EXPECT_EQ(parse_url("HTTP://[::1]:8080?q")->target, "/?q");
  EXPECT_EQ(parse_url("http://a")->target, "/");
  for (const auto* bad : {"ftp://a/", "a/b", "https://", "https://a:0/", "https://a:70000/",
                          "https://u:p@a/", "https://a/#f", "https://a b/", "https://[::1",
                          "https://[x]/", "https://[::1]x/", "http://a:/"}) {
    EXPECT_FALSE(parse_url(bad).has_value()) << bad;
  }
}

TEST(Url, FormEncoding) {
  EXPECT_EQ(form_encoded({{"token", "a+b/c=d e"}, {"x", "~1"}}), "token=a%2Bb%2Fc%3Dd%20e&x=~1");
}

struct Script {
  std::string answer;
  std::string request;  // what came
};

Task<> play(Stream stream, Script& script) {
  while (script.request.find("\r\n\r\n") == std::string::npos) {
    auto got = co_await stream.read_append(script.request, 65536, test::soon());
    if (!got) co_return;
  }
  auto written = co_await stream.write_all(script.answer, test::patience);
  if (written) co_await stream.shutdown(test::soon());
}

class Http : public ::testing::Test {
 protected:
  // Serves `answer` once, and says on which port.
  uint16_t serve(std::string answer, std::shared_ptr<TlsContext> tls = nullptr) {
    script_.answer = std::move(answer);
    ListenerSettings settings;
    settings.name = "test";
    settings.address = "127.0.0.1";
    settings.tls = std::move(tls);
    listener_ = *Listener::open(std::move(settings), io_, connections_);
    listener_->start([this](Stream stream) { return play(std::move(stream), script_); });
    return listener_->local().port;
  }
  Result<HttpAnswer> get(uint16_t port, HttpClientOptions options = {}) {
    HttpCall call;
    call.url = fmt_url("http", port);
    return (*HttpClient::create(std::move(options)))->fetch_wait(call);
  }
  static std::string fmt_url(const std::string& scheme, uint16_t port) {
    return scheme + "://localhost:" + std::to_string(port) + "/keys?a=b";
  }
  void TearDown() override {
    if (listener_) listener_->stop();
    connections_.drain(std::chrono::seconds(5), std::chrono::seconds(5));
  }

  Script script_;
  IoPool io_{1};
  Connections connections_{{.total = 10, .per_address = 10}};
  std::unique_ptr<Listener> listener_;
  test::TemporaryDirectory directory_;
};

TEST_F(Http, LengthChunksAndEndOfConnection) {
  for (const auto* body : {"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
                           "HTTP/1.1 200 OK\r\nx-a: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
                           "HTTP/1.0 200 OK\r\nX-a: b\r\n\r\nhello"}) {
    script_.request.clear();
    const auto answer = get(serve(body));
    ASSERT_TRUE(answer.has_value()) << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_EQ(answer->header("X-A"), "b");
    EXPECT_EQ(script_.request.substr(0, 23), "GET /keys?a=b HTTP/1.1\r");
  }
}

TEST_F(Http, PostCarriesBodyAndHeaders) {
  const auto port = serve("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
  HttpCall call;
  call.method = "POST";
  call.url = fmt_url("http", port);
  call.headers = {{"Authorization", "Basic xyz"}};
  call.body = "token=1";
  const auto answer = (*HttpClient::create({}))->fetch_wait(call);
  ASSERT_TRUE(answer.has_value()) << answer.error().detail;
  EXPECT_EQ(answer->status, 401);
  EXPECT_NE(script_.request.find("\r\nAuthorization: Basic xyz\r\n"), std::string::npos);
  EXPECT_NE(script_.request.find("\r\nContent-Length: 7\r\n"), std::string::npos);
  call.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ((*HttpClient::create({}))->fetch_wait(call).error().code, Code::invalid);
}

TEST_F(Http, WhatIsWrongIsAnError) {
  HttpClientOptions small;
  small.body_bytes_max = 4;
  EXPECT_EQ(get(serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), small).error().code,
            Code::too_big);
  EXPECT_EQ(get(serve("SMTP ready\r\n\r\n")).error().code, Code::invalid);
  EXPECT_EQ(get(serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")).error().code,
            Code::invalid);
  const auto closed = serve("");
  listener_->stop();
  EXPECT_EQ(get(closed).error().code, Code::unavailable);
}

TEST_F(Http, PlainOnlyToLoopback) {
  HttpCall call;
  call.url = "http://192.0.2.1/";
  EXPECT_EQ((*HttpClient::create({}))->fetch_wait(call).error().code, Code::invalid);
}

TEST_F(Http, TlsIsVerified) {
  const auto files = test::make_certificate(directory_, "localhost", {"localhost"});
  const auto port =
      serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", test::server_context(files));
  HttpCall call;
  call.url = fmt_url("https", port);
  HttpClientOptions options;
  const auto untrusted = (*HttpClient::create(options))->fetch_wait(call);
  EXPECT_FALSE(untrusted.has_value());
  options.ca_file = files.chain_file;
  const auto trusted = (*HttpClient::create(options))->fetch_wait(call);
  ASSERT_TRUE(trusted.has_value()) << trusted.error().detail;
  EXPECT_EQ(trusted->body, "ok");
  call.url = "https://127.0.0.2:" + std::to_string(port) + "/";
  EXPECT_FALSE((*HttpClient::create(options))->fetch_wait(call).has_value());
}

}  // namespace
}  // namespace eilpost::net
