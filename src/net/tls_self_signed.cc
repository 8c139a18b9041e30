#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "base/check.h"
#include "net/tls.h"
#include "net/tls_openssl.h"

namespace eilpost::net {

namespace {

constexpr int64_t hour = 3600;
constexpr int64_t day = 24 * hour;

Result<> add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return fail_openssl("certificate extension " + value);
  }
  return {};
}

std::string alt_names(const SelfSignedOptions& options) {
  std::string text;
  for (const auto& name : options.dns_names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& ip : options.ip_addresses) text += (text.empty() ? "IP:" : ",IP:") + ip;
  return text;
}

Result<> fill(X509* certificate, EVP_PKEY* key, const SelfSignedOptions& options) {
  X509_set_version(certificate, X509_VERSION_3);
  uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) {
    return fail_openssl("RAND_bytes");
  }
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate), options.now.seconds() - hour);
  ASN1_TIME_set(X509_getm_notAfter(certificate), options.now.seconds() + options.days * day);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* common = reinterpret_cast<const unsigned char*>(options.common_name.c_str());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common, -1, -1, 0) != 1) {
    return fail_openssl("certificate subject");
  }
  X509_set_issuer_name(certificate, name);
  TRY(add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE"));
  TRY(add_extension(certificate, NID_key_usage, "critical,digitalSignature"));
  TRY(add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth"));
  std::string names = alt_names(options);
  if (!names.empty()) TRY(add_extension(certificate, NID_subject_alt_name, names));
  if (X509_sign(certificate, key, EVP_sha256()) == 0) return fail_openssl("X509_sign");
  return {};
}

std::string content(BIO* bio) {
  char* data = nullptr;
  long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(length)};
}

// Written beside and renamed, so that a reader never sees half a file.
Result<> replace_file(const std::string& path, std::string_view octets, mode_t mode) {
  std::string beside = path + ".new";
  ::unlink(beside.c_str());
  int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return fail_errno(beside, errno);
  Result<> result;
  while (!octets.empty() && result) {
    ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written < 0) result = fail_errno(beside, errno);
    if (written > 0) octets.remove_prefix(static_cast<size_t>(written));
  }
  if (result && ::fsync(fd) != 0) result = fail_errno(beside, errno);
  ::close(fd);
  if (result && ::rename(beside.c_str(), path.c_str()) != 0) result = fail_errno(path, errno);
  if (!result) ::unlink(beside.c_str());
  return result;
}

}  // namespace

Result<PemPair> make_self_signed(const SelfSignedOptions& options) {
  ERR_clear_error();
  PkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  if (!key || !certificate) return fail_openssl("key generation");
  TRY(fill(certificate.get(), key.get(), options));
  BioPtr certificate_text(BIO_new(BIO_s_mem()));
  BioPtr key_text(BIO_new(BIO_s_mem()));
  bool written = PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1 &&
                 PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                          nullptr) == 1;
  if (!written) return fail_openssl("PEM");
  return PemPair{content(certificate_text.get()), content(key_text.get())};
}

Result<> write_self_signed(const SelfSignedOptions& options, const TlsCertificate& files) {
  auto pem = TRY(make_self_signed(options));
  TRY(replace_file(files.key_file, pem.key, 0600));
  TRY(replace_file(files.chain_file, pem.certificate, 0644));
  return {};
}

}  // namespace eilpost::net
