#include "directory/password.h"

#include <argon2.h>
#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace eilpost::directory {

namespace {
constexpr size_t salt_octets = 16;
constexpr size_t hash_octets = 32;

unsigned concurrency(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

// One of `room` places for as long as it lives.
class Place {
 public:
  struct Room {
    std::mutex& mutex;
    std::condition_variable& free;
    unsigned& taken;
    unsigned places;
  };
  explicit Place(const Room& room) : room_(room) {
    std::unique_lock lock(room_.mutex);
    room_.free.wait(lock, [this] { return room_.taken < room_.places; });
    ++room_.taken;
  }
  ~Place() {
    {
      const std::lock_guard lock(room_.mutex);
      --room_.taken;
    }
    room_.free.notify_one();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Room room_;
};
}  // namespace

PasswordHasher::PasswordHasher(Options options, Random& random)
    : options_(options), random_(random) {
  options_.concurrent_max = concurrency(options_.concurrent_max);
  if (auto hashed = hash(random_.octets(hash_octets))) nobody_ = std::move(*hashed);
}

Result<std::string> PasswordHasher::hash(std::string_view password) {
  const Argon2Cost& cost = options_.cost;
  const auto salt = random_.octets(salt_octets);
  std::string out(argon2_encodedlen(cost.iterations, cost.memory_kib, cost.parallelism, salt_octets,
                                    hash_octets, Argon2_id),
                  '\0');
  const Place place({mutex_, free_, running_, options_.concurrent_max});
  const int status = argon2id_hash_encoded(cost.iterations, cost.memory_kib, cost.parallelism,
                                           password.data(), password.size(), salt.data(),
                                           salt.size(), hash_octets, out.data(), out.size());
  if (status != ARGON2_OK) {
    const auto code = status == ARGON2_MEMORY_ALLOCATION_ERROR ? Code::unavailable : Code::invalid;
    return fail(code, fmt::format("argon2: {}", argon2_error_message(status)));
  }
  out.resize(out.find('\0'));
  return out;
}

Result<bool> PasswordHasher::verify(std::string_view encoded, std::string_view password) {
  const std::string terminated(encoded);
  const Place place({mutex_, free_, running_, options_.concurrent_max});
  // Hashes made here are argon2id; those of other systems may be of the other kind.
  const auto type = encoded.substr(0, 9) == "$argon2i$" ? Argon2_i : Argon2_id;
  const int status = argon2_verify(terminated.c_str(), password.data(), password.size(), type);
  if (status == ARGON2_OK) return true;
  if (status == ARGON2_VERIFY_MISMATCH) return false;
  const auto code = status == ARGON2_MEMORY_ALLOCATION_ERROR ? Code::unavailable : Code::corrupt;
  return fail(code, fmt::format("argon2: {}", argon2_error_message(status)));
}

Result<bool> PasswordHasher::verify_nobody(std::string_view password) {
  TRY(verify(nobody_, password));
  return false;
}

}  // namespace eilpost::directory
