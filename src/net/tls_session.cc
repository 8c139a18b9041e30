#include "net/tls_session.h"

#include <arpa/inet.h>
#include <openssl/objects.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "net/address.h"
#include "net/tls_openssl.h"

namespace eilpost::net {

namespace {

// RFC 9266 2.
constexpr std::string_view exporter_label = "EXPORTER-Channel-Binding";
constexpr size_t exporter_bytes = 32;

Result<> expect_name(SSL* ssl, const std::string& name) {
  bool is_ip = Address::parse(name, 0).has_value();
  // RFC 6066 3: an address is not sent as a server name.
  if (!is_ip && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) return fail_openssl("SNI");
  if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return {};
  int set = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str())
                  : SSL_set1_host(ssl, name.c_str());
  if (set != 1) return fail_openssl("name to verify");
  return {};
}

std::string subject_text(X509* certificate) {
  BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  long length = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<size_t>(length)};
}

void add_alt_names(X509* certificate, TlsPeerCertificate& peer) {
  NamesPtr names = subject_alt_names(certificate);
  if (!names) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_EMAIL) peer.emails.push_back(asn1_text(name->d.rfc822Name));
    if (name->type == GEN_DNS) peer.dns_names.push_back(asn1_text(name->d.dNSName));
    if (name->type != GEN_OTHERNAME) continue;
    const OTHERNAME* other = name->d.otherName;
    bool upn = OBJ_obj2nid(other->type_id) == NID_ms_upn && other->value->type == V_ASN1_UTF8STRING;
    if (upn) peer.upns.push_back(asn1_text(other->value->value.utf8string));
  }
}

std::optional<TlsPeerCertificate> describe_peer(SSL* ssl) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return std::nullopt;
  TlsPeerCertificate peer;
  peer.verified =
      SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK;
  peer.subject = subject_text(certificate);
  add_alt_names(certificate, peer);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &length);
  peer.sha256.assign(reinterpret_cast<const char*>(digest.data()), length);
  return peer;
}

}  // namespace

TlsSession::TlsSession(ssl_st* ssl, std::shared_ptr<const void> keep, bool server)
    : ssl_(ssl), keep_(std::move(keep)), server_(server) {}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

Result<std::unique_ptr<TlsSession>> TlsSession::create(const TlsContext& context, int fd,
                                                       const std::string& server_name) {
  ERR_clear_error();
  auto loaded = std::atomic_load(&context.impl_->loaded);
  SSL* ssl = SSL_new(loaded->contexts.front().get());
  if (ssl == nullptr) return fail_openssl("SSL_new");
  bool server = context.is_server();
  std::unique_ptr<TlsSession> session(new TlsSession(ssl, std::move(loaded), server));
  if (SSL_set_fd(ssl, fd) != 1) return fail_openssl("SSL_set_fd");
  if (server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    if (!server_name.empty()) TRY(expect_name(ssl, server_name));
  }
  return session;
}

// What came of an SSL_* call that returned `result` (1: success).
TlsSession::Step TlsSession::step(int result, size_t octets) {
  int saved_errno = errno;
  if (result == 1) return {Status::done, octets};
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {Status::want_read, 0};
    case SSL_ERROR_WANT_WRITE: return {Status::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      detail_ = "TLS session closed by the peer";
      return {Status::closed, 0};
    case SSL_ERROR_SYSCALL:
      detail_ = saved_errno == 0 ? "connection cut" : std::strerror(saved_errno);
      return {Status::closed, 0};
    default: break;
  }
  bool cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  long verify = SSL_get_verify_result(ssl_);
  detail_ = openssl_error();
  if (!server_ && verify != X509_V_OK && !SSL_is_init_finished(ssl_)) {
    detail_ += std::string(": ") + X509_verify_cert_error_string(verify);
  }
  return {cut ? Status::closed : Status::failed, 0};
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  errno = 0;
  return step(SSL_do_handshake(ssl_), 0);
}

TlsSession::Step TlsSession::read(std::span<char> into) {
  ERR_clear_error();
  errno = 0;
  size_t octets = 0;
  int result = SSL_read_ex(ssl_, into.data(), into.size(), &octets);
  return step(result, octets);
}

TlsSession::Step TlsSession::peek() {
  ERR_clear_error();
  errno = 0;
  char octet = 0;
  size_t octets = 0;
  int result = SSL_peek_ex(ssl_, &octet, 1, &octets);
  return step(result, octets);
}

TlsSession::Step TlsSession::write(std::string_view octets) {
  ERR_clear_error();
  errno = 0;
  size_t written = 0;
  int result = SSL_write_ex(ssl_, octets.data(), octets.size(), &written);
  return step(result, written);
}

TlsSession::Step TlsSession::close_notify() {
  ERR_clear_error();
  errno = 0;
  int result = SSL_shutdown(ssl_);
  // 0: ours is sent, the peer's has not come; nobody needs to wait for that (RFC 8446 6.1).
  return result >= 0 ? Step{Status::done, 0} : step(result, 0);
}

TlsInfo TlsSession::info() const {
  TlsInfo info;
  info.version = SSL_get_version(ssl_);
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_);
  if (cipher != nullptr) {
    info.cipher = SSL_CIPHER_get_name(cipher);
    info.secret_bits = SSL_CIPHER_get_bits(cipher, nullptr);
  }
  if (const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name)) {
    info.server_name = name;
  }
  info.resumed = SSL_session_reused(ssl_) == 1;
  info.peer = describe_peer(ssl_);
  return info;
}

std::optional<std::string> TlsSession::channel_binding(ChannelBinding kind) const {
  if (!SSL_is_init_finished(ssl_)) return std::nullopt;
  switch (kind) {
    case ChannelBinding::tls_exporter: return exporter();
    case ChannelBinding::tls_server_end_point: return server_end_point();
    case ChannelBinding::tls_unique: return unique();
  }
  return std::nullopt;
}

std::optional<std::string> TlsSession::exporter() const {
  // RFC 9266 4.2: without the extended master secret a TLS 1.2 session does not identify itself.
  bool tls13 = SSL_version(ssl_) >= TLS1_3_VERSION;
  if (!tls13 && SSL_get_extms_support(ssl_) != 1) return std::nullopt;
  std::array<unsigned char, exporter_bytes> key{};
  // RFC 9266 2: the context is present and has no octets, which differs from none in TLS 1.2.
  int done = SSL_export_keying_material(ssl_, key.data(), key.size(), exporter_label.data(),
                                        exporter_label.size(), nullptr, 0, 1);
  if (done != 1) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

std::optional<std::string> TlsSession::server_end_point() const {
  X509* certificate = server_ ? SSL_get_certificate(ssl_) : SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return std::nullopt;
  // RFC 5929 4.1: the hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1, and
  // undefined for signatures without a hash of their own (Ed25519).
  int hash = NID_undef;
  if (X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) != 1 ||
      hash == NID_undef) {
    return std::nullopt;
  }
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* method = EVP_get_digestbynid(hash);
  if (method == nullptr) return std::nullopt;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (X509_digest(certificate, method, digest.data(), &length) != 1) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(digest.data()), length);
}

std::optional<std::string> TlsSession::unique() const {
  // Not defined for TLS 1.3 (RFC 8446 C.5); before, only the extended master secret makes it unique
  // (RFC 7627). Renegotiation, which would change it, is off.
  if (SSL_version(ssl_) >= TLS1_3_VERSION || SSL_get_extms_support(ssl_) != 1) return std::nullopt;
  // RFC 5929 3.1: the first Finished, the client's in a full handshake, the server's in a resumed
  // one.
  bool client_first = SSL_session_reused(ssl_) == 0;
  std::array<unsigned char, EVP_MAX_MD_SIZE> finished{};
  size_t length = client_first == server_
                      ? SSL_get_peer_finished(ssl_, finished.data(), finished.size())
                      : SSL_get_finished(ssl_, finished.data(), finished.size());
  if (length == 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(finished.data()), length);
}

}  // namespace eilpost::net
