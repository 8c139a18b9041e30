// Signatures of JWS (RFC 7518 3, RFC 8037 3.1) with OpenSSL; declared in jwt.h.
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <memory>

#include "protocol/sasl/jwt/jwt.h"

namespace eilpost::sasl {

namespace {
template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

constexpr int rsa_bits_min = 2048;  // RFC 7518 3.3
constexpr int rsa_bits_max = 8192;  // what we are willing to compute
constexpr size_t coordinate_octets = 32;
constexpr size_t ed25519_octets = 32;

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

Number number(std::string_view octets) {
  return Number(BN_bin2bn(bytes(octets), static_cast<int>(octets.size()), nullptr));
}

tl::unexpected<Error> bad_key(std::string why) {
  ERR_clear_error();
  return fail(Code::invalid, "JWK: " + std::move(why));
}

Result<Key> key_from(const char* type, OSSL_PARAM_BLD* builder) {
  Params params(OSSL_PARAM_BLD_to_param(builder));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return bad_key("not a key");
  }
  return Key(key);
}

Result<Key> rsa_key(const Jwk& jwk) {
  const Number n = number(jwk.n);
  const Number e = number(jwk.e);
  const int bits = n ? BN_num_bits(n.get()) : 0;
  if (bits < rsa_bits_min || bits > rsa_bits_max) {
    return bad_key("RSA of " + std::to_string(bits) + " bits");
  }
  Builder builder(OSSL_PARAM_BLD_new());
  if (!e || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return bad_key("not an RSA key");
  }
  return key_from("RSA", builder.get());
}

Result<Key> p256_key(const Jwk& jwk) {
  if (jwk.x.size() != coordinate_octets || jwk.y.size() != coordinate_octets) {
    return bad_key("coordinates of a wrong length");
  }
  const std::string point = "\x04" + jwk.x + jwk.y;  // SEC 1 2.3.3, uncompressed
  Builder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return bad_key("not an EC key");
  }
  return key_from("EC", builder.get());
}

Result<Key> ed25519_key(const Jwk& jwk) {
  if (jwk.x.size() != ed25519_octets) return bad_key("an Ed25519 key of a wrong length");
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(jwk.x), jwk.x.size()));
  if (!key) return bad_key("not an Ed25519 key");
  return key;
}

Result<Key> make_key(SignatureAlgorithm algorithm, const Jwk& jwk) {
  if (!key_fits(jwk, algorithm)) return bad_key("not for this algorithm");
  switch (algorithm) {
    case SignatureAlgorithm::rs256:
    case SignatureAlgorithm::ps256: return rsa_key(jwk);
    case SignatureAlgorithm::es256: return p256_key(jwk);
    case SignatureAlgorithm::eddsa: return ed25519_key(jwk);
  }
  return bad_key("not for any algorithm");
}

// RFC 7518 3.4: R and S, 32 octets each, where OpenSSL wants DER. "" when the length is wrong.
std::string der_of(std::string_view raw) {
  if (raw.size() != 2 * coordinate_octets) return "";
  std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
  Number r = number(raw.substr(0, coordinate_octets));
  Number s = number(raw.substr(coordinate_octets));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return "";
  (void)r.release();  // the pair's
  (void)s.release();
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  if (length <= 0) return "";
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

// RFC 7518 3.5: MGF1 with the same hash, and a salt as long as the hash.
bool set_pss(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}
}  // namespace

Result<> verify_signature(SignatureAlgorithm algorithm, const Jwk& jwk, std::string_view text,
                          std::string_view signature) {
  const Key key = TRY(make_key(algorithm, jwk));
  std::string der;
  if (algorithm == SignatureAlgorithm::es256) {
    der = der_of(signature);
    signature = der;
  }
  const EVP_MD* method = algorithm == SignatureAlgorithm::eddsa ? nullptr : EVP_sha256();
  Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;
  bool good = digest && !signature.empty() &&
              EVP_DigestVerifyInit(digest.get(), &context, method, nullptr, key.get()) == 1;
  if (good && algorithm == SignatureAlgorithm::ps256) good = set_pss(context);
  good = good && EVP_DigestVerify(digest.get(), bytes(signature), signature.size(), bytes(text),
                                  text.size()) == 1;
  ERR_clear_error();
  if (!good) return fail(Code::auth_failed, "JWT: the signature does not fit the key");
  return {};
}

}  // namespace eilpost::sasl
