#include "net/tls.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "net/tls_openssl.h"

namespace eilpost::net {

namespace {

constexpr char default_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char default_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr unsigned char session_id_context[] = "eilpost";

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// A key file with a passphrase is an error; OpenSSL would ask for it on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

int protocol(TlsVersion version) {
  return version == TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

// What both roles share. Buffers are released while idle; a write may come back with another buffer
// of the same content; renegotiation is off, which tls-unique needs (RFC 5929 3.1).
Result<SslCtxPtr> make_context(const SSL_METHOD* method, TlsVersion version_min) {
  ERR_clear_error();
  SslCtxPtr context(SSL_CTX_new(method));
  if (!context) return fail_openssl("SSL_CTX_new");
  SSL_CTX* c = context.get();
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(c, 1);  // one recv() for a record's header and body
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(c, no_passphrase);
  if (SSL_CTX_set_min_proto_version(c, protocol(version_min)) != 1) {
    return fail_openssl("TLS version");
  }
  return context;
}

Result<> use_certificate(SSL_CTX* context, const TlsCertificate& files) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.chain_file.c_str()) != 1) {
    return fail_openssl(files.chain_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail_openssl(files.key_file);
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return fail_openssl(fmt::format("{} and {}", files.chain_file, files.key_file));
  }
  return {};
}

Result<> use_ciphers(SSL_CTX* context, const TlsServerSettings& settings) {
  const char* list =
      settings.tls12_ciphers.empty() ? default_ciphers : settings.tls12_ciphers.c_str();
  if (SSL_CTX_set_cipher_list(context, list) != 1) return fail_openssl("TLS 1.2 ciphers");
  const char* suites =
      settings.tls13_ciphersuites.empty() ? default_suites : settings.tls13_ciphersuites.c_str();
  if (SSL_CTX_set_ciphersuites(context, suites) != 1) return fail_openssl("TLS 1.3 ciphersuites");
  return {};
}

// The session decides what a client certificate is worth; the handshake takes any.
int accept_any(int, X509_STORE_CTX*) {
  return 1;
}

// RFC 5280 6.3: the client's own certificate is looked up; authorities are the administrator's.
Result<> use_revocations(SSL_CTX* context, const std::string& file) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) <= 0) {
    return fail_openssl(file);
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

Result<SslCtxPtr> make_server_context(const TlsServerSettings& settings,
                                      const TlsCertificate& files) {
  auto context = TRY(make_context(TLS_server_method(), settings.version_min));
  SSL_CTX* c = context.get();
  SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_num_tickets(c, 1);
  SSL_CTX_set_session_id_context(c, session_id_context, sizeof session_id_context - 1);
  TRY(use_ciphers(c, settings));
  TRY(use_certificate(c, files));
  if (!settings.client_ca_file.empty()) {
    const char* file = settings.client_ca_file.c_str();
    if (SSL_CTX_load_verify_file(c, file) != 1) return fail_openssl(file);
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file);
    if (names == nullptr) return fail_openssl(file);
    SSL_CTX_set_client_CA_list(c, names);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, accept_any);
    if (!settings.client_crl_file.empty()) TRY(use_revocations(c, settings.client_crl_file));
  }
  return context;
}

void add_names(TlsLoaded& loaded, SSL_CTX* context) {
  NamesPtr names = subject_alt_names(SSL_CTX_get0_certificate(context));
  if (!names) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) loaded.by_name.emplace(lower(asn1_text(name->d.dNSName)), context);
  }
}

Timestamp expiry_of(SSL_CTX* context) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(context)), &broken) != 1) {
    return {};
  }
  return Timestamp{timegm(&broken) * 1'000'000};
}

// RFC 6066 3: the certificate for the name that the client asks for, else the default one.
int choose_certificate(SSL* ssl, int*, void* arg) {
  const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (asked == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const auto& loaded = *static_cast<const TlsLoaded*>(arg);
  std::string name = lower(asked);
  auto found = loaded.by_name.find(name);
  if (found == loaded.by_name.end()) {
    size_t dot = name.find('.');
    if (dot != std::string::npos) found = loaded.by_name.find("*" + name.substr(dot));
  }
  if (found == loaded.by_name.end()) return SSL_TLSEXT_ERR_NOACK;
  if (found->second != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, found->second);
  return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<const TlsLoaded>> load_server(const TlsServerSettings& settings) {
  if (settings.certificates.empty()) return fail(Code::invalid, "TLS needs a certificate");
  auto loaded = std::make_shared<TlsLoaded>();
  for (const auto& files : settings.certificates) {
    auto context = TRY(make_server_context(settings, files));
    add_names(*loaded, context.get());
    Timestamp expires = expiry_of(context.get());
    if (loaded->contexts.empty() || expires < loaded->expires) loaded->expires = expires;
    loaded->contexts.push_back(std::move(context));
  }
  SSL_CTX* first = loaded->contexts.front().get();
  SSL_CTX_set_tlsext_servername_callback(first, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(first, loaded.get());
  return std::shared_ptr<const TlsLoaded>(std::move(loaded));
}

Result<std::shared_ptr<const TlsLoaded>> load_client(const TlsClientSettings& settings) {
  auto context = TRY(make_context(TLS_client_method(), settings.version_min));
  SSL_CTX* c = context.get();
  if (settings.tls12_only) SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
  if (!settings.chain_file.empty()) {
    TRY(use_certificate(c, {settings.chain_file, settings.key_file}));
  }
  if (settings.verify) {
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
    int loaded = settings.ca_file.empty() ? SSL_CTX_set_default_verify_paths(c)
                                          : SSL_CTX_load_verify_file(c, settings.ca_file.c_str());
    if (loaded != 1) return fail_openssl("CA certificates");
  }
  auto result = std::make_shared<TlsLoaded>();
  result->contexts.push_back(std::move(context));
  return std::shared_ptr<const TlsLoaded>(std::move(result));
}

}  // namespace

std::string openssl_error() {
  unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  return fmt::format("error {:#x}", code);
}

std::string asn1_text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

NamesPtr subject_alt_names(X509* certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::server(TlsServerSettings settings) {
  auto impl = std::make_unique<Impl>();
  impl->loaded = TRY(load_server(settings));
  impl->server_settings = std::move(settings);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(TlsClientSettings settings) {
  auto impl = std::make_unique<Impl>();
  impl->loaded = TRY(load_client(settings));
  impl->server = false;
  impl->client_settings = std::move(settings);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

Result<> TlsContext::reload() {
  auto loaded =
      impl_->server ? load_server(impl_->server_settings) : load_client(impl_->client_settings);
  if (!loaded) return tl::unexpected(std::move(loaded).error());
  std::atomic_store(&impl_->loaded, std::move(*loaded));
  return {};
}

bool TlsContext::is_server() const {
  return impl_->server;
}

Timestamp TlsContext::expires() const {
  return std::atomic_load(&impl_->loaded)->expires;
}

}  // namespace eilpost::net
