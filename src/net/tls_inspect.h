// A look at what a server offers in a TLS handshake, for diagnosis: any version, any certificate,
// trusted or not, and words for what is wrong with it. The Stream is spent afterwards: nothing may
// be sent over a connection that was made without verifying. Rules as for Stream.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/stream.h"

namespace eilpost::net {

// Of the versions that a server is asked for, the oldest first.
enum class TlsProtocol : uint8_t { tls10, tls11, tls12, tls13 };
std::string_view tls_protocol_name(TlsProtocol protocol);  // "TLSv1.2"

struct TlsInspectOptions {
  std::string server_name;  // sent as SNI unless it is an address; compared with the names
  std::string ca_file;      // whom to trust; empty: the system's
  std::optional<TlsProtocol> version;  // this one only; nothing: whatever both like best
  Deadline deadline;
};

struct InspectedCertificate {
  std::string subject;  // RFC 2253
  std::string issuer;
  std::vector<std::string> names;  // DNS names and IP addresses
  Timestamp not_before;
  Timestamp not_after;
  std::string key;        // "RSA 2048 bits"
  int security_bits = 0;  // of the key, as NIST SP 800-57 counts: 112 for RSA 2048
  std::string signature;  // "sha256WithRSAEncryption"
  bool weak_signature = false;
  bool self_signed = false;
  std::string sha256;  // of the DER form, hexadecimal
};

struct TlsInspection {
  std::string version;
  std::string cipher;
  int secret_bits = 0;
  bool forward_secrecy = false;
  std::vector<InspectedCertificate> chain;  // as sent, the server's own first; at most 10
  std::string distrust;                     // why the chain is not trusted; "" when it is
  bool name_matches = false;
};

// Code::invalid: no TLS comes about, with OpenSSL's reason; Code::closed, timeout.
Task<Result<TlsInspection>> inspect_tls(Stream& stream, TlsInspectOptions options);

}  // namespace eilpost::net
