// One security context of the GSS-API with Kerberos V (RFC 2743, RFC 4121), for
// either side of SASL's GSSAPI. libgssapi stands behind this header and nowhere
// else. Everything blocks: a server's context reads the keytab, a client's asks
// the KDC. Not thread safe, may move between threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace eilpost::net {

// What a service proves itself with. Thread safe.
class GssCredential {
 public:
  // Any of the keytab's keys. Code::unavailable: it cannot be read, or holds
  // none.
  static Result<std::shared_ptr<GssCredential>> acceptor(const std::string& keytab);
  ~GssCredential();
  GssCredential(const GssCredential&) = delete;
  GssCredential& operator=(const GssCredential&) = delete;

 private:
  friend class GssContext;
  struct Impl;
  explicit GssCredential(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class GssContext {
 public:
  struct Step {
    std::string octets;  // for the peer; may be empty
    bool complete = false;
  };

  // `server_end_point` (RFC 5929 4) is bound to as Microsoft's clients do;
  // empty: nothing to bind to.
  static Result<std::unique_ptr<GssContext>> acceptor(std::shared_ptr<GssCredential> credential,
                                                      std::string server_end_point);
  // With the tickets of the user who runs this. `target` is
  // "imap@host.example.org".
  static Result<std::unique_ptr<GssContext>> initiator(const std::string& target,
                                                       std::string server_end_point);
  ~GssContext();
  GssContext(const GssContext&) = delete;
  GssContext& operator=(const GssContext&) = delete;

  // Code::auth_failed: the peer cannot prove itself, or is bound to another
  // channel. The detail says what Kerberos says.
  Result<Step> step(std::string_view token);
  // Integrity only: the octets can be read, not changed.
  Result<std::string> wrap(std::string_view octets);
  Result<std::string> unwrap(std::string_view octets);

  // When complete, of an acceptor: "anna@EXAMPLE.ORG".
  const std::string& peer() const;
  // The peer has bound itself to this channel (GSS_C_CHANNEL_BOUND_FLAG).
  bool bound() const;
  // The PAC's KERB_VALIDATION_INFO, where there is one and its signature is the
  // KDC's.
  const std::optional<std::string>& logon_info() const;

 private:
  struct Impl;
  explicit GssContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace eilpost::net
