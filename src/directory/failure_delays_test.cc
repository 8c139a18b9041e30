// A botnet against one account, in simulated time: the owner's known devices never wait for it, and
// it guesses no faster than the configured rate.
#include "directory/failure_delays.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <queue>

#include <algorithm>
#include <map>
#include "directory/authenticator.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

// What an attempt has to wait.
Result<int64_t> wait_of(FailureDelays& delays, const FailureDelays::Who& who) {
  const auto admitted = delays.admit(who);
  if (!admitted) return tl::unexpected(admitted.error());
  return admitted->wait_micros;
}

constexpr int64_t second = 1'000'000;
constexpr const char* owner_address = "203.0.113.17";
constexpr const char* bob = "bob@example.org";

TEST(DeviceKey, IsWiderThanASource) {
  EXPECT_EQ(device_key("192.0.2.77"), "192.0.2.0/24");
  EXPECT_EQ(device_key("::ffff:192.0.2.77"), "192.0.2.0/24");
  EXPECT_EQ(device_key("2001:db8:1:2ff:3::1"), "2001:db8:1:200::/56");
  EXPECT_EQ(device_key("local"), "local");
}

// Connections with their bots: each tries as soon as its last answer is there.
struct Bot {
  int64_t at = 0;
  int number = 0;
  bool operator<(const Bot& other) const { return at > other.at; }
};

struct Outcome {
  int refused = 0;           // NO [LIMIT], nothing looked at
  int64_t owner_waited = 0;  // the longest
  int owner_logins = 0;
  std::vector<int64_t> checked;  // when a guess was compared with the secret
};

struct Botnet {
  World world;
  FailureDelays delays{{}, world.clock, world.random};
  Authenticator authenticator{*world.directory, delays, world.directory->names()};

  int64_t now() const { return world.clock.steady_micros(); }
  // The wait, or nothing for a refusal. Afterwards check() at the end of the wait.
  std::optional<int64_t> admit(Attempt& attempt, const sasl::CheckPassword& claim) {
    const auto wait = authenticator.admit(attempt, claim);
    return wait ? std::optional(*wait) : std::nullopt;
  }
  void owner(Outcome& out, const char* address = owner_address) {
    Attempt attempt;
    attempt.source = address;
    attempt.mechanism = "PLAIN";
    sasl::CheckPassword claim;
    claim.name = bob;
    claim.password = "secret";
    const auto wait = admit(attempt, claim);
    ASSERT_TRUE(wait) << "the owner is refused";
    out.owner_waited = std::max(out.owner_waited, *wait);
    ASSERT_TRUE(authenticator.login(attempt, claim));
    ++out.owner_logins;
  }
};

// 10,000 guesses from 500 addresses, 2,000 connections at a time, each guess another password. The
// owner polls every ten seconds.
Outcome attack(Botnet& net, int guesses_wanted) {
  Outcome out;
  net.owner(out);
  std::priority_queue<Bot> bots;
  for (int i = 0; i < 2000; ++i) bots.push({net.now() + i, i});
  struct Waiting {
    Attempt attempt;
    sasl::CheckPassword claim;
    Bot bot;
  };
  std::multimap<int64_t, Waiting> waiting;  // by the end of the wait
  int64_t poll = net.now();
  int guesses = 0;
  while (guesses < guesses_wanted) {
    const int64_t next_bot = bots.empty() ? INT64_MAX : bots.top().at;
    const int64_t next_check = waiting.empty() ? INT64_MAX : waiting.begin()->first;
    const int64_t at = std::min({next_bot, next_check, poll});
    if (at > net.now()) net.world.clock.advance_micros(at - net.now());
    if (poll <= at) {
      net.owner(out);
      poll += 10 * second;
    } else if (next_check <= at) {
      Waiting due = std::move(waiting.begin()->second);
      waiting.erase(waiting.begin());
      out.checked.push_back(net.now());
      EXPECT_FALSE(net.authenticator.login(due.attempt, due.claim));
      due.bot.at = net.now() + second / 10;
      bots.push(due.bot);
    } else {
      Bot bot = bots.top();
      bots.pop();
      ++guesses;
      Waiting wait;
      wait.bot = bot;
      wait.attempt.source = fmt::format("198.51.{}.{}", bot.number % 500 / 250, bot.number % 250);
      wait.claim.name = bob;
      wait.claim.password = fmt::format("guess {}", guesses);
      const auto admitted = net.admit(wait.attempt, wait.claim);
      if (admitted) {
        waiting.emplace(net.now() + *admitted, std::move(wait));
      } else {
        ++out.refused;
        bot.at = net.now() + second;
        bots.push(bot);
      }
    }
  }
  return out;
}

TEST(Botnet, NeitherLocksTheOwnerOutNorGuessesFasterThanConfigured) {
  Botnet net;
  net.world.add("bob");
  const Outcome out = attack(net, 10'000);
  EXPECT_EQ(out.owner_waited, 0);
  EXPECT_GT(out.owner_logins, 1);
  EXPECT_GT(out.refused, 5'000);
  // Some at the beginning, then one each four seconds.
  ASSERT_FALSE(out.checked.empty());
  const int64_t span = out.checked.back() - out.checked.front();
  EXPECT_LE(out.checked.size(), static_cast<size_t>(span / (4 * second)) + 10);
  RecordProperty("checked", static_cast<int>(out.checked.size()));
  RecordProperty("refused", out.refused);
  RecordProperty("seconds", static_cast<int>(span / second));
}

// From a place that is not known there the owner waits his turn, or is told to try later; his own
// device, learned from disk after a restart, comes in at once.
TEST(Botnet, DevicesFromDiskCountAfterARestart) {
  Botnet net;
  net.world.add("bob");
  for (int i = 0; i < 50; ++i) {
    const std::string bot = fmt::format("198.51.100.{}", i);
    (void)wait_of(net.delays, {bob, bot, ""});
    net.delays.failed({bob, bot, "", true});
  }
  EXPECT_GT(wait_of(net.delays, {bob, owner_address, ""}).value_or(INT64_MAX), 0);
  EXPECT_TRUE(net.delays.asks_for_devices({bob, owner_address, ""}));
  net.delays.learn(bob, {device_key(owner_address)});
  EXPECT_FALSE(net.delays.asks_for_devices({bob, owner_address, ""}));
  EXPECT_EQ(wait_of(net.delays, {bob, owner_address, ""}), 0);
}

// A known device that guesses is slowed for itself, and does not slow others.
TEST(FailureDelays, AKnownDeviceAnswersForItselfOnly) {
  World world;
  FailureDelays delays({}, world.clock, world.random);
  delays.succeeded({bob, owner_address, ""});
  for (int i = 0; i < 8; ++i) delays.failed({bob, owner_address, ""});
  EXPECT_GT(wait_of(delays, {bob, "203.0.113.200", ""}).value(), 0);
  EXPECT_EQ(wait_of(delays, {bob, "192.0.2.1", ""}), 0);
  EXPECT_EQ(delays.list(10).size(), 2U);
  EXPECT_TRUE(delays.forget(bob));
  EXPECT_EQ(wait_of(delays, {bob, "203.0.113.200", ""}), 0);
}

// The owner, coming and going, does not make room for strangers' attempts.
TEST(FailureDelays, AKnownDeviceSettlesNobodyElsesAttempts) {
  World world;
  FailureDelays delays({}, world.clock, world.random);
  delays.succeeded({bob, owner_address, ""});
  const std::string strange = "192.0.2.7";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wait_of(delays, {bob, strange, ""}), 0);
  for (int i = 0; i < 5; ++i) {
    const auto own = delays.admit({bob, owner_address, ""}).value();
    EXPECT_EQ(own.wait_micros, 0);
    delays.succeeded({bob, owner_address, "", own.pending});
  }
  (void)delays.admit({bob, strange, ""});
  EXPECT_GT(wait_of(delays, {bob, strange, ""}).value(), 0);
}

TEST(FailureDelays, TheSameWrongPasswordCountsOnce) {
  World world;
  FailureDelays delays({}, world.clock, world.random);
  const std::string tag = delays.tag_of(bob, "last year's");
  EXPECT_EQ(delays.tag_of(bob, "last year's"), tag);
  EXPECT_NE(delays.tag_of("eve@example.org", "last year's"), tag);
  for (int i = 0; i < 100; ++i) {
    const int64_t wait = wait_of(delays, {bob, owner_address, tag}).value();
    EXPECT_EQ(wait, i == 0 ? 0 : 500'000);
    delays.failed({bob, owner_address, tag, true});
  }
  EXPECT_EQ(delays.counts().failures, 1U);
  EXPECT_EQ(delays.counts().repeats, 99U);
  EXPECT_EQ(wait_of(delays, {bob, owner_address, delays.tag_of(bob, "right")}), 0);
  // SCRAM shows no password: each time counts.
  for (int i = 0; i < 5; ++i) delays.failed({bob, owner_address, ""});
  EXPECT_GT(wait_of(delays, {bob, owner_address, ""}).value(), 0);
}

}  // namespace
}  // namespace eilpost::directory
