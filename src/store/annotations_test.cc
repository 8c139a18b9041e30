// Annotations: limits, what follows a mailbox and what goes with it, and who hears of a change.
#include "store/annotations.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "store/audit_testing.h"
#include "store/check.h"
#include "store/mutations.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

void expect_sound(World& world) {
  const Audit audit(*world.memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
}

using Value = std::optional<std::string>;

Result<std::vector<std::string>> set(World& world, MailboxId mailbox, std::string name, Value value,
                                     size_t node = 0) {
  const SetAnnotations request{mailbox, {{std::move(name), std::move(value)}}};
  return world.run<std::vector<std::string>>([=](Tx& tx) { return set_annotations(tx, request); },
                                             node);
}

// "name=value name=value", ascending.
std::string all(World& world, MailboxId mailbox) {
  std::string out;
  const auto rows = read_annotations(*world.engine, test_partition, mailbox);
  if (!rows) return rows.error().detail;
  for (const auto& row : *rows) {
    out += (out.empty() ? "" : " ") + row.name + "=" + row.value;
  }
  return out;
}

TEST(Annotations, AreSetReplacedAndRemoved) {
  World world;
  EXPECT_EQ(set(world, inbox_id, "/shared/Comment", "one")->size(), 1U);
  EXPECT_EQ(set(world, inbox_id, "/private/comment", "")->size(), 1U);
  EXPECT_EQ(set(world, MailboxId(0), "/private/x", "account")->size(), 1U);
  EXPECT_EQ(all(world, inbox_id), "/shared/Comment=one /private/comment=");
  // Names compare without case.
  EXPECT_EQ(set(world, inbox_id, "/SHARED/comment", "two")->size(), 1U);
  EXPECT_EQ(all(world, inbox_id), "/SHARED/comment=two /private/comment=");
  const auto version = world.version();
  EXPECT_TRUE(set(world, inbox_id, "/shared/comment", "two")->empty());
  EXPECT_TRUE(set(world, inbox_id, "/shared/none", std::nullopt)->empty());
  EXPECT_EQ(world.version(), version) << "nothing changed, nothing is written";
  EXPECT_TRUE(set(world, inbox_id, "/shared/comment", std::nullopt));
  EXPECT_EQ(all(world, inbox_id), "/private/comment=");
  EXPECT_EQ(all(world, MailboxId(0)), "/private/x=account");
  expect_sound(world);
  world.crash();
  EXPECT_EQ(all(world, MailboxId(0)), "/private/x=account");
}

TEST(Annotations, AllOrNone) {
  World world;
  const SetAnnotations request{
      inbox_id,
      {{"/shared/a", "1"}, {"/shared/b", std::string(limits::annotation_bytes_max + 1, 'x')}}};
  const auto done =
      world.run<std::vector<std::string>>([&](Tx& tx) { return set_annotations(tx, request); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::too_big);
  EXPECT_EQ(all(world, inbox_id), "");
  EXPECT_EQ(set(world, MailboxId(77), "/shared/a", "1").error().code, Code::not_found);
}

TEST(Annotations, HaveLimits) {
  World world;
  const std::string long_name = "/shared/" + std::string(limits::annotation_name_bytes_max, 'n');
  EXPECT_EQ(set(world, inbox_id, long_name, "x").error().code, Code::limit);
  SetAnnotations many{inbox_id, {}};
  for (size_t i = 0; i < limits::annotations_per_mailbox_max; ++i) {
    many.changes.push_back({"/shared/n" + std::to_string(i), "x"});
  }
  ASSERT_TRUE(
      world.run<std::vector<std::string>>([&](Tx& tx) { return set_annotations(tx, many); }));
  EXPECT_EQ(set(world, inbox_id, "/shared/more", "x").error().code, Code::limit);
  EXPECT_TRUE(set(world, inbox_id, "/shared/n0", "another"));
  EXPECT_TRUE(set(world, inbox_id, "/shared/n1", std::nullopt));
  EXPECT_TRUE(set(world, inbox_id, "/shared/more", "x"));
  // All together.
  const std::string big(limits::annotation_bytes_max, 'b');
  const size_t fit = limits::annotations_bytes_max / (big.size() + 20);
  for (size_t i = 0; i + 1 < fit; ++i) {
    ASSERT_TRUE(set(world, MailboxId(0), "/private/b" + std::to_string(i), big)) << i;
  }
  Result<std::vector<std::string>> last;
  for (size_t i = 0; i < 4 && last; ++i) {
    last = set(world, MailboxId(0), "/private/c" + std::to_string(i), big);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::limit);
  EXPECT_TRUE(set(world, MailboxId(0), "/private/b0", "small")) << "what shrinks is never refused";
  expect_sound(world);
}

TEST(Annotations, FollowARenameAndNotAName) {
  World world;
  const auto box = create(world, "Box");
  ASSERT_TRUE(box);
  ASSERT_TRUE(set(world, *box, "/shared/comment", "old"));
  ASSERT_TRUE(world.run<MailboxId>([](Tx& tx) { return rename_mailbox(tx, "Box", "Other"); }));
  EXPECT_EQ(all(world, *box), "/shared/comment=old");
  ASSERT_TRUE(world.run<MailboxId>([](Tx& tx) { return delete_mailbox(tx, "Other"); }));
  const auto again = create(world, "Other");
  ASSERT_TRUE(again);
  EXPECT_EQ(all(world, *again), "");
  expect_sound(world);
  // What is deleted can come back with its annotations until it is purged.
  EXPECT_EQ(all(world, *box), "/shared/comment=old");
  world.clock.advance_micros(2'000'000);
  ASSERT_TRUE(purge_in(world, world.clock.now().seconds()));
  EXPECT_EQ(all(world, *box), "");
  expect_sound(world);
}

TEST(Annotations, AreCopied) {
  World world;
  ASSERT_TRUE(set(world, inbox_id, "/shared/comment", "mine"));
  const auto box = create(world, "Box");
  ASSERT_TRUE(world.run<bool>([&](Tx& tx) -> Result<bool> {
    TRY(copy_annotations(tx, inbox_id, *box));
    return true;
  }));
  EXPECT_EQ(all(world, inbox_id), "/shared/comment=mine");
  EXPECT_EQ(all(world, *box), "/shared/comment=mine");
  expect_sound(world);
}

TEST(Annotations, OtherNodesHearOfThem) {
  World world(2);
  ASSERT_TRUE(world.open(inbox_id, 0));
  ASSERT_TRUE(world.open(inbox_id, 1));
  const ModSeq before = world.account(1).annotations_modseq();
  int wakes = 0;
  const auto subscription = world.account(1).subscribe(MailboxId(0), [&] { ++wakes; });
  world.drain();
  wakes = 0;
  ASSERT_TRUE(set(world, inbox_id, "/shared/comment", "x"));
  world.pass_seconds(60);
  world.drain();
  EXPECT_GT(wakes, 0);
  EXPECT_GT(world.account(1).annotations_modseq(), before);
  const auto rows = world.account(1).read_log(before, 100);
  ASSERT_TRUE(rows);
  std::vector<std::string> names;
  for (const LogRow& row : *rows) {
    for (const LogChange& change : row.changes) {
      names.insert(names.end(), change.entries.begin(), change.entries.end());
    }
  }
  EXPECT_EQ(names, std::vector<std::string>{"/shared/comment"});
  // A change of messages is no change of annotations.
  const ModSeq after = world.account(1).annotations_modseq();
  ASSERT_TRUE(append_to(world, inbox_id, {new_message(world, "m")}));
  world.pass_seconds(60);
  world.drain();
  EXPECT_EQ(world.account(1).annotations_modseq(), after);
}

TEST(Annotations, ChangesAreToldWhateverLiesBetween) {
  World world;
  ASSERT_TRUE(set(world, inbox_id, "/shared/before", "x"));
  const ModSeq since = world.account().annotations_modseq();
  constexpr int many = 3000;
  for (int i = 0; i < many; ++i) {
    ASSERT_TRUE(set(world, MailboxId(0), "/private/often", std::to_string(i)));
  }
  ASSERT_TRUE(set(world, inbox_id, "/shared/last", "x"));
  const auto news = world.account().annotations_since(since, "somebody");
  ASSERT_TRUE(news);
  EXPECT_TRUE(news->complete);
  const std::map<MailboxId, std::set<std::string>> names{{MailboxId(0), {"/private/often"}},
                                                         {inbox_id, {"/shared/last"}}};
  EXPECT_EQ(news->names, names);
  // A log that was cut says so.
  const int64_t later = world.clock.now().micros + 1;
  while (*world.run<bool>([&](Tx& tx) { return trim_log(tx, later); })) {
  }
  const auto cut = world.account().annotations_since(since, "somebody");
  ASSERT_TRUE(cut);
  EXPECT_FALSE(cut->complete);
}

TEST(Annotations, AreCheckedAndRepaired) {
  World world;
  ASSERT_TRUE(set(world, inbox_id, "/shared/comment", "x"));
  ASSERT_TRUE(world.run<bool>([](Tx& tx) -> Result<bool> {
    tx.put(keys::annotation(MailboxId(99), annotation_shared, "/shared/lost"),
           encode(AnnotationRow{"/shared/lost", "x"}));
    tx.put(keys::annotation_use(), encode(AnnotationUse{7, 7}));
    return true;
  }));
  const auto checked = [&](bool repair) {
    return world.run<Findings>([=](Tx& tx) { return check_annotations(tx, StepOptions{repair}); })
        .value()
        .size();
  };
  EXPECT_EQ(checked(false), 2U);
  EXPECT_EQ(checked(true), 2U);
  EXPECT_EQ(checked(false), 0U);
  EXPECT_EQ(all(world, inbox_id), "/shared/comment=x");
  expect_sound(world);
}

TEST(Quota, LimitsMailboxes) {
  World world;
  const auto make = [&](std::string name) {
    return world.run<MailboxId>([=](Tx& tx) {
      return create_mailbox(tx, {name, 0, QuotaLimit{0, 0, 3}});
    });
  };
  EXPECT_EQ(make("a/b/c").error().code, Code::over_quota) << "its superiors count";
  ASSERT_TRUE(make("a/b"));
  EXPECT_EQ(make("d").error().code, Code::over_quota);
  const auto rename = [&](std::string to) {
    return world.run<MailboxId>([=](Tx& tx) {
      return rename_mailbox(tx, "a/b", to, QuotaLimit{0, 0, 3});
    });
  };
  EXPECT_EQ(rename("x/y").error().code, Code::over_quota);
  EXPECT_TRUE(rename("a/c")) << "a rename that makes nothing";
  expect_sound(world);
}

}  // namespace
}  // namespace eilpost::store
