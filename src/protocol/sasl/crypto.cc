#include "protocol/sasl/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/check.h"

namespace eilpost::sasl {

namespace {
unsigned char* bytes(std::string& s) {
  return reinterpret_cast<unsigned char*>(s.data());
}
const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

const EVP_MD* method_of(ScramHash hash) {
  return hash == ScramHash::sha_1 ? EVP_sha1() : EVP_sha256();
}

std::string digest(const EVP_MD* method, std::string_view data) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(method)), '\0');
  CHECK(EVP_Digest(data.data(), data.size(), bytes(out), nullptr, method, nullptr) == 1);
  return out;
}

std::string keyed(const EVP_MD* method, std::string_view key, std::string_view data) {
  std::string out(static_cast<size_t>(EVP_MD_get_size(method)), '\0');
  unsigned length = 0;
  CHECK(HMAC(method, key.empty() ? "" : key.data(), static_cast<int>(key.size()), bytes(data),
             data.size(), bytes(out), &length) != nullptr);
  CHECK(length == out.size());
  return out;
}
}  // namespace

size_t hash_octets(ScramHash hash) {
  return hash == ScramHash::sha_1 ? sha1_octets : sha256_octets;
}

std::string hash(ScramHash hash, std::string_view data) {
  return digest(method_of(hash), data);
}

std::string hmac(ScramHash hash, std::string_view key, std::string_view data) {
  return keyed(method_of(hash), key, data);
}

std::string pbkdf2(ScramHash hash, std::string_view password, std::string_view salt,
                   uint32_t iterations) {
  CHECK(iterations >= 1);
  std::string out(hash_octets(hash), '\0');
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes(salt),
                          static_cast<int>(salt.size()), static_cast<int>(iterations),
                          method_of(hash), static_cast<int>(out.size()), bytes(out)) == 1);
  return out;
}

std::string sha512(std::string_view data) {
  return digest(EVP_sha512(), data);
}

std::string sha256(std::string_view data) {
  return digest(EVP_sha256(), data);
}

Sha256::Sha256() : state_(EVP_MD_CTX_new()) {
  CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(state_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(state_));
}

void Sha256::add(std::string_view data) {
  CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(state_), data.data(), data.size()) == 1);
}

std::string Sha256::finish() {
  std::string out(sha256_octets, '\0');
  CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(state_), bytes(out), nullptr) == 1);
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  return keyed(EVP_sha256(), key, data);
}

std::string md5(std::string_view data) {
  return digest(EVP_md5(), data);
}

std::string hmac_md5(std::string_view key, std::string_view data) {
  return keyed(EVP_md5(), key, data);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace eilpost::sasl
