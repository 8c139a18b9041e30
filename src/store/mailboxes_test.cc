// Names: create, delete, rename, subscribe, and UIDVALIDITY for the life of a name.
#include <gtest/gtest.h>

#include <map>

#include "base/limits.h"
#include "store/audit_testing.h"
#include "store/mutations.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

std::vector<std::string> names(World& world) {
  std::vector<std::string> out;
  for (const auto& entry : world.account().folders()->entries()) {
    out.push_back(entry.def->selectable ? entry.name : "(" + entry.name + ")");
  }
  return out;
}

using Names = std::vector<std::string>;

Code code_of(const Result<MailboxId>& r) {
  return r ? Code::internal : r.error().code;
}

uint32_t validity(World& world, const std::string& name) {
  const MailboxDef* def = world.account().folders()->find(name);
  return def ? world.account().counters(def->id)->uid_validity : 0;
}

TEST(Create, MakesTheLevelsAbove) {
  World world;
  ASSERT_TRUE(create(world, "a/b/c/"));
  EXPECT_EQ(names(world), (Names{"INBOX", "a", "a/b", "a/b/c"}));
  ASSERT_TRUE(create(world, "a/b/d"));
  ASSERT_TRUE(create(world, "inbox/sub"));
  EXPECT_EQ(names(world), (Names{"INBOX", "INBOX/sub", "a", "a/b", "a/b/c", "a/b/d"}));
  expect_sound(world);
  world.crash();
  ASSERT_TRUE(world.open(inbox_id));
  EXPECT_EQ(names(world).size(), 6U);
}

TEST(Create, RefusesWhatMayNotBe) {
  World world;
  const auto version = world.version();
  EXPECT_EQ(code_of(create(world, "")), Code::cannot);
  EXPECT_EQ(code_of(create(world, "/a")), Code::cannot);
  EXPECT_EQ(code_of(create(world, "a//b")), Code::cannot);
  EXPECT_EQ(code_of(create(world, "inbox")), Code::already_exists);
  EXPECT_EQ(code_of(create(world, std::string(limits::mailbox_name_bytes_max + 1, 'n'))),
            Code::cannot);
  std::string deep = "d";
  for (int i = 0; i < limits::mailbox_levels_max; ++i) deep += "/d";
  EXPECT_EQ(code_of(create(world, deep)), Code::cannot);
  EXPECT_EQ(world.version(), version);
  EXPECT_TRUE(create(world, std::string(limits::mailbox_name_bytes_max, 'n')));
}

// The clock stands still: every UIDVALIDITY differs all the same.
TEST(UidValidity, IsNeverGivenTwiceInOneTick) {
  World world;
  ASSERT_TRUE(world.open(inbox_id));
  std::set<uint32_t> seen{validity(world, "INBOX")};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(create(world, "m" + std::to_string(i)));
    EXPECT_TRUE(seen.insert(validity(world, "m" + std::to_string(i))).second);
  }
  expect_sound(world);
}

// A name's UIDVALIDITY only rises, whatever mailbox comes to bear it.
TEST(UidValidity, OfANameNeverFallsNorRepeats) {
  World world;
  Random random(5);
  std::map<std::string, std::pair<uint32_t, MailboxId>> highest;
  const Names pool{"a", "b", "c", "a/x", "b/x", "c/x", "a/x/y"};
  for (int i = 0; i < 1500; ++i) {
    const std::string& one = pool[random.below(pool.size())];
    const std::string& two = pool[random.below(pool.size())];
    switch (random.below(4)) {
      case 0:
      case 1: (void)create(world, one); break;
      case 2: (void)remove(world, one); break;
      default: (void)rename(world, one, two); break;
    }
    if (random.below(300) == 0) world.clock.advance_micros(1'000'000);
    if (random.below(100) == 0) world.crash();
    ASSERT_TRUE(world.open(inbox_id));
    const FoldersPtr folders = world.account().folders();
    for (const auto& entry : folders->entries()) {
      if (!entry.def->selectable) continue;
      auto& [known, id] = highest[entry.name];
      const uint32_t present = validity(world, entry.name);
      if (id == entry.def->id && present == known) continue;
      ASSERT_GT(present, known) << entry.name << " in round " << i;
      known = present;
      id = entry.def->id;
    }
  }
  expect_sound(world);
}

TEST(Delete, KeepsAHuskForThoseBelow) {
  World world;
  ASSERT_TRUE(create(world, "a/b"));
  ASSERT_TRUE(
      append_to(world, world.account().folders()->find("a")->id, new_messages(world, "m", 3)));
  const uint32_t before = validity(world, "a");
  const MailboxId child = world.account().folders()->find("a/b")->id;
  ASSERT_TRUE(remove(world, "a"));
  EXPECT_EQ(names(world), (Names{"INBOX", "(a)", "a/b"}));
  EXPECT_EQ(world.account().folders()->find("a/b")->id, child);
  EXPECT_EQ(world.account().head()->used.messages, 0U);
  expect_sound(world);
  EXPECT_EQ(code_of(remove(world, "a")), Code::has_children);
  ASSERT_TRUE(create(world, "a"));
  EXPECT_EQ(names(world), (Names{"INBOX", "a", "a/b"}));
  EXPECT_GT(validity(world, "a"), before);
  EXPECT_EQ(world.account().counters(world.account().folders()->find("a")->id)->exists, 0U);
  expect_sound(world);
  ASSERT_TRUE(remove(world, "a/b"));
  ASSERT_TRUE(remove(world, "a"));
  EXPECT_EQ(names(world), Names{"INBOX"});
}

TEST(Delete, RefusesInboxAndWhatIsNotThere) {
  World world;
  EXPECT_EQ(code_of(remove(world, "Inbox")), Code::cannot);
  EXPECT_EQ(code_of(remove(world, "none")), Code::not_found);
}

TEST(Delete, WakesWhoeverHasItSelected) {
  World world;
  const MailboxId id = *create(world, "a");
  ASSERT_TRUE(world.open(id));
  int wakes = 0;
  const auto subscription = world.account().subscribe(id, [&] { ++wakes; });
  ASSERT_TRUE(remove(world, "a"));
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(world.open(id).error().code, Code::not_found);
}

TEST(Rename, TakesThoseBelowAlongAndKeepsTheirIdentity) {
  World world;
  ASSERT_TRUE(create(world, "a/b/c"));
  const MailboxId a = world.account().folders()->find("a")->id;
  const MailboxId c = world.account().folders()->find("a/b/c")->id;
  const uint32_t c_validity = validity(world, "a/b/c");
  ASSERT_TRUE(rename(world, "a", "x/y"));
  EXPECT_EQ(names(world), (Names{"INBOX", "x", "x/y", "x/y/b", "x/y/b/c"}));
  EXPECT_EQ(world.account().folders()->find("x/y")->id, a);
  EXPECT_EQ(world.account().folders()->find("x/y/b/c")->id, c);
  EXPECT_EQ(validity(world, "x/y/b/c"), c_validity);
  expect_sound(world);
  world.crash();
  ASSERT_TRUE(world.open(c));
  EXPECT_EQ(world.account().folders()->name(c), "x/y/b/c");
}

TEST(Rename, RefusesWhatMayNotBe) {
  World world;
  ASSERT_TRUE(create(world, "a/b"));
  ASSERT_TRUE(create(world, "c"));
  EXPECT_EQ(code_of(rename(world, "a", "a/b/d")), Code::cannot);
  EXPECT_EQ(code_of(rename(world, "a", "a")), Code::already_exists);
  EXPECT_EQ(code_of(rename(world, "a", "c")), Code::already_exists);
  EXPECT_EQ(code_of(rename(world, "none", "d")), Code::not_found);
  EXPECT_EQ(code_of(rename(world, "INBOX", "d")), Code::cannot);
  EXPECT_EQ(code_of(rename(world, "c", "inbox")), Code::already_exists);
  EXPECT_EQ(code_of(rename(world, "a", "")), Code::cannot);
  // What is below would become longer than a name may be.
  EXPECT_EQ(code_of(rename(world, "a", std::string(limits::mailbox_name_bytes_max, 'n'))),
            Code::cannot);
  EXPECT_EQ(names(world), (Names{"INBOX", "a", "a/b", "c"}));
}

// RENAME INBOX as the server does it: a mailbox and a move in one commit.
TEST(Rename, OfInboxMovesItsMessagesInOneCommit) {
  World world;
  ASSERT_TRUE(append_to(world, inbox_id, new_messages(world, "m", 200, 0, {"word"})));
  const auto version = world.version();
  const auto r = world.run<CopyResult>([&](Tx& tx) -> Result<CopyResult> {
    const MailboxId to = TRY(create_mailbox(tx, {"old/inbox", 0}));
    return copy(tx, *world.engine, {inbox_id, to, uids(1, 200), true, {}});
  });
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(world.version(), version + 1);
  const MailboxId to = world.account().folders()->find("old/inbox")->id;
  EXPECT_EQ(world.account().counters(to)->exists, 200U);
  EXPECT_EQ(world.account().counters(inbox_id)->exists, 0U);
  EXPECT_EQ((*world.open(to))->tree.exists(), 200U);
  expect_sound(world);
}

TEST(Subscriptions, OutliveTheMailboxAndTakeLongNames) {
  World world;
  const auto set = [&](const std::string& name, bool on) {
    return world.run<bool>([=](Tx& tx) { return subscribe(tx, name, on); });
  };
  const std::string long_name(900, 'l');
  EXPECT_TRUE(*set("inbox", true));
  EXPECT_FALSE(*set("INBOX", true));
  EXPECT_TRUE(*set("not/there", true));
  EXPECT_TRUE(*set(long_name, true));
  EXPECT_TRUE(*set(long_name + "x", true));
  EXPECT_EQ(world.account().folders()->subscriptions(),
            (std::set<std::string>{"INBOX", "not/there", long_name, long_name + "x"}));
  EXPECT_TRUE(*set(long_name, false));
  EXPECT_TRUE(*set("Inbox", false));
  EXPECT_FALSE(*set("Inbox", false));
  EXPECT_EQ(world.account().folders()->subscriptions(),
            (std::set<std::string>{"not/there", long_name + "x"}));
  world.crash();
  ASSERT_TRUE(world.open(inbox_id));
  EXPECT_EQ(world.account().folders()->subscriptions(),
            (std::set<std::string>{"not/there", long_name + "x"}));
  EXPECT_FALSE(set("a//b", true));
}

TEST(SpecialUse, IsKept) {
  World world;
  ASSERT_TRUE(world.run<MailboxId>([](Tx& tx) { return create_mailbox(tx, {"Sent", use_sent}); }));
  EXPECT_EQ(world.account().folders()->find("Sent")->special_use, use_sent);
  ASSERT_TRUE(world.run<bool>([](Tx& tx) { return set_special_use(tx, "Sent", use_junk); }));
  world.crash();
  ASSERT_TRUE(world.open(inbox_id));
  EXPECT_EQ(world.account().folders()->find("Sent")->special_use, use_junk);
}

}  // namespace
}  // namespace eilpost::store
