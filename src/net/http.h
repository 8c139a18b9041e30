// A small HTTP/1.1 server for health and metrics: GET and HEAD, keep-alive, no bodies, 8 KiB of
// request header, 10 s for each request. Run it as a Listener's handler, on addresses that only
// operators reach. Everything it does runs on the connection's executor.
#pragma once

#include <functional>
#include <string>

#include "net/stream.h"
#include "net/task.h"

namespace eilpost::net {

struct HttpRequest {
  std::string path;   // percent-decoded, without the query
  std::string query;  // as sent, without "?"
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Called on an IoPool's thread; must be quick and must not block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Serves one connection to its end.
Task<> serve_http(Stream stream, HttpHandler handler);

}  // namespace eilpost::net
