// One TLS session on a nonblocking descriptor: steps that never block and say what they wait for,
// so that Stream can wait for readiness. The inside of Stream; knows no Asio. Not thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/stream.h"
#include "net/tls.h"

struct ssl_st;

namespace eilpost::net {

class TlsSession {
 public:
  enum class Status : uint8_t { done, want_read, want_write, closed, failed };
  struct Step {
    Status status = Status::failed;
    size_t octets = 0;
  };

  // The role is the context's; `server_name` is for clients. The descriptor stays the caller's.
  static Result<std::unique_ptr<TlsSession>> create(const TlsContext& context, int fd,
                                                    const std::string& server_name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Step handshake();
  Step read(std::span<char> into);
  Step peek();  // done: at least one octet can be read
  // At most one record's worth. A step repeated after want_* must bring the same octets again.
  Step write(std::string_view octets);
  Step close_notify();

  // Why the last step ended with `failed` or `closed`; for the log.
  const std::string& detail() const { return detail_; }

  TlsInfo info() const;
  std::optional<std::string> channel_binding(ChannelBinding kind) const;

 private:
  TlsSession(ssl_st* ssl, std::shared_ptr<const void> keep, bool server);
  Step step(int result, size_t octets);
  std::optional<std::string> exporter() const;
  std::optional<std::string> server_end_point() const;
  std::optional<std::string> unique() const;

  ssl_st* ssl_;
  std::shared_ptr<const void> keep_;  // shares the contexts with TlsContext, past a reload
  bool server_;
  std::string detail_;
};

}  // namespace eilpost::net
