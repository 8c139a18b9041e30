// The client's way to a Stream: connect by name, address or Unix socket, with TLS from the start
// when asked for. For the load generator and the client tools; must be awaited on the executor that
// the Stream shall live on. No exceptions.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/tls.h"

namespace eilpost::net {

struct ConnectOptions {
  Deadline deadline = no_deadline;  // for everything up to the end of the handshake
  std::shared_ptr<TlsContext> tls;  // implicit TLS
  std::string server_name;          // for SNI and verification; empty: the host
};

// `host` is a name (each of its addresses is tried) or an IP address. Code::not_found when the name
// has none, Code::unavailable when all refuse, Code::closed: reset at once, Code::timeout.
Task<Result<Stream>> connect_tcp(std::string host, uint16_t port, ConnectOptions options);
Task<Result<Stream>> connect_unix(std::string path, ConnectOptions options);

}  // namespace eilpost::net
