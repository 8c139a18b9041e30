// From a mail address to the IMAP server behind it, by what its domain publishes: autoconfiguration
// over https, SRV records, and at last the names that most servers have. Nothing that was learned
// over http is believed, nothing without TLS is taken, and a server outside of the domain is taken
// from https only: a forged DNS answer must not get a password (RFC 6186 6). Blocks; any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/discovery/autoconfig.h"
#include "client/discovery/srv.h"
#include "client/session/endpoint.h"

namespace eilpost::client {

// The world outside, so that tests have one of their own.
struct DiscoverySources {
  // The body of a 200 over https.
  std::function<Result<std::string>(const std::string& url)> fetch;
  std::function<Result<std::vector<SrvRecord>>(const std::string& name)> srv;
  // Whether a mail server with a certificate for its name answers there.
  std::function<Result<>(const Endpoint& endpoint)> reach;
};
// The real one. `ca_file`: whom to trust; empty: the system's. Code::io: the certificates cannot be
// read.
Result<DiscoverySources> system_sources(const std::string& ca_file);

// One thing that was looked at.
struct DiscoveryStep {
  std::string where;  // "https://autoconfig.example.org/...", "SRV _imaps._tcp.example.org"
  std::string found;  // "imaps://imap.example.org", "nothing", "not taken: ..."
  bool usable = false;
};
struct Discovery {
  Endpoint endpoint;
  std::string user;  // the login name there
  std::string way;   // the step's `where`
};

// Stops at the first that is usable. Code::not_found: nothing is, with what was looked at and,
// where something was found and not taken, what the user can do. `steps` gets what was looked at.
Result<Discovery> discover(const std::string& address, const DiscoverySources& sources,
                           std::vector<DiscoveryStep>* steps = nullptr);

}  // namespace eilpost::client
