// Hashing and checking passwords with argon2id (RFC 9106), as many at once as there are cores;
// whoever comes later waits. Hashes are in the PHC string form, so that each carries its own
// parameters. libargon2 stands behind this header and nowhere else. Thread safe; blocks (tens of
// milliseconds).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

namespace eilpost::directory {

// OWASP's first recommendation; 54 ms on the reference machine.
struct Argon2Cost {
  uint32_t memory_kib = 19 * 1024;
  uint32_t iterations = 2;
  uint32_t parallelism = 1;
  friend bool operator==(const Argon2Cost&, const Argon2Cost&) = default;
};

class PasswordHasher {
 public:
  struct Options {
    Argon2Cost cost;
    unsigned concurrent_max = 0;  // 0: as many as cores
  };
  PasswordHasher(Options options, Random& random);

  Result<std::string> hash(std::string_view password);
  // Code::corrupt when `encoded` is not a hash.
  Result<bool> verify(std::string_view encoded, std::string_view password);
  // Does the work of a verification for an account that does not exist. Answers false.
  Result<bool> verify_nobody(std::string_view password);

 private:
  Options options_;
  Random& random_;
  std::string nobody_;  // the hash of a random password
  std::mutex mutex_;
  std::condition_variable free_;
  unsigned running_ = 0;
};

}  // namespace eilpost::directory
