#include "net/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "net/address.h"
#include "net/connect.h"

namespace eilpost::net {

namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr size_t header_bytes_max = 64 * 1024;
constexpr size_t read_bytes = 16 * 1024;

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : int{c}; };
    return low(x) == low(y);
  });
}

bool is_loopback(const std::string& host) {
  const auto address = Address::parse(host, 0);
  return address ? address->is_loopback() : same_letters(host, "localhost");
}

Result<uint16_t> parse_port(std::string_view text) {
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || port > 65535) return fail(Code::invalid, "URL: not a port");
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (text.empty() || port == 0 || port > 65535) return fail(Code::invalid, "URL: not a port");
  return static_cast<uint16_t>(port);
}

// host = IP-literal / IPv4address / reg-name, and ":" port (RFC 3986 3.2.2).
Result<> parse_authority(std::string_view text, Url& url) {
  url.authority = text;
  std::string_view port;
  if (text.substr(0, 1) == "[") {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return fail(Code::invalid, "URL: no \"]\" after the host");
    url.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!Address::parse(url.host, 0)) return fail(Code::invalid, "URL: not an IPv6 address");
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    url.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (url.host.empty()) return fail(Code::invalid, "URL: no host");
  if (port.empty()) return {};
  if (port.front() != ':') return fail(Code::invalid, "URL: octets behind the host");
  url.port = TRY(parse_port(port.substr(1)));
  return {};
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string::npos;
  });
}

// What would end a line early would let a value smuggle in another header.
bool fits_a_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Result<std::string> print_request(const HttpCall& call, const Url& url) {
  if (!is_token(call.method)) return fail(Code::invalid, "HTTP: not a method");
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: eilpost\r\nConnection: close\r\n",
                  call.method, url.target, url.authority);
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name) || !fits_a_line(value)) return fail(Code::invalid, "HTTP: not a header");
    out += fmt::format("{}: {}\r\n", name, value);
  }
  if (!call.body.empty() || call.method != "GET") {
    out += fmt::format("Content-Length: {}\r\n", call.body.size());
  }
  return out + "\r\n" + call.body;
}

tl::unexpected<Error> fail_parse(const boost::system::error_code& error) {
  const bool big = error == http::error::body_limit || error == http::error::header_limit;
  return fail(big ? Code::too_big : Code::invalid, "HTTP answer: " + error.message());
}

// Gives the parser what it has not taken yet; what it leaves stays in `buffer`.
Result<> feed(Parser& parser, std::string& buffer) {
  while (!buffer.empty() && !parser.is_done()) {
    boost::system::error_code error;
    const size_t used = parser.put(boost::asio::buffer(buffer), error);
    buffer.erase(0, used);
    if (error == http::error::need_more) return {};
    if (error) return fail_parse(error);
    if (used == 0) return {};
  }
  return {};
}

HttpAnswer take_answer(Parser& parser) {
  HttpAnswer out;
  auto& message = parser.get();
  out.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  out.body = std::move(message.body());
  return out;
}

Task<Result<HttpAnswer>> read_answer(Stream& stream, Parser& parser, Deadline deadline) {
  std::string buffer;
  while (!parser.is_done()) {
    auto got = co_await stream.read_append(buffer, read_bytes, deadline);
    if (!got && got.error().code != Code::closed) co_return tl::unexpected(got.error());
    if (!got) {
      // A body without a length ends with the connection.
      boost::system::error_code error;
      parser.put_eof(error);
      if (error) co_return fail_parse(error);
      break;
    }
    auto fed = feed(parser, buffer);
    CO_TRY(fed);
  }
  co_return take_answer(parser);
}

struct Prepared {
  Url url;
  std::string request;
  Deadline deadline;
  std::shared_ptr<TlsContext> tls;
  size_t body_bytes_max = 0;
  bool no_body = false;  // of the answer (HEAD)
};

Task<Result<HttpAnswer>> run_call(Prepared call) {
  ConnectOptions options;
  options.deadline = call.deadline;
  if (call.url.tls) options.tls = call.tls;
  auto stream = co_await connect_tcp(call.url.host, call.url.port, options);
  CO_TRY(stream);
  const auto left = call.deadline - std::chrono::steady_clock::now();
  auto sent = co_await stream->write_all(call.request, left);
  CO_TRY(sent);
  Parser parser;
  parser.eager(true);
  parser.skip(call.no_body);
  parser.header_limit(header_bytes_max);
  parser.body_limit(call.body_bytes_max);
  auto answer = co_await read_answer(*stream, parser, call.deadline);
  co_return answer;
}

Result<Prepared> prepare(const HttpCall& call, const HttpClientOptions& options,
                         std::shared_ptr<TlsContext> tls) {
  Prepared out;
  out.url = TRY(parse_url(call.url));
  if (!out.url.tls && !options.plain_anywhere && !is_loopback(out.url.host)) {
    return fail(Code::invalid, "URL: http: to " + out.url.host + " is refused, use https:");
  }
  out.request = TRY(print_request(call, out.url));
  out.deadline = after(options.timeout);
  out.tls = std::move(tls);
  out.body_bytes_max = options.body_bytes_max;
  out.no_body = call.method == "HEAD";
  return out;
}

Task<> keep_answer(Prepared call, std::optional<Result<HttpAnswer>>& answer) {
  auto got = co_await run_call(std::move(call));
  answer.emplace(std::move(got));
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_letters(key, name)) return value;
  }
  return "";
}

Result<Url> parse_url(std::string_view text) {
  Url out;
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return fail(Code::invalid, "URL: no http: or https:");
  out.tls = same_letters(text.substr(0, scheme), "https");
  if (!out.tls && !same_letters(text.substr(0, scheme), "http")) {
    return fail(Code::invalid, "URL: neither http: nor https:");
  }
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!clean || text.find('#') != std::string_view::npos) {
    return fail(Code::invalid, "URL: a fragment, a blank or octets beyond ASCII");
  }
  out.port = out.tls ? 443 : 80;
  text.remove_prefix(scheme + 3);
  const size_t path = std::min(text.find_first_of("/?"), text.size());
  const auto authority = text.substr(0, path);
  if (authority.find('@') != std::string_view::npos) return fail(Code::invalid, "URL: a user part");
  TRY(parse_authority(authority, out));
  text.remove_prefix(path);
  if (!text.empty()) out.target = (text.front() == '?' ? "/" : "") + std::string(text);
  return out;
}

std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string form_encoded(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    out += form_encoded(name) + "=" + form_encoded(value);
  }
  return out;
}

Result<std::unique_ptr<HttpClient>> HttpClient::create(HttpClientOptions options) {
  TlsClientSettings settings;
  settings.ca_file = options.ca_file;
  auto tls = TRY(TlsContext::client(std::move(settings)));
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options), std::move(tls)));
}

Task<Result<HttpAnswer>> HttpClient::fetch(HttpCall call) const {
  auto prepared = prepare(call, options_, tls_);
  CO_TRY(prepared);
  auto answer = co_await run_call(std::move(*prepared));
  co_return answer;
}

Result<HttpAnswer> HttpClient::fetch_wait(HttpCall call) const {
  auto prepared = TRY(prepare(call, options_, tls_));
  std::optional<Result<HttpAnswer>> answer;
  boost::asio::io_context loop{1};
  spawn(loop.get_executor(), keep_answer(std::move(prepared), answer), [&loop] { loop.stop(); });
  loop.run();
  if (!answer) return fail(Code::internal, "HTTP: the call ended without an answer");
  return std::move(*answer);
}

}  // namespace eilpost::net
