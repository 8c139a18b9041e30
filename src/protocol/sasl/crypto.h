// The hashes that SASL mechanisms stand on. OpenSSL's libcrypto stands behind this header and
// nowhere else in the layer. Every function takes and gives raw octets and cannot fail (an
// allocation failure aborts). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace eilpost::sasl {

inline constexpr size_t sha256_octets = 32;

std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
// `octets` <= 64 here; `iterations` >= 1.
std::string pbkdf2_sha256(std::string_view password, std::string_view salt, uint32_t iterations,
                          size_t octets = sha256_octets);

// Takes as long for a wrong answer as for a right one; different lengths are unequal at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);
// Overwrites what a secret lay in, in a way that the compiler keeps, and empties it.
void wipe(std::string& secret);

}  // namespace eilpost::sasl
