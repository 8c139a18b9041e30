#include "client/migrate/migration.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "client/migrate/testing.h"

namespace eilpost::client {
namespace {

using test::contents;
using test::letter;
using test::message_of;
using test::MigrateWorld;

TEST(Migration, TheSecondRunCopiesNothing) {
  MigrateWorld world;
  for (int i = 0; i < 450; ++i)
    world.from.mailboxes["INBOX"].add(message_of(i, {"\\Seen", "work"}));
  world.from.mailboxes["Sent Items"].add(message_of(1000));
  const MailboxReport first = world.sum();
  EXPECT_EQ(first.copied, 451u);
  EXPECT_EQ(first.verify.compared, 451u);
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(world.from.mailboxes["INBOX"]));
  EXPECT_EQ(world.to.mailboxes["Sent"].messages.size(), 1u);
  EXPECT_EQ(world.to.mailboxes["Sent"].special_use, "\\Sent");
  const MigrateReport second = world.run();
  EXPECT_EQ(sum_of(second).copied, 0u);
  EXPECT_EQ(sum_of(second).before, 451u);
  EXPECT_TRUE(second.whole());
}

TEST(Migration, APlanChangesNothing) {
  MigrateWorld world;
  world.from.mailboxes["Notes of mine"].add(message_of(1));
  const MigrateReport plan = world.run(MigratePhase::plan);
  EXPECT_EQ(sum_of(plan).in_source, 1u);
  EXPECT_EQ(world.to.mailboxes.size(), 1u);
}

TEST(Migration, WhatWasThereBeforeIsFoundAndEqualMessagesStayTwo) {
  MigrateWorld world;
  for (int i = 0; i < 3; ++i) world.from.mailboxes["INBOX"].add(message_of(i, {"\\Seen"}));
  world.from.mailboxes["INBOX"].add(message_of(0, {"\\Seen"}));
  // Another tool has brought one of them, with another header on top.
  test::MemoryMessage rewritten;
  rewritten.octets = "X-Gateway: yes\r\n" + letter(0);
  world.to.mailboxes["INBOX"].add(std::move(rewritten));
  const MailboxReport report = world.sum();
  EXPECT_EQ(report.found, 1u);
  EXPECT_EQ(report.copied, 3u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 4u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.at(1).flags, imap::FlagList{"\\Seen"});
}

TEST(Migration, ChangedFlagsFollowAndTheOwnersStay) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  from.add(message_of(1, {"\\Seen"}));
  from.add(message_of(2));
  world.run();
  auto& to = world.to.mailboxes["INBOX"];
  to.messages.at(1).flags.push_back("mine");
  from.messages.at(1).flags = {"\\Flagged"};
  ++from.modseq;
  EXPECT_EQ(world.sum().flags, 1u);
  EXPECT_EQ(to.messages.at(1).flags, (imap::FlagList{"mine", "\\Flagged"}));
  EXPECT_EQ(to.messages.at(2).flags, imap::FlagList{});
}

TEST(Migration, TheTargetKeepsWhatIsGoneUnlessAsked) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 4; ++i) from.add(message_of(i));
  world.run();
  from.messages.erase(2);
  ++from.modseq;
  EXPECT_EQ(world.sum().gone, 1u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 4u);
  EXPECT_EQ(world.sum().gone, 1u);
  world.options.remove_gone = true;
  EXPECT_EQ(world.sum().removed, 1u);
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(from));
  // An empty source never means "delete all".
  from.messages.clear();
  ++from.modseq;
  const MailboxReport emptied = world.sum();
  EXPECT_EQ(emptied.removed, 0u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 3u);
}

TEST(Migration, AnotherUidValidityOfTheSourceDoublesNothing) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 5; ++i) from.add(message_of(i));
  world.run();
  test::MemoryMailbox anew;
  anew.validity = 2;
  for (int i = 5; i >= 0; --i) anew.add(message_of(i));
  from = anew;
  const MailboxReport report = world.sum();
  EXPECT_EQ(report.found, 5u);
  EXPECT_EQ(report.copied, 1u);
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(from));
  EXPECT_EQ(world.sum().before, 6u);
}

TEST(Migration, OtherNumbersOfTheSourceDoubleNothing) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 5; ++i) {
    from.add(message_of(i));
    from.messages.at(static_cast<uint64_t>(i) + 1).email_id = std::to_string(i);
  }
  world.run();
  // Moved away and back, and an UIDVALIDITY that is not told any more.
  const std::map<uint64_t, test::MemoryMessage> before = from.messages;
  for (const uint32_t validity : {1, 7}) {
    from.messages.clear();
    from.validity = validity;
    for (const auto& [id, message] : before) from.add(message);
    EXPECT_EQ(world.sum().found, 5u) << validity;
    EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(from));
  }
}

TEST(Migration, WrongNumbersOfTheTargetAreFoundOut) {
  MigrateWorld world;
  for (int i = 0; i < 4; ++i) world.from.mailboxes["INBOX"].add(message_of(i));
  world.run();
  auto& to = world.to.mailboxes["INBOX"];
  const std::map<uint64_t, test::MemoryMessage> before = to.messages;
  to.messages.clear();
  for (const auto& [number, message] : before) to.add(message);
  to.messages.erase(to.messages.begin());  // by its owner: it is not copied again
  const MailboxReport report = world.sum();
  EXPECT_EQ(report.copied, 0u);
  EXPECT_EQ(report.verify.compared, 3u);
  EXPECT_EQ(report.verify.missing, 1u);
  EXPECT_EQ(to.messages.size(), 3u);
}

TEST(Migration, AReplacedTargetIsLookedThrough) {
  MigrateWorld world;
  for (int i = 0; i < 5; ++i) world.from.mailboxes["INBOX"].add(message_of(i));
  world.run();
  auto& to = world.to.mailboxes["INBOX"];
  to.validity = 9;
  to.messages.erase(3);
  const MigrateReport touched = [&] {
    world.from.mailboxes["INBOX"].add(message_of(5));
    return world.run();
  }();
  EXPECT_EQ(sum_of(touched).found, 4u);
  EXPECT_EQ(sum_of(touched).copied, 2u);
  EXPECT_EQ(contents(to), contents(world.from.mailboxes["INBOX"]));
}

TEST(Migration, LiesAreReportedAndNothingIsDropped) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 4; ++i) from.add(message_of(i));
  from.messages.at(1).lie = "empty";
  from.messages.at(2).lie = "short";
  test::MemoryMessage notice;
  notice.octets =
      "From: \"Microsoft Exchange Server 2010\"\r\nSubject: Retrieval using the IMAP4 protocol "
      "failed for the following message: 7\r\n\r\nThe server couldn't retrieve it.\r\n";
  from.add(notice);
  world.to.refused[letter(3)] = "NO [CANNOT] not here";
  const MigrateReport report = world.run();
  const MailboxReport sum = sum_of(report);
  EXPECT_EQ(sum.copied, 2u);
  EXPECT_EQ(sum.failed, 3u);
  EXPECT_EQ(sum.placeholders, 1u);
  EXPECT_EQ(sum.sizes_differ, 1u);
  EXPECT_FALSE(report.whole());
  EXPECT_NE(print_json(report).find("NO [CANNOT] not here"), std::string::npos);
  from.messages.at(1).lie = "";
  world.to.refused.clear();
  world.options.copy_placeholders = true;
  EXPECT_EQ(world.sum().copied, 3u);
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(from));
}

TEST(Migration, WhatIsStoredAndRefusedIsFoundAndNotSentAgain) {
  MigrateWorld world;
  world.to.mailboxes["INBOX"].add(message_of(9));
  for (int i = 0; i < 4; ++i) world.from.mailboxes["INBOX"].add(message_of(i));
  world.from.mailboxes["INBOX"].add(message_of(0));
  world.to.refuses_what_it_stores = true;
  world.to.refused[letter(3)] = "NO not here";
  const MailboxReport first = world.sum();
  EXPECT_EQ(first.copied, 4u);
  EXPECT_EQ(first.failed, 1u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 5u);
  world.to.refused.clear();
  EXPECT_EQ(world.sum().copied, 1u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 6u);
}

// A target that lists no keywords, and one that lists them and refuses some.
TEST(Migration, KeywordsThatTheTargetRefusesAreToldAndFollowWhenItTakesThem) {
  for (const bool listed : {false, true}) {
    MigrateWorld world;
    auto& from = world.from.mailboxes["INBOX"];
    from.add(message_of(1));
    from.add(message_of(2, {"\\Seen", "good"}));
    world.run();
    world.to.lists_keywords = listed;
    world.to.refused_flags = {"later", "new"};
    if (!listed) world.to.refused_flags.insert("good");
    from.messages.at(1).flags = {"\\Flagged", "later"};
    from.add(message_of(3, {"\\Seen", "new"}));
    from.add(message_of(4));
    for (const uint64_t copied : {2U, 0U}) {
      const MigrateReport report = world.run();
      EXPECT_EQ(sum_of(report).copied, copied) << listed;
      EXPECT_EQ(report.mailboxes.front().flags_lost, (std::set<std::string>{"later", "new"}));
      EXPECT_TRUE(report.whole()) << print_text(report);
    }
    auto& to = world.to.mailboxes["INBOX"];
    EXPECT_EQ(to.messages.at(1).flags, imap::FlagList{"\\Flagged"});
    EXPECT_EQ(to.messages.at(2).flags, (imap::FlagList{"\\Seen", "good"}));
    EXPECT_EQ(contents(to).at(2), "\\Seen\n" + letter(3));
    world.to.lists_keywords = true;
    world.to.refused_flags.clear();
    EXPECT_EQ(world.sum().flags, 2u);
    EXPECT_EQ(contents(to), contents(from));
    EXPECT_TRUE(world.run().mailboxes.front().unchanged);
  }
}

TEST(Migration, WhatTheTargetTookAndDidNotKeepIsSentAgain) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  auto& to = world.to.mailboxes["INBOX"];
  for (int i = 0; i < 4; ++i) from.add(message_of(i, {"\\Seen", "\\Flagged"}));
  world.to.loses = letter(2);
  world.to.forgets = "\\Flagged";
  const MigrateReport first = world.run();
  EXPECT_EQ(sum_of(first).verify.missing, 1u);
  EXPECT_EQ(sum_of(first).verify.flags_differ, 3u);
  EXPECT_FALSE(first.whole());
  world.to.loses = world.to.forgets = "";
  const MigrateReport second = world.run();
  EXPECT_EQ(sum_of(second).copied, 1u);
  EXPECT_EQ(contents(to), contents(from));
  EXPECT_TRUE(second.whole()) << print_text(second);
  // What its owner removes and changes afterwards is left.
  to.messages.erase(to.messages.begin());
  to.messages.begin()->second.flags = {"\\Seen"};
  EXPECT_EQ(world.sum().copied, 0u);
  EXPECT_EQ(world.sum().flags, 0u);
}

TEST(Migration, RightsAndMetadataAreCarriedAndWhatIsRefusedIsTold) {
  MigrateWorld world;
  world.from.mailboxes["INBOX"].add(message_of(1));
  world.from.own_name = "anna";
  world.to.own_name = "anna@example.org";
  world.from.acl = {{"anna", "lrswipkxtea"}, {"bob", "lrs"},    {"group:all", "lr"},
                    {"owner", "lrs"},        {"#ruler", "lrs"}, {"anna@example.org", "l"}};
  world.from.metadata = {{"/private/comment", "mine"},
                         {"/shared/comment", "ours"},
                         {"/shared/vendor/kolab/color", "red"},
                         {"/shared/vendor/cmu/cyrus-imapd/size", "7"}};
  world.to.refused_extras = {"group:all", "/shared/vendor/kolab/color"};
  const MigrateReport report = world.run();
  EXPECT_TRUE(report.whole());
  EXPECT_EQ(report.mailboxes.front().notes,
            (std::vector<std::string>{"ACL group:all lr: NO not here",
                                      "METADATA /shared/vendor/kolab/color: NO not here"}));
  using Names = std::map<std::string, std::string>;
  EXPECT_EQ(world.to.acl, (Names{{"bob", "lrs"}}));
  EXPECT_EQ(world.to.metadata, (Names{{"/private/comment", "mine"}, {"/shared/comment", "ours"}}));
}

TEST(Migration, WhatASlowTargetStoresTwiceIsRemovedAndNothingElse) {
  MigrateWorld world;
  world.options.connections = 1;
  auto& from = world.from.mailboxes["INBOX"];
  auto& to = world.to.mailboxes["INBOX"];
  to.add(message_of(0, {"\\Seen"}));  // the same, but from before
  world.run();
  for (int i = 0; i < 4; ++i) from.add(message_of(i, {"\\Seen"}));
  world.to.breaks_in = 3;  // at APPEND
  world.to.lost = 4;
  world.to.stays_down = true;
  world.run();
  ASSERT_EQ(to.messages.size(), 1u);
  world.to.down = false;
  EXPECT_EQ(world.sum().copied, 4u);
  const std::vector<std::string> right = contents(to);
  // The target stores two of them late. Its owner has another of the third, as it seems.
  to.add(message_of(1, {"\\Seen"}));
  to.add(message_of(2, {"\\Seen"}));
  to.add(message_of(3, {"\\Flagged"}));
  to.add(message_of(9));
  const MigrateReport report = world.run();
  EXPECT_EQ(sum_of(report).doubles, 2u);
  EXPECT_EQ(report.mailboxes.front().notes.size(), 1u);
  EXPECT_EQ(to.messages.size(), 7u);
  std::vector<std::string> expected = right;
  expected.push_back("\\Flagged\n" + letter(3));
  expected.push_back("\n" + letter(9));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(contents(to), expected);
  // What comes yet again is somebody else's.
  to.add(message_of(1, {"\\Seen"}));
  EXPECT_EQ(world.sum().doubles, 0u);
  EXPECT_EQ(to.messages.size(), 8u);
}

TEST(Migration, AMessageThatEndsEachConnectionIsGivenUpAndTheRestCopied) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 6; ++i) from.add(message_of(i));
  from.messages.at(4).lie = "deadly";
  const MigrateReport report = world.run();
  EXPECT_EQ(sum_of(report).copied, 5u);
  EXPECT_EQ(sum_of(report).failed, 1u);
  EXPECT_EQ(report.mailboxes.front().failures.front().first, 4u);
}

TEST(Migration, AServerThatGivesNoMessageIsNotAskedForEach) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 50; ++i) {
    test::MemoryMessage message = message_of(i);
    message.lie = "deadly";
    from.add(std::move(message));
  }
  const MigrateReport report = world.run();
  EXPECT_LT(sum_of(report).failed, 6u);
  EXPECT_NE(report.mailboxes.front().error, "");
  for (auto& [id, message] : from.messages) message.lie.clear();
  EXPECT_EQ(world.sum().copied, 50u);
}

TEST(Migration, LabelsAreCopiesWithinTheTarget) {
  MigrateWorld world;
  world.from.gmail = true;
  world.from.mailboxes["[Gmail]/All Mail"].special_use = "\\All";
  for (int i = 0; i < 3; ++i) {
    test::MemoryMessage message = message_of(i, {"\\Seen"});
    message.email_id = std::to_string(100 + i);
    world.from.mailboxes["[Gmail]/All Mail"].add(message);
    if (i < 2) world.from.mailboxes["INBOX"].add(message);
    if (i == 1) world.from.mailboxes["Work"].add(message);
  }
  world.options.connections = 1;
  const MailboxReport report = world.sum();
  EXPECT_EQ(report.copied, 3u);
  EXPECT_EQ(report.linked, 1u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 2u);
  EXPECT_EQ(contents(world.to.mailboxes["Work"]), contents(world.from.mailboxes["Work"]));
  EXPECT_EQ(world.to.mailboxes["Archive"].messages.size(), 1u);
  EXPECT_EQ(world.sum().copied, 0u);
}

// In the target a message has its place where the source shows it, and none for All Mail.
TEST(Migration, WhatAllMailStillShowsKeepsItsLastPlace) {
  MigrateWorld world;
  world.from.gmail = true;
  auto& all = world.from.mailboxes["[Gmail]/All Mail"];
  auto& inbox = world.from.mailboxes["INBOX"];
  auto& work = world.from.mailboxes["Work"];
  all.special_use = "\\All";
  for (int i = 0; i < 3; ++i) {
    test::MemoryMessage message = message_of(i);
    message.email_id = std::to_string(100 + i);
    all.add(message);
    inbox.add(message);
    if (i == 1) work.add(message);
  }
  world.options.remove_gone = true;
  world.run();
  auto& there = world.to.mailboxes["INBOX"];
  ASSERT_EQ(there.messages.size(), 3u);
  // Archived: of these the second has another place.
  inbox.messages.erase(1);
  inbox.messages.erase(2);
  ++inbox.modseq;
  EXPECT_EQ(world.sum().removed, 1u);
  EXPECT_EQ(there.messages.size(), 2u);
  EXPECT_EQ(world.to.mailboxes["Work"].messages.size(), 1u);
  EXPECT_EQ(world.sum().removed, 0u);
  // Deleted for good, which All Mail may be asked of after INBOX.
  all.messages.erase(1);
  ++all.modseq;
  world.run();
  world.run();
  EXPECT_EQ(contents(there), contents(inbox));
}

TEST(Migration, WhatTheSourceHidesHasNotGone) {
  MigrateWorld world;
  auto& from = world.from.mailboxes["INBOX"];
  for (int i = 0; i < 4; ++i) from.add(message_of(i));
  world.options.remove_gone = true;
  world.run();
  from.messages.at(2).lie = "hidden";
  from.add(message_of(9));
  ++from.modseq;
  EXPECT_EQ(world.sum().removed, 0u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.size(), 5u);
  from.messages.at(2).lie.clear();
  EXPECT_EQ(world.sum().copied, 0u);
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(from));
}

TEST(Migration, LabelsAsKeywords) {
  MigrateWorld world;
  world.from.gmail = true;
  world.options.labels = MigrateOptions::Labels::keywords;
  world.from.mailboxes["[Gmail]/All Mail"].special_use = "\\All";
  for (int i = 0; i < 3; ++i) {
    test::MemoryMessage message = message_of(i);
    message.email_id = std::to_string(100 + i);
    world.from.mailboxes["[Gmail]/All Mail"].add(message);
    if (i < 2) world.from.mailboxes["INBOX"].add(message);
    if (i > 0) world.from.mailboxes["To do"].add(message);
  }
  const MailboxReport report = world.sum();
  EXPECT_EQ(report.copied, 3u);
  EXPECT_EQ(report.labelled, 1u);
  EXPECT_EQ(world.to.mailboxes["INBOX"].messages.at(2).flags, imap::FlagList{"To_do"});
  EXPECT_EQ(world.to.mailboxes["Archive"].messages.at(1).flags, imap::FlagList{"To_do"});
  EXPECT_EQ(world.to.mailboxes.size(), 2u);
}

TEST(Migration, TheDaysOctetsAreKeptTo) {
  MigrateWorld world;
  for (int i = 0; i < 900; ++i) world.from.mailboxes["INBOX"].add(message_of(i));
  world.options.octets_per_day = 20'000;
  const MigrateReport first = world.run();
  EXPECT_TRUE(first.budget);
  EXPECT_GT(sum_of(first).copied, 0u);
  EXPECT_LT(sum_of(first).copied, 900u);
  EXPECT_EQ(sum_of(world.run()).copied, 0u);
  world.options.octets_per_day = 0;
  world.run();
  EXPECT_EQ(contents(world.to.mailboxes["INBOX"]), contents(world.from.mailboxes["INBOX"]));
}

// Connections that break, and runs that end, at every operation: what is there in the end is what
// was there, each message once.
TEST(Migration, BrokenAnywhereItEndsWhole) {
  Random random(17);
  for (int seed = 1; seed <= 25; ++seed) {
    MigrateWorld world;
    world.options.connections = 1 + static_cast<int>(random.below(3));
    world.to.tells_numbers = random.below(4) != 0;
    for (const char* name : {"INBOX", "Work"}) {
      const auto count = static_cast<int>(random.below(8) + 1);
      for (int i = 0; i < count; ++i) {
        world.from.mailboxes[name].add(message_of(i, {"\\Seen"}));
        // Equal ones as well, where numbers tell them apart.
        if (world.to.tells_numbers && i == 2) world.from.mailboxes[name].add(message_of(i));
      }
    }
    for (int run = 0; run < 4; ++run) {
      test::MemoryAccount& side = random.below(2) == 0 ? world.from : world.to;
      side.breaks_in = static_cast<int>(random.below(16) + 1);
      side.lost = random.below(4);
      side.stays_down = random.below(2) == 0;
      world.run();
      world.from.down = world.to.down = false;
    }
    world.from.breaks_in = world.to.breaks_in = 0;
    world.from.down = world.to.down = false;
    const MigrateReport report = world.run();
    for (const char* name : {"INBOX", "Work"}) {
      ASSERT_EQ(world.to.mailboxes[name].messages.size(),
                world.from.mailboxes[name].messages.size())
          << seed << " " << name << "\n"
          << print_text(report);
    }
    EXPECT_EQ(sum_of(world.run()).copied, 0u) << seed;
  }
}

}  // namespace
}  // namespace eilpost::client
