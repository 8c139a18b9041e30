#include "client/session/endpoint.h"

#include <fmt/format.h>

#include <charconv>

namespace eilpost::client {

namespace {

constexpr uint16_t imaps_port = 993;
constexpr uint16_t imap_port = 143;

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Result<uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || port == 0 ||
      port > 65535) {
    return fail(Code::invalid,
                fmt::format("\"{}\" is no port: expected a number from 1 to 65535", text));
  }
  return static_cast<uint16_t>(port);
}

// host [":" port]; an IPv6 address stands in brackets when a port follows. 0: no port was given.
Result<uint16_t> parse_host(std::string_view text, Endpoint& endpoint) {
  if (take_prefix(text, "[")) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return fail(Code::invalid, "expected \"]\" behind the IPv6 address");
    }
    endpoint.host = std::string(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (text.empty()) return uint16_t{0};
    if (!take_prefix(text, ":")) return fail(Code::invalid, "expected \":port\" behind \"]\"");
    return parse_port(text);
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    endpoint.host = std::string(text);  // a name, or a bare IPv6 address
    return uint16_t{0};
  }
  endpoint.host = std::string(text.substr(0, colon));
  return parse_port(text.substr(colon + 1));
}

}  // namespace

std::string_view security_name(Security security) {
  switch (security) {
    case Security::tls: return "tls";
    case Security::starttls: return "starttls";
    case Security::none: return "none";
  }
  return "";
}

Result<EndpointText> parse_endpoint(std::string_view text) {
  EndpointText out;
  if (take_prefix(text, "unix:")) {
    out.endpoint = {std::string(text), 0, Security::none, true};
    if (text.empty()) return fail(Code::invalid, "expected a path behind \"unix:\"");
    return out;
  }
  const bool imaps = take_prefix(text, "imaps://");
  const bool imap = !imaps && take_prefix(text, "imap://");
  const bool plain = !imaps && !imap && take_prefix(text, "imap+plain://");
  if (!imaps && !imap && !plain && text.find("://") != std::string_view::npos) {
    return fail(Code::invalid,
                fmt::format("\"{}\" is no address of a mail server: expected imaps://HOST, "
                            "imap://HOST (STARTTLS), imap+plain://HOST, HOST or HOST:PORT",
                            text));
  }
  if (imaps || imap || plain) text = text.substr(0, text.find('/'));
  const size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    out.user = std::string(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  const uint16_t port = TRY(parse_host(text, out.endpoint));
  if (out.endpoint.host.empty()) return fail(Code::invalid, "expected the name of a mail server");
  if (plain) {
    out.endpoint.security = Security::none;
  } else if (imap || (!imaps && port == imap_port)) {
    out.endpoint.security = Security::starttls;
  }
  const uint16_t usual = out.endpoint.security == Security::tls ? imaps_port : imap_port;
  out.endpoint.port = port != 0 ? port : usual;
  return out;
}

std::string print_endpoint(const Endpoint& endpoint) {
  if (endpoint.local) return "unix:" + endpoint.host;
  const bool tls = endpoint.security == Security::tls;
  std::string out = tls                                       ? "imaps://"
                    : endpoint.security == Security::starttls ? "imap://"
                                                              : "imap+plain://";
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  out += v6 ? "[" + endpoint.host + "]" : endpoint.host;
  if (endpoint.port != (tls ? imaps_port : imap_port)) out += fmt::format(":{}", endpoint.port);
  return out;
}

}  // namespace eilpost::client
