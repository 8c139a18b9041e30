// The hashes that SASL mechanisms stand on. OpenSSL's libcrypto stands behind this header and
// nowhere else in the layer. Every function takes and gives raw octets and cannot fail (an
// allocation failure aborts). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/sasl/mechanism.h"

namespace eilpost::sasl {

inline constexpr size_t sha256_octets = 32;
inline constexpr size_t sha1_octets = 20;
inline constexpr size_t md5_octets = 16;

// Of SCRAM's hash.
size_t hash_octets(ScramHash hash);
std::string hash(ScramHash hash, std::string_view data);
std::string hmac(ScramHash hash, std::string_view key, std::string_view data);
// As many octets as the hash has; `iterations` >= 1.
std::string pbkdf2(ScramHash hash, std::string_view password, std::string_view salt,
                   uint32_t iterations);

// NTLM knows no better ones.
std::string md5(std::string_view data);
std::string hmac_md5(std::string_view key, std::string_view data);

std::string sha256(std::string_view data);
// The same of what comes piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view data);
  // Once.
  std::string finish();

 private:
  void* state_;  // libcrypto's
};
// Of stored passwords of other systems.
std::string sha512(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);

// Takes as long for a wrong answer as for a right one; different lengths are unequal at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);
// Overwrites what a secret lay in, in a way that the compiler keeps, and empties it.
void wipe(std::string& secret);

}  // namespace eilpost::sasl
