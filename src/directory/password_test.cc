// Hashing, and the cache of successes.
#include "directory/password.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "directory/success_cache.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

const PasswordHasher::Options cheap{.cost = {.memory_kib = 8, .iterations = 1, .parallelism = 1},
                                    .concurrent_max = 2};

TEST(PasswordHasher, HashesAndVerifies) {
  Random random(1);
  PasswordHasher hasher(cheap, random);
  const auto hash = hasher.hash("secret").value();
  EXPECT_EQ(hash.substr(0, 30), "$argon2id$v=19$m=8,t=1,p=1$" + hash.substr(27, 3));
  EXPECT_NE(hasher.hash("secret").value(), hash);
  EXPECT_TRUE(hasher.verify(hash, "secret").value());
  EXPECT_FALSE(hasher.verify(hash, "Secret").value());
  EXPECT_FALSE(hasher.verify_nobody("secret").value());
  EXPECT_EQ(code_of(hasher.verify("garbage", "secret")), Code::corrupt);
  EXPECT_EQ(code_of(hasher.verify("", "secret")), Code::corrupt);
}

TEST(PasswordHasher, ParametersTravelWithTheHash) {
  Random random(1);
  PasswordHasher hasher(cheap, random);
  PasswordHasher dearer({.cost = {.memory_kib = 64, .iterations = 3, .parallelism = 2}}, random);
  const auto hash = dearer.hash("secret").value();
  EXPECT_NE(hash.find("m=64,t=3,p=2"), std::string::npos);
  EXPECT_TRUE(hasher.verify(hash, "secret").value());
}

// A hash that the reference implementation's command line tool makes.
TEST(PasswordHasher, KnownHash) {
  Random random(1);
  PasswordHasher hasher(cheap, random);
  const std::string hash =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  EXPECT_TRUE(hasher.verify(hash, "password").value());
  EXPECT_FALSE(hasher.verify(hash, "differentpassword").value());
}

TEST(PasswordHasher, ManyThreadsShareFewPlaces) {
  Random random(1);
  PasswordHasher hasher({.cost = cheap.cost, .concurrent_max = 1}, random);
  const auto hash = hasher.hash("secret").value();
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      if (hasher.verify(hash, "secret").value_or(false)) ++right;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
}

struct CacheWorld {
  ManualClock clock{Timestamp{0}};
  Random random{3};
};

TEST(SuccessCache, KnowsOnlyTheWholeClaim) {
  CacheWorld w;
  SuccessCache cache({}, w.clock, w.random);
  const SuccessCache::Claim claim{.account = AccountId(1), .stored_hash = "h", .password = "p"};
  EXPECT_FALSE(cache.contains(claim));
  cache.insert(claim);
  EXPECT_TRUE(cache.contains(claim));
  EXPECT_FALSE(cache.contains({.account = AccountId(2), .stored_hash = "h", .password = "p"}));
  EXPECT_FALSE(cache.contains({.account = AccountId(1), .stored_hash = "i", .password = "p"}));
  EXPECT_FALSE(cache.contains({.account = AccountId(1), .stored_hash = "h", .password = "q"}));
  // The border between hash and password cannot be moved.
  EXPECT_FALSE(cache.contains({.account = AccountId(1), .stored_hash = "hp", .password = ""}));
}

TEST(SuccessCache, ForgetsAfterItsLifetimeHoweverOftenItIsUsed) {
  CacheWorld w;
  SuccessCache cache({.lifetime_seconds = 10}, w.clock, w.random);
  const SuccessCache::Claim claim{.account = AccountId(1), .stored_hash = "h", .password = "p"};
  cache.insert(claim);
  w.clock.advance_micros(9'999'999);
  EXPECT_TRUE(cache.contains(claim));
  cache.insert(claim);
  w.clock.advance_micros(1);
  EXPECT_FALSE(cache.contains(claim));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(SuccessCache, IsBounded) {
  CacheWorld w;
  SuccessCache cache({.entries_max = 3}, w.clock, w.random);
  const auto claim = [](uint64_t id) {
    return SuccessCache::Claim{.account = AccountId(id), .stored_hash = "h", .password = "p"};
  };
  for (uint64_t id = 1; id <= 5; ++id) cache.insert(claim(id));
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_FALSE(cache.contains(claim(2)));
  EXPECT_TRUE(cache.contains(claim(3)));
  SuccessCache off({.lifetime_seconds = 0}, w.clock, w.random);
  off.insert(claim(1));
  EXPECT_FALSE(off.contains(claim(1)));
}

}  // namespace
}  // namespace eilpost::directory
