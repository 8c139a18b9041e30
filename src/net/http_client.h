// HTTP/1.1 calls to other servers: tokens, key sets, autoconfiguration. One call, one connection;
// TLS is verified; redirects are answers like any other (nobody's secret follows them). Beast
// parses and stands behind this header and nowhere else. An HttpClient is thread safe and cheap to
// call from many threads at once; fetch() is for coroutines, fetch_wait() blocks (directory pool,
// tools).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/task.h"
#include "net/tls.h"

namespace eilpost::net {

struct HttpCall {
  std::string method = "GET";
  std::string url;  // http: or https:
  // Host, Content-Length, Connection and User-Agent are added.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // The first header of that name, whatever the case of its letters; "" when there is none.
  std::string_view header(std::string_view name) const;
};

struct Url {
  bool tls = false;
  std::string host;  // a name or an IP address, without brackets
  uint16_t port = 0;
  std::string target = "/";  // path and query
  std::string authority;     // as Host carries it
  friend bool operator==(const Url&, const Url&) = default;
};
// Code::invalid: neither http: nor https:, a user part, a fragment, or octets no URL has.
Result<Url> parse_url(std::string_view text);
// Of application/x-www-form-urlencoded: letters, digits and "-._~" stay as they are.
std::string form_encoded(std::string_view text);
std::string form_encoded(const std::vector<std::pair<std::string, std::string>>& fields);

struct HttpClientOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::chrono::seconds timeout{10};
  size_t body_bytes_max = 1024 * 1024;
  // http: carries secrets in the clear and lets everybody forge keys: refused, except to loopback.
  bool plain_anywhere = false;
};

class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> create(HttpClientOptions options);

  // Any status is an answer. Code::invalid: the URL; what comes is no HTTP; the certificate is not
  // the server's. Code::unavailable, timeout, not_found: nobody answers. Code::too_big.
  Task<Result<HttpAnswer>> fetch(HttpCall call) const;
  Result<HttpAnswer> fetch_wait(HttpCall call) const;

 private:
  HttpClient(HttpClientOptions options, std::shared_ptr<TlsContext> tls)
      : options_(std::move(options)), tls_(std::move(tls)) {}

  HttpClientOptions options_;
  std::shared_ptr<TlsContext> tls_;  // shared with the connections under way
};

}  // namespace eilpost::net
