#include "client/discovery/autoconfig.h"

#include "base/check.h"
#include "tests/fuzz.h"

// What is taken from a file that anybody may have written can stand in a URL and in a LOGIN.
FUZZ_TARGET(autoconfig) {
  using namespace eilpost::client;
  const auto servers = parse_autoconfig(data, {"bob", "example.org"});
  if (!servers) return;
  for (const AutoconfigServer& server : *servers) {
    CHECK(server.endpoint.port != 0);
    const auto again = parse_endpoint(print_endpoint(server.endpoint));
    CHECK(again && again->endpoint == server.endpoint);
    CHECK(server.user.find_first_of("\r\n") == std::string::npos);
  }
}
