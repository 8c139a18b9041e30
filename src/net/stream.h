// One connection: octets over TCP or a Unix socket, in the clear or under TLS. TLS sits directly on
// the descriptor with released buffers, and every wait is for readiness, so that an idle connection
// holds no buffer at all. A Stream never reads ahead of what its caller asks for, but where the
// peer compresses, and then some KiB. It belongs to one
// executor: use, move and destroy it there, by one coroutine at a time, and not while an operation
// is under way. Errors: Code::timeout, Code::closed (end of file or reset), Code::io, Code::invalid
// (TLS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/signal.h"
#include "net/task.h"

namespace eilpost::net {

class TlsContext;
class TlsSession;

enum class Wake {
  readable,   // read_some() will give octets at once
  signalled,  // the Signal has pending reasons; wins over `readable`
  timeout,
  closed,  // the peer has closed and nothing is left to read, or the connection broke
};

struct TlsPeerCertificate {
  bool verified = false;  // against TlsServerSettings::client_ca_file
  std::string subject;    // RFC 2253
  std::vector<std::string> emails;
  std::vector<std::string> dns_names;
  std::vector<std::string> upns;  // Microsoft's userPrincipalName
  std::string sha256;             // of the DER form, 32 octets
};

struct TlsInfo {
  std::string version;      // "TLSv1.3"
  std::string cipher;       // "TLS_AES_256_GCM_SHA384"
  int secret_bits = 0;      // of the cipher
  std::string server_name;  // SNI; empty when none was given
  bool resumed = false;
  std::optional<TlsPeerCertificate> peer;
};

enum class ChannelBinding {
  tls_exporter,          // RFC 9266; TLS 1.3, or 1.2 with extended master secret
  tls_server_end_point,  // RFC 5929 4
  tls_unique,            // RFC 5929 3; TLS 1.2 with extended master secret only
};

struct TlsStart {
  Deadline deadline;
  std::string server_name;  // clients: sent as SNI and verified; ignored by servers
};

class Stream {
 public:
  struct Core;

  Stream() = default;  // not connected
  // Takes over a connected, nonblocking descriptor.
  Stream(Executor executor, int fd, Address peer, Address local);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  // Closes, without TLS close_notify.
  ~Stream();

  explicit operator bool() const { return core_ != nullptr; }

  // Waits for octets and reads up to into.size() of them; at least 1.
  Task<Result<size_t>> read_some(std::span<char> into, Deadline deadline);
  // The same at the end of `into`, at most `octets_max`; the string grows only by what has come.
  Task<Result<size_t>> read_append(std::string& into, size_t octets_max, Deadline deadline);
  // Writes everything. `stall` is the longest time in which not one octet gets out.
  Task<Result<>> write_all(std::string_view octets, std::chrono::steady_clock::duration stall);
  // The same for pieces that lie apart: one writev(), or TLS records filled from several of them.
  Task<Result<>> write_pieces(std::span<const std::string_view> pieces,
                              std::chrono::steady_clock::duration stall);

  // Waits for what comes first, and consumes nothing: neither octets nor the signal.
  Task<Wake> wait_readable_or_signal(Signal& signal, Deadline deadline);
  Task<Wake> wait_readable(Deadline deadline);
  // The same, with read_append() of what has come: Wake::readable says that `into` has grown.
  Task<Wake> read_append_or_signal(std::string& into, size_t octets_max, Signal& signal,
                                   Deadline deadline);
  // Whether read_some() would give octets at once. Does not wait.
  bool readable_now();

  // Upgrades in place; the role is the context's. The caller must have answered and must refuse
  // octets it had read beyond the STARTTLS line (RFC 9051 6.2.1). After an error only close()
  // helps.
  Task<Result<>> start_tls(std::shared_ptr<TlsContext> context, TlsStart start);

  // From here on what is written is compressed, each write flushed, and what is read was compressed
  // by the peer (net/deflate.h): server and client alike. Takes memory that rest(), or a second
  // without octets from the peer, gives back.
  void start_deflate();
  // Ends that: what is written from here on is not compressed, nor is what the peer sends behind
  // the block it is in.
  void end_deflate();
  bool is_deflated() const;
  // The peer has sent what is none.
  bool is_broken_deflate() const;
  // Nothing will pass for a while: buffers are given back at once.
  void rest();

  // Sends close_notify or FIN, then drops what still comes for a moment, so that the last answer is
  // not lost to a reset; then close(). At most until `deadline`.
  Task<> shutdown(Deadline deadline);
  void close();

  Executor executor() const;
  const Address& peer() const;   // the real client, when PROXY told it
  const Address& local() const;  // the address the client connected to
  bool is_tls() const;
  // Under TLS, or the PROXY header said that the client uses it up to the balancer.
  bool is_private() const;
  std::optional<TlsInfo> tls_info() const;
  // The data to bind to; nothing when not under TLS or when the kind is not safe here.
  std::optional<std::string> channel_binding(ChannelBinding kind) const;
  // Octets of the application, without TLS's own.
  uint64_t bytes_in() const;
  uint64_t bytes_out() const;
  // The same as they travel: fewer where they are compressed.
  uint64_t wire_in() const;
  uint64_t wire_out() const;

  // Signals `handle` when the server drains (Connections::drain), at once if it already does.
  void on_stop(Signal::Handle handle, uint32_t reasons);

 private:
  friend struct StreamInside;
  // Shared with the readiness handlers under way in the io_context and, weakly, with Connections.
  std::shared_ptr<Core> core_;
};

}  // namespace eilpost::net
