#include "directory/outside/crypt_hash.h"

#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/crypto.h"

namespace eilpost::directory {

namespace {

enum class Digest { md5, sha1, sha256, sha512 };

std::string digest(Digest kind, std::string_view data) {
  switch (kind) {
    case Digest::md5: return sasl::md5(data);
    case Digest::sha1: return sasl::hash(sasl::ScramHash::sha_1, data);
    case Digest::sha256: return sasl::sha256(data);
    case Digest::sha512: return sasl::sha512(data);
  }
  return "";
}

// The salted and plain digests; a salt stands behind the digest.
struct DigestScheme {
  std::string_view name;
  Digest digest;
  bool hexadecimal = false;
};
constexpr std::array<DigestScheme, 12> digest_schemes = {{{"SHA", Digest::sha1},
                                                          {"SHA1", Digest::sha1},
                                                          {"SSHA", Digest::sha1},
                                                          {"SHA256", Digest::sha256},
                                                          {"SSHA256", Digest::sha256},
                                                          {"SHA512", Digest::sha512},
                                                          {"SSHA512", Digest::sha512},
                                                          {"SMD5", Digest::md5},
                                                          {"LDAP-MD5", Digest::md5},
                                                          {"PLAIN-MD5", Digest::md5, true}}};

constexpr std::array<std::string_view, 6> crypt_schemes = {
    "CRYPT", "DES-CRYPT", "MD5-CRYPT", "BLF-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT"};

enum class Encoding { as_it_is, base64, hexadecimal };

struct Scheme {
  std::string name;
  std::optional<Encoding> encoding;
  std::string_view hash;
};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// {SCHEME}, {SCHEME.B64}, {SCHEME.HEX}
Scheme split(const StoredPassword& stored) {
  Scheme out;
  out.name = upper(stored.default_scheme);
  out.hash = stored.stored;
  const size_t end = stored.stored.find('}');
  if (stored.stored.starts_with("{") && end != std::string_view::npos) {
    out.name = upper(stored.stored.substr(1, end - 1));
    out.hash = stored.stored.substr(end + 1);
  }
  const size_t dot = out.name.find('.');
  if (dot != std::string::npos) {
    const std::string encoding = out.name.substr(dot + 1);
    if (encoding == "B64" || encoding == "BASE64") out.encoding = Encoding::base64;
    if (encoding == "HEX") out.encoding = Encoding::hexadecimal;
    out.name.resize(dot);
  }
  return out;
}

Result<std::string> decode(std::string_view text, Encoding encoding) {
  if (encoding == Encoding::as_it_is) return std::string(text);
  if (encoding == Encoding::base64) return sasl::base64_decode(text);
  std::string out;
  if (text.size() % 2 != 0) return fail(Code::corrupt, "a hash of half an octet");
  const auto digit = [](char c) {
    const auto at = std::string_view("0123456789abcdef0123456789ABCDEF").find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at % 16);
  };
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return fail(Code::corrupt, "a hash that is not hexadecimal");
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

Result<bool> verify_digest(const DigestScheme& scheme, const Scheme& stored,
                           std::string_view password) {
  const auto usual = scheme.hexadecimal ? Encoding::hexadecimal : Encoding::base64;
  const auto octets = decode(stored.hash, stored.encoding.value_or(usual));
  if (!octets) return fail(Code::corrupt, "a hash that cannot be decoded");
  const size_t length = digest(scheme.digest, "").size();
  if (octets->size() < length) return fail(Code::corrupt, "a hash that is too short");
  const std::string salted = std::string(password) + octets->substr(length);
  return sasl::equal_in_constant_time(digest(scheme.digest, salted),
                                      std::string_view(*octets).substr(0, length));
}

Result<bool> verify_crypt(std::string_view hash, std::string_view password) {
  // crypt() ends at an octet of zero: a longer password would be as good as its beginning.
  if (password.find('\0') != std::string_view::npos) return false;
  const auto data = std::make_unique<crypt_data>();
  const std::string setting(hash);
  std::string secret(password);
  const char* made = ::crypt_rn(secret.c_str(), setting.c_str(), data.get(), sizeof(*data));
  sasl::wipe(secret);
  if (made == nullptr || made[0] == '*') {
    return fail(Code::corrupt, "crypt: a hash of a kind that is not known here");
  }
  return sasl::equal_in_constant_time(made, setting);
}

}  // namespace

Result<bool> verify_stored(const StoredPassword& stored, std::string_view password,
                           PasswordHasher& argon2) {
  const Scheme scheme = split(stored);
  // A locked account: no hash at all, or one that nothing matches.
  if (scheme.hash.empty() || scheme.hash[0] == '!' || scheme.hash[0] == '*') return false;
  for (const DigestScheme& known : digest_schemes) {
    if (!known.name.empty() && known.name == scheme.name) {
      return verify_digest(known, scheme, password);
    }
  }
  const auto text = decode(scheme.hash, scheme.encoding.value_or(Encoding::as_it_is));
  if (!text) return fail(Code::corrupt, "a hash that cannot be decoded");
  if (scheme.name == "PLAIN" || scheme.name == "CLEAR" || scheme.name == "CLEARTEXT") {
    return sasl::equal_in_constant_time(*text, password);
  }
  if (scheme.name == "ARGON2ID" || scheme.name == "ARGON2I" || text->starts_with("$argon2")) {
    return argon2.verify(*text, password);
  }
  const bool crypt =
      std::find(crypt_schemes.begin(), crypt_schemes.end(), scheme.name) != crypt_schemes.end();
  if (crypt) return verify_crypt(*text, password);
  return fail(Code::corrupt, fmt::format("the scheme {} is not known here", scheme.name));
}

}  // namespace eilpost::directory
