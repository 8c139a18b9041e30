// Where a server is and how to speak to it: host, port, security. As text "imaps://host",
// "imap://host:143" (STARTTLS), "host", "host:993", "unix:/path". Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::client {

enum class Security {
  tls,       // from the first octet: port 993
  starttls,  // in the clear up to STARTTLS, which is then required: port 143
  none,      // in the clear, passwords and all; only when asked for in so many words
};
std::string_view security_name(Security security);

struct Endpoint {
  std::string host;  // a name or an IP address; of a Unix socket its path
  uint16_t port = 993;
  Security security = Security::tls;
  bool local = false;  // a Unix socket
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Code::invalid with what was expected. Without a scheme: TLS, and STARTTLS for port 143. A URL may
// name a user ("imaps://bob@host"), which goes to `user`.
struct EndpointText {
  Endpoint endpoint;
  std::string user;
};
Result<EndpointText> parse_endpoint(std::string_view text);
// "imaps://imap.example.org", with the port where it is not the scheme's own.
std::string print_endpoint(const Endpoint& endpoint);

}  // namespace eilpost::client
