// OpenSSL's objects with owners, and its errors as ours: what the tls_*.cc files share.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "net/tls.h"

namespace eilpost::net {

template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslCtxPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;

// The newest text of the thread's error queue, which is emptied.
std::string openssl_error();
inline tl::unexpected<Error> fail_openssl(std::string_view what) {
  return fail(Code::invalid, std::string(what) + ": " + openssl_error());
}

std::string asn1_text(const ASN1_STRING* text);
NamesPtr subject_alt_names(X509* certificate);

// What one reading of the files gives; never changed afterwards, so shared between threads.
struct TlsLoaded {
  std::vector<SslCtxPtr> contexts;                    // the first is the default
  std::unordered_map<std::string, SSL_CTX*> by_name;  // lower case, may begin with "*."
  Timestamp expires;
};

struct TlsContext::Impl {
  bool server = true;
  TlsServerSettings server_settings;
  TlsClientSettings client_settings;
  // Swapped by reload(), taken by new sessions; accessed with std::atomic_load and _store.
  std::shared_ptr<const TlsLoaded> loaded;
};

}  // namespace eilpost::net
