#include "directory/builtin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "directory/testing.h"
#include "engine/faulty.h"
#include "protocol/sasl/scram.h"

namespace eilpost::directory {
namespace {

TEST(Builtin, AddsAndFindsByEverySpelling) {
  World w;
  const auto added = w.directory->add({.name = "Bob@Example.ORG",
                                       .password = "secret",
                                       .aliases = {"robert", "B@OTHER.example"},
                                       .display_name = "Bob",
                                       .quota = {.bytes = 1000, .messages = 10}});
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(added->id, AccountId(account_id_first));
  EXPECT_EQ(added->partition(), PartitionId(account_id_first));
  EXPECT_EQ(added->login_name, "bob@example.org");
  EXPECT_EQ(added->primary_address, "bob@example.org");
  EXPECT_EQ(added->created, w.clock.now());
  for (const auto* name : {"bob", "BOB", "bob@example.org", "bob@EXAMPLE.org.",
                           "robert@example.org", "Robert", "b@other.example"}) {
    const auto found = w.directory->resolve(name);
    ASSERT_TRUE(found.has_value()) << name;
    EXPECT_EQ(*found, *added) << name;
  }
  EXPECT_EQ(w.directory->find(added->id).value(), *added);
  for (const auto* name : {"", "bo", "bob@other.example", "b", "bob@", "@example.org", "bob bob"}) {
    EXPECT_EQ(code_of(w.directory->resolve(name)), Code::not_found) << name;
  }
}

TEST(Builtin, NamesBelongToOneAccount) {
  World w;
  const auto bob = w.add("bob");
  const auto eve = w.add("eve");
  EXPECT_EQ(code_of(w.directory->add({.name = "BOB@example.org"})), Code::already_exists);
  EXPECT_EQ(code_of(w.directory->add({.name = "x", .aliases = {"y", "bob"}})),
            Code::already_exists);
  EXPECT_EQ(code_of(w.directory->resolve("y")), Code::not_found);
  EXPECT_EQ(code_of(w.directory->add_alias(eve.id, "bob")), Code::already_exists);
  EXPECT_EQ(code_of(w.directory->rename(eve.id, "bob")), Code::already_exists);
  EXPECT_EQ(w.directory->resolve("bob").value().id, bob.id);
  EXPECT_EQ(code_of(w.directory->add({.name = "a b"})), Code::invalid);
  EXPECT_EQ(code_of(w.directory->add({.name = std::string(300, 'a')})), Code::too_big);
}

TEST(Builtin, AliasesAndRename) {
  World w;
  const auto bob = w.add("bob");
  ASSERT_TRUE(w.directory->add_alias(bob.id, "Sales@example.org").has_value());
  EXPECT_EQ(code_of(w.directory->add_alias(bob.id, "sales")), Code::already_exists);
  EXPECT_EQ(w.directory->resolve("sales").value().id, bob.id);
  ASSERT_TRUE(w.directory->rename(bob.id, "sales").has_value());
  const auto renamed = w.directory->resolve("sales").value();
  EXPECT_EQ(renamed.login_name, "sales@example.org");
  EXPECT_TRUE(renamed.aliases.empty());
  EXPECT_EQ(code_of(w.directory->resolve("bob")), Code::not_found);
  EXPECT_EQ(w.add("bob").id, AccountId(bob.id.value + 1));
  ASSERT_TRUE(w.directory->add_alias(bob.id, "b").has_value());
  ASSERT_TRUE(w.directory->remove_alias(bob.id, "B").has_value());
  EXPECT_EQ(code_of(w.directory->remove_alias(bob.id, "b")), Code::not_found);
  EXPECT_EQ(code_of(w.directory->remove_alias(bob.id, "sales")), Code::not_found);
  EXPECT_EQ(code_of(w.directory->resolve("b")), Code::not_found);
}

TEST(Builtin, RemovalLeavesATombstoneAndIdsAreNeverReused) {
  World w;
  const auto bob = w.add("bob");
  w.clock.advance_micros(5);
  ASSERT_TRUE(w.directory->remove(bob.id).has_value());
  EXPECT_EQ(code_of(w.directory->resolve("bob")), Code::not_found);
  EXPECT_EQ(code_of(w.directory->find(bob.id)), Code::not_found);
  EXPECT_EQ(code_of(w.directory->check_password({.name = "bob", .password = "secret"})),
            Code::auth_failed);
  EXPECT_EQ(code_of(w.directory->set_password(bob.id, "x")), Code::not_found);
  EXPECT_EQ(code_of(w.directory->remove(bob.id)), Code::not_found);
  const auto again = w.add("bob");
  EXPECT_GT(again.id, bob.id);
  EXPECT_EQ(code_of(w.directory->mark_purged(again.id)), Code::cannot);
  const auto removed = w.directory->removed(AccountId()).value();
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].account.id, bob.id);
  EXPECT_EQ(removed[0].account.login_name, "bob@example.org");
  EXPECT_EQ(removed[0].removed, w.clock.now());
  ASSERT_TRUE(w.directory->mark_purged(bob.id).has_value());
  EXPECT_TRUE(w.directory->removed(AccountId()).value().empty());
  EXPECT_GT(w.add("carol").id, again.id);
}

TEST(Builtin, Passwords) {
  World w;
  const auto bob = w.add("bob", "sec\xc2\xadret");
  EXPECT_EQ(w.directory->check_password({.name = "Bob", .password = "secret"}).value().id, bob.id);
  for (const auto* wrong : {"", "Secret", "secret "}) {
    EXPECT_EQ(code_of(w.directory->check_password({.name = "bob", .password = wrong})),
              Code::auth_failed);
  }
  EXPECT_EQ(code_of(w.directory->check_password({.name = "nobody", .password = "secret"})),
            Code::auth_failed);
  EXPECT_EQ(code_of(w.directory->set_password(bob.id, "bell\x07")), Code::invalid);
  EXPECT_EQ(code_of(w.directory->set_password(bob.id, "\xc2\xad")), Code::invalid);
  ASSERT_TRUE(w.directory->set_password(bob.id, "").has_value());
  for (const auto* any : {"", "secret"}) {
    EXPECT_EQ(code_of(w.directory->check_password({.name = "bob", .password = any})),
              Code::auth_failed);
  }
  EXPECT_EQ(code_of(w.directory->scram_verifier("bob")), Code::not_found);
}

// The right password is in the success cache when the change comes.
TEST(Builtin, AChangedPasswordCountsAtOnceOnEveryNode) {
  World w;
  const auto bob = w.add("bob");
  auto other = BuiltinDirectory::open(w.engine, w.clock, w.random, cheap_options()).value();
  ASSERT_TRUE(other->check_password({.name = "bob", .password = "secret"}).has_value());
  ASSERT_TRUE(w.directory->set_password(bob.id, "fresh").has_value());
  EXPECT_EQ(code_of(other->check_password({.name = "bob", .password = "secret"})),
            Code::auth_failed);
  EXPECT_TRUE(other->check_password({.name = "bob", .password = "fresh"}).has_value());
}

TEST(Builtin, DisabledIsToldOnlyToWhoKnowsThePassword) {
  World w;
  const auto bob = w.add("bob");
  ASSERT_TRUE(w.directory->set_disabled(bob.id, true).has_value());
  EXPECT_EQ(code_of(w.directory->check_password({.name = "bob", .password = "x"})),
            Code::auth_failed);
  EXPECT_EQ(code_of(w.directory->check_password({.name = "bob", .password = "secret"})),
            Code::authz_failed);
  EXPECT_TRUE(w.directory->resolve("bob").value().disabled);
  ASSERT_TRUE(w.directory->set_disabled(bob.id, false).has_value());
  EXPECT_TRUE(w.directory->check_password({.name = "bob", .password = "secret"}).has_value());
}

TEST(Builtin, Verifiers) {
  World w;
  const auto bob = w.add("bob");
  const auto found = w.directory->scram_verifier("BOB").value();
  EXPECT_EQ(found.account.id, bob.id);
  EXPECT_EQ(found.verifier.iterations, 4096U);
  EXPECT_EQ(found.verifier.salt.size(), sasl::scram_salt_octets);
  EXPECT_TRUE(sasl::verifier_fits(found.verifier, "secret"));
  EXPECT_FALSE(sasl::verifier_fits(found.verifier, "wrong"));
  w.add("eve");
  EXPECT_NE(w.directory->scram_verifier("eve").value().verifier.salt, found.verifier.salt);
  EXPECT_EQ(code_of(w.directory->scram_verifier("nobody")), Code::not_found);
  BuiltinOptions few = cheap_options();
  few.scram_iterations = 1;
  EXPECT_EQ(World(few).directory->scram_iterations(), 4096U);
}

TEST(Builtin, EverythingIsThereAfterReopening) {
  World w;
  const auto bob = w.add("bob");
  ASSERT_TRUE(w.directory->set_quota(bob.id, {.bytes = 7, .messages = 8}).has_value());
  ASSERT_TRUE(w.directory
                  ->set_display_name(bob.id,
                                     "B\xc3\xb6"
                                     "b")
                  .has_value());
  ASSERT_TRUE(w.directory->set_admin(bob.id, true).has_value());
  ASSERT_TRUE(w.directory->set_hidden_capabilities(bob.id, {"xlist", "QResync", "XLIST"}));
  ASSERT_TRUE(w.directory->set_extra_capabilities(bob.id, {"uidonly"}));
  EXPECT_EQ(code_of(w.directory->set_hidden_capabilities(bob.id, {"a b"})), Code::invalid);
  EXPECT_EQ(code_of(w.directory->set_hidden_capabilities(bob.id, {""})), Code::invalid);
  const auto secret = w.directory->fake_verifier_secret();
  EXPECT_EQ(secret.size(), 32U);
  w.directory = BuiltinDirectory::open(w.engine, w.clock, w.random, cheap_options()).value();
  const auto found = w.directory->resolve("bob").value();
  EXPECT_EQ(found.quota, (Quota{.bytes = 7, .messages = 8}));
  EXPECT_TRUE(found.admin);
  EXPECT_EQ(found.hidden_capabilities, (std::vector<std::string>{"QRESYNC", "XLIST"}));
  EXPECT_EQ(found.extra_capabilities, std::vector<std::string>{"UIDONLY"});
  EXPECT_EQ(found.display_name,
            "B\xc3\xb6"
            "b");
  EXPECT_EQ(w.directory->fake_verifier_secret(), secret);
}

TEST(Builtin, ListsInPagesAndSkipsTombstones) {
  BuiltinOptions options = cheap_options();
  World w(options);
  std::vector<AccountId> expected;
  for (int i = 0; i < 2100; ++i) {
    const auto id = w.add("user" + std::to_string(i), "").id;
    // A whole page and more of tombstones.
    if (i >= 100 && i < 1900) {
      ASSERT_TRUE(w.directory->remove(id).has_value());
    } else {
      expected.push_back(id);
    }
  }
  std::vector<AccountId> listed;
  AccountId after;
  while (true) {
    const auto page = w.directory->list(after).value();
    if (page.empty()) break;
    EXPECT_LE(page.size(), 1000U);
    for (const auto& account : page) listed.push_back(account.id);
    after = listed.back();
  }
  EXPECT_EQ(listed, expected);
}

TEST(Builtin, NamesWithoutADefaultDomainStayBare) {
  BuiltinOptions options = cheap_options();
  options.names.default_domain = "";
  World w(options);
  EXPECT_EQ(w.add("alice").primary_address, "");
  EXPECT_EQ(w.directory->resolve("Alice").value().login_name, "alice");
  EXPECT_EQ(code_of(w.directory->resolve("alice@example.org")), Code::not_found);
}

TEST(Builtin, WritersOnSeveralNodesLoseNothing) {
  World w;
  constexpr int per_thread = 25;
  std::vector<std::unique_ptr<BuiltinDirectory>> nodes;
  for (int t = 0; t < 4; ++t) {
    nodes.push_back(BuiltinDirectory::open(w.engine, w.clock, w.random, cheap_options()).value());
  }
  std::atomic<int> added = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < per_thread; ++i) {
        const auto name = "u" + std::to_string(t) + "x" + std::to_string(i);
        if (nodes[static_cast<size_t>(t)]->add(
                {.name = name, .aliases = {"shared" + std::to_string(i)}})) {
          ++added;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // Four want each alias, and one gets it.
  EXPECT_EQ(added, per_thread);
  const auto all = w.directory->list(AccountId()).value();
  ASSERT_EQ(all.size(), static_cast<size_t>(per_thread));
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].id.value, account_id_first + i);
}

// Answers get lost, commits come late, conflicts are made up: every change still takes place
// exactly once, or is said to be in doubt.
TEST(Builtin, LostAnswersAreSettled) {
  int in_doubt = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    engine::FaultyOptions faults{
        .seed = seed, .conflict = 200, .unknown_written = 250, .unknown_lost = 250};
    engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), faults);
    ManualClock clock(Timestamp{1});
    Random random(seed);
    auto directory = BuiltinDirectory::open(engine, clock, random, cheap_options()).value();
    std::vector<AccountId> added;
    for (int i = 0; i < 20; ++i) {
      const auto account = directory->add({.name = "user" + std::to_string(i)});
      if (!account) {
        EXPECT_EQ(account.error().code, Code::unknown);
        ++in_doubt;
        continue;
      }
      added.push_back(account->id);
      EXPECT_EQ(directory->resolve("user" + std::to_string(i)).value().id, account->id);
      const auto quota = directory->set_quota(account->id, {.bytes = 1 + added.size()});
      EXPECT_TRUE(quota || quota.error().code == Code::unknown);
      const auto found = directory->find(account->id).value();
      EXPECT_TRUE(!quota || found.quota.bytes == 1 + added.size());
    }
    const auto listed = directory->list(AccountId()).value();
    EXPECT_GE(listed.size(), added.size());
    // No id was used twice, none was skipped by a change that happened twice.
    for (size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i].id.value, account_id_first + i);
  }
  EXPECT_LT(in_doubt, 5);
}

TEST(Builtin, AnEngineThatIsDownIsNoWrongPassword) {
  engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), {});
  ManualClock clock(Timestamp{1});
  Random random(1);
  auto directory = BuiltinDirectory::open(engine, clock, random, cheap_options()).value();
  ASSERT_TRUE(directory->add({.name = "bob", .password = "secret"}).has_value());
  engine.set_options({.refuse_commit = 1000});
  EXPECT_EQ(code_of(directory->add({.name = "eve"})), Code::io);
  engine.set_options({.fail_read = 1000});
  EXPECT_EQ(code_of(directory->check_password({.name = "bob", .password = "x"})),
            Code::unavailable);
  EXPECT_EQ(code_of(directory->check_password({.name = "nobody", .password = "x"})),
            Code::unavailable);
  EXPECT_EQ(code_of(directory->resolve("bob")), Code::unavailable);
  EXPECT_EQ(code_of(directory->scram_verifier("bob")), Code::unavailable);
  EXPECT_EQ(code_of(directory->add({.name = "eve"})), Code::unavailable);
}

TEST(Builtin, NoAnswerAtAllIsSaidToBeInDoubt) {
  engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), {});
  ManualClock clock(Timestamp{1});
  Random random(1);
  auto directory = BuiltinDirectory::open(engine, clock, random, cheap_options()).value();
  engine.set_options({.unknown_lost = 1000});
  EXPECT_EQ(code_of(directory->add({.name = "eve"})), Code::unknown);
}

}  // namespace
}  // namespace eilpost::directory
