// Keeps the server's TLS context up to date with its files: read again when one of them has
// changed, and at least once a day for fresh session ticket keys. Thread safe.
#pragma once

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "net/tls.h"

namespace eilpost {

class Certificates {
 public:
  Certificates(std::shared_ptr<net::TlsContext> context, net::TlsServerSettings settings);

  // What goes wrong is logged, and leaves the context as it was.
  void reload(Timestamp now);
  void reload_if_due(Timestamp now);

 private:
  int64_t newest_change() const;

  std::shared_ptr<net::TlsContext> context_;  // shared with the listeners
  net::TlsServerSettings settings_;
  std::mutex mutex_;
  int64_t change_seen_;
  int64_t loaded_seconds_ = 0;
};

}  // namespace eilpost
