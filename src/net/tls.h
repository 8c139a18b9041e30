// TLS contexts: certificates, keys and policy, shared by the connections of a listener; and
// self-signed certificates for demo and tests. OpenSSL stands behind tls.cc and tls_session.cc and
// nowhere else. A TlsContext is thread safe; reload() swaps everything at once and touches no
// running session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace eilpost::net {

class TlsSession;

enum class TlsVersion { tls12, tls13 };

// PEM files. The chain file begins with the server's own certificate.
struct TlsCertificate {
  std::string chain_file;
  std::string key_file;
};

struct TlsServerSettings {
  // The first is for clients that give no or an unknown name; the others are chosen by SNI, by the
  // DNS names in them ("*.example.org" matches one label).
  std::vector<TlsCertificate> certificates;
  TlsVersion version_min = TlsVersion::tls12;
  // OpenSSL lists; empty: forward secrecy and AEAD only.
  std::string tls12_ciphers;
  std::string tls13_ciphersuites;
  // When set, clients are asked for a certificate, verified against this file (SASL EXTERNAL). A
  // missing or bad one does not fail the handshake: see TlsPeerCertificate.
  std::string client_ca_file;
  // PEM: what those authorities have revoked. Once it is set, a certificate whose authority has no
  // list in it, or one that is out of date, does not verify either.
  std::string client_crl_file;
};

struct TlsClientSettings {
  bool verify = true;   // chain and name
  std::string ca_file;  // empty: the system's
  TlsVersion version_min = TlsVersion::tls12;
  bool tls12_only = false;  // for tests of what only TLS 1.2 does
  std::string chain_file;   // a client certificate; empty: none
  std::string key_file;
};

class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> server(TlsServerSettings settings);
  static Result<std::shared_ptr<TlsContext>> client(TlsClientSettings settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Reads the files again. On an error everything stays as it was. Running sessions keep what they
  // have. It changes the session ticket keys too: call it at least once a day.
  Result<> reload();
  bool is_server() const;
  // When the first of the certificates expires; what to warn about. 0 for clients without one.
  Timestamp expires() const;

 private:
  friend class TlsSession;
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct SelfSignedOptions {
  std::string common_name = "localhost";
  std::vector<std::string> dns_names = {"localhost"};
  std::vector<std::string> ip_addresses = {"127.0.0.1", "::1"};
  int days = 825;
  Timestamp now;  // it is valid from an hour before
};

struct PemPair {
  std::string certificate;
  std::string key;
};

// A new EC P-256 key and a certificate signed with it.
Result<PemPair> make_self_signed(const SelfSignedOptions& options);
// The same into two files; the key's mode is 0600. Replaces what is there.
Result<> write_self_signed(const SelfSignedOptions& options, const TlsCertificate& files);

}  // namespace eilpost::net
