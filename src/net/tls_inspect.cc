#include "net/tls_inspect.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "net/stream_core.h"
#include "net/tls_openssl.h"

namespace eilpost::net {

namespace {

constexpr int chain_max = 10;

using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;

int openssl_version(TlsProtocol protocol) {
  constexpr std::array<int, 4> versions = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
                                           TLS1_3_VERSION};
  return versions[static_cast<size_t>(protocol)];
}

// Takes whatever the server has: the report says what that is worth.
Result<SslCtxPtr> lenient_context(const TlsInspectOptions& options) {
  ERR_clear_error();
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail_openssl("SSL_CTX_new");
  SSL_CTX* c = context.get();
  SSL_CTX_set_security_level(c, 0);
  SSL_CTX_set_cipher_list(c, "ALL:@SECLEVEL=0");
  const int lowest = openssl_version(options.version.value_or(TlsProtocol::tls10));
  const int highest = openssl_version(options.version.value_or(TlsProtocol::tls13));
  SSL_CTX_set_min_proto_version(c, lowest);
  SSL_CTX_set_max_proto_version(c, highest);
  // The handshake goes on whatever the verification says; its result is asked for afterwards.
  SSL_CTX_set_verify(c, SSL_VERIFY_NONE, nullptr);
  const int trusted = options.ca_file.empty()
                          ? SSL_CTX_set_default_verify_paths(c)
                          : SSL_CTX_load_verify_file(c, options.ca_file.c_str());
  if (trusted != 1) return fail_openssl("CA certificates");
  return context;
}

std::string name_text(X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long length = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<size_t>(length)};
}

Timestamp time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return {};
  return Timestamp{timegm(&broken) * 1'000'000};
}

std::string address_text(const ASN1_OCTET_STRING* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(octets) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(octets) != 16) return "";
  ::inet_ntop(family, ASN1_STRING_get0_data(octets), text.data(), text.size());
  return text.data();
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> out;
  NamesPtr names = subject_alt_names(certificate);
  if (!names) return out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.push_back(asn1_text(name->d.dNSName));
    if (name->type == GEN_IPADD) out.push_back(address_text(name->d.iPAddress));
  }
  return out;
}

InspectedCertificate describe(X509* certificate) {
  InspectedCertificate out;
  out.subject = name_text(X509_get_subject_name(certificate));
  out.issuer = name_text(X509_get_issuer_name(certificate));
  out.names = names_of(certificate);
  out.not_before = time_of(X509_get0_notBefore(certificate));
  out.not_after = time_of(X509_get0_notAfter(certificate));
  out.self_signed = X509_self_signed(certificate, 0) == 1;
  if (EVP_PKEY* key = X509_get0_pubkey(certificate)) {
    const char* name = EVP_PKEY_get0_type_name(key);
    out.key = fmt::format("{} {} bits", name != nullptr ? name : "key", EVP_PKEY_get_bits(key));
    out.security_bits = EVP_PKEY_get_security_bits(key);
  }
  int hash = NID_undef;
  if (X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) == 1) {
    // A collision is what helps a forger, and SHA-1 withstands that with 63 bits.
    out.weak_signature = hash == NID_md5 || hash == NID_sha1;
  }
  out.signature = OBJ_nid2sn(X509_get_signature_nid(certificate));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &length);
  for (unsigned i = 0; i < length; ++i) out.sha256 += fmt::format("{:02x}", digest[i]);
  return out;
}

bool matches_name(X509* certificate, const std::string& name) {
  if (Address::parse(name, 0)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

TlsInspection describe(SSL* ssl, const std::string& name) {
  TlsInspection out;
  out.version = SSL_get_version(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) {
    out.cipher = SSL_CIPHER_get_name(cipher);
    out.secret_bits = SSL_CIPHER_get_bits(cipher, nullptr);
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    out.forward_secrecy =
        exchange == NID_kx_any || exchange == NID_kx_ecdhe || exchange == NID_kx_dhe;
  }
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK) out.distrust = X509_verify_cert_error_string(verified);
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < std::min(sk_X509_num(chain), chain_max); ++i) {
    out.chain.push_back(describe(sk_X509_value(chain, i)));
  }
  X509* own = SSL_get0_peer_certificate(ssl);
  out.name_matches = own != nullptr && matches_name(own, name);
  if (own == nullptr) out.distrust = "the server sends no certificate";
  return out;
}

Task<Result<>> handshake(Stream::Core& core, SSL* ssl, Deadline deadline) {
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int done = SSL_do_handshake(ssl);
    if (done == 1) co_return Result<>();
    const int saved = errno;
    const int error = SSL_get_error(ssl, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      if (error == SSL_ERROR_SYSCALL) {
        co_return fail(Code::closed, saved == 0 ? "connection cut" : std::strerror(saved));
      }
      co_return fail_openssl("TLS");
    }
    const Ready what = error == SSL_ERROR_WANT_READ ? Ready::read : Ready::write;
    const auto outcome = co_await wait_ready(core, what, nullptr, deadline);
    if (outcome == Outcome::timeout) co_return fail(Code::timeout, "TLS handshake");
    if (outcome == Outcome::closed) co_return fail(Code::closed, "connection cut");
  }
}

}  // namespace

std::string_view tls_protocol_name(TlsProtocol protocol) {
  constexpr std::array<std::string_view, 4> names = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  return names[static_cast<size_t>(protocol)];
}

Task<Result<TlsInspection>> inspect_tls(Stream& stream, TlsInspectOptions options) {
  auto context = lenient_context(options);
  CO_TRY(context);
  SslPtr ssl(SSL_new(context->get()));
  if (!ssl) co_return fail_openssl("SSL_new");
  auto& core = *StreamInside::core(stream);
  if (core.closed || core.tls) co_return fail(Code::closed, "no connection to inspect");
  if (SSL_set_fd(ssl.get(), core.fd()) != 1) co_return fail_openssl("SSL_set_fd");
  SSL_set_connect_state(ssl.get());
  // RFC 6066 3: an address is not sent as a server name.
  if (!Address::parse(options.server_name, 0)) {
    SSL_set_tlsext_host_name(ssl.get(), options.server_name.c_str());
  }
  auto shaken = co_await handshake(core, ssl.get(), options.deadline);
  if (shaken) {
    TlsInspection out = describe(ssl.get(), options.server_name);
    SSL_shutdown(ssl.get());
    stream.close();
    co_return out;
  }
  stream.close();
  co_return tl::unexpected(std::move(shaken).error());
}

}  // namespace eilpost::net
