#include "net/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace eilpost::net {

namespace {

constexpr size_t header_bytes_max = 8192;
constexpr auto request_time = std::chrono::seconds(10);
constexpr auto write_stall = std::chrono::seconds(10);
constexpr int requests_max = 1000;
constexpr std::string_view header_end = "\r\n\r\n";

struct Parsed {
  int error = 0;  // a status to answer with instead of calling the handler
  bool head = false;
  bool keep_alive = true;
  HttpRequest request;
};

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    auto low = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : int{c}; };
    return low(x) == low(y);
  });
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 2.1.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    int high = hex(text[i + 1]);
    int low = hex(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// RFC 9112 3: method SP request-target SP HTTP-version.
void parse_request_line(std::string_view line, Parsed& parsed) {
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    parsed.error = 400;
    return;
  }
  std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  std::string_view version = line.substr(last + 1);
  parsed.head = method == "HEAD";
  if (version == "HTTP/1.0") {
    parsed.keep_alive = false;
  } else if (version != "HTTP/1.1") {
    parsed.error = version.substr(0, 5) == "HTTP/" ? 505 : 400;
    return;
  }
  size_t question = target.find('?');
  if (question != std::string_view::npos) parsed.request.query = target.substr(question + 1);
  auto path = percent_decoded(target.substr(0, question));
  if (!path || path->empty() || path->front() != '/') {
    parsed.error = 400;
    return;
  }
  parsed.request.path = std::move(*path);
  if (method != "GET" && !parsed.head) parsed.error = 405;
}

void parse_field(std::string_view line, Parsed& parsed) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    parsed.error = 400;
    return;
  }
  std::string_view name = line.substr(0, colon);
  std::string_view value = trimmed(line.substr(colon + 1));
  if (same_letters(name, "connection") && same_letters(value, "close")) parsed.keep_alive = false;
  bool body = (same_letters(name, "content-length") && value != "0") ||
              same_letters(name, "transfer-encoding");
  if (body && parsed.error == 0) parsed.error = 413;
}

Parsed parse(std::string_view head) {
  Parsed parsed;
  bool first = true;
  while (!head.empty()) {
    size_t end = std::min(head.find("\r\n"), head.size());
    std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    if (first) {
      parse_request_line(line, parsed);
    } else if (!line.empty()) {
      parse_field(line, parsed);
    }
    first = false;
  }
  // What is not understood may have a body, so the next request could not be found.
  if (first) parsed.error = 400;
  if (parsed.error != 0) parsed.keep_alive = false;
  return parsed;
}

std::string print(const HttpResponse& response, const Parsed& parsed) {
  std::string out = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
      response.status, reason(response.status), response.content_type, response.body.size(),
      parsed.keep_alive ? "keep-alive" : "close");
  if (response.status == 405) out += "Allow: GET, HEAD\r\n";
  out += "\r\n";
  if (!parsed.head) out += response.body;
  return out;
}

HttpResponse error_response(int status) {
  HttpResponse response;
  response.status = status;
  response.body = fmt::format("{} {}\n", status, reason(status));
  return response;
}

HttpResponse answer(const HttpHandler& handler, const Parsed& parsed) {
  if (parsed.error != 0) return error_response(parsed.error);
  try {
    return handler(parsed.request);
  } catch (...) {
    return error_response(500);
  }
}

// Reads until `buffer` holds a request's whole header; its length without the empty line.
Task<Result<size_t>> read_head(Stream& stream, std::string& buffer) {
  Deadline deadline = after(request_time);
  for (;;) {
    size_t end = buffer.find(header_end);
    if (end != std::string::npos) co_return end;
    if (buffer.size() >= header_bytes_max) co_return fail(Code::too_big, "HTTP header");
    auto got = co_await stream.read_append(buffer, header_bytes_max - buffer.size(), deadline);
    CO_TRY(got);
  }
}

}  // namespace

Task<> serve_http(Stream stream, HttpHandler handler) {
  std::string buffer;
  for (int served = 0; served < requests_max; ++served) {
    auto head = co_await read_head(stream, buffer);
    if (!head && head.error().code != Code::too_big) break;
    Parsed parsed;
    if (head) {
      parsed = parse(std::string_view(buffer).substr(0, *head));
      buffer.erase(0, *head + header_end.size());
    } else {
      parsed.error = 431;
    }
    if (parsed.error != 0 || served + 1 == requests_max) parsed.keep_alive = false;
    std::string out = print(answer(handler, parsed), parsed);
    auto written = co_await stream.write_all(out, write_stall);
    if (!written || !parsed.keep_alive) break;
  }
  co_await stream.shutdown(after(write_stall));
}

}  // namespace eilpost::net
