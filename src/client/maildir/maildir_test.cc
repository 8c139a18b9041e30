#include "client/maildir/maildir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "client/maildir/delivery.h"
#include "client/maildir/notices.h"

namespace eilpost::client {
namespace {

namespace fs = std::filesystem;

class MaildirTest : public ::testing::Test {
 protected:
  MaildirTest() {
    std::string pattern = fs::temp_directory_path() / "eilpost-maildir-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  ~MaildirTest() override { fs::remove_all(root_); }

  MaildirMailbox make(const std::string& name = "INBOX",
                      MaildirLayout layout = MaildirLayout::plus) {
    auto tree = MaildirTree::make(root_, layout);
    CHECK(tree.has_value());
    auto mailbox = tree->create(name);
    CHECK(mailbox.has_value());
    return std::move(*mailbox);
  }
  static void write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  static std::string deliver(MaildirMailbox& mailbox, std::string text, MaildirFlags flags = 0,
                             int64_t date = 1000000000) {
    MaildirDelivery delivery(mailbox, {});
    auto name = delivery.add(*Octets::of(std::move(text)), flags, date);
    CHECK(name.has_value());
    CHECK(delivery.commit().has_value());
    return *name;
  }

  std::string root_;
};

// --- names ---

TEST(MaildirNames, FlagsAreLettersInTheirOrder) {
  const KeywordTable none;
  EXPECT_EQ(message_letters(maildir_seen | maildir_draft | maildir_answered, none), "DRS");
  const MessageName name = parse_message_name("170.M1.host:2,FSTx", none);
  EXPECT_EQ(name.unique, "170.M1.host");
  EXPECT_EQ(name.flags, maildir_flagged | maildir_seen | maildir_deleted);
  EXPECT_EQ(parse_message_name("170.M1.host,S=12", none).unique, "170.M1.host,S=12");
}

TEST(MaildirNames, KeywordsHaveLettersOfTheirOwn) {
  KeywordTable table = KeywordTable::parse("0 $Label1\n3 Work\nx y\n99 Far\n4 two words\n");
  EXPECT_EQ(table.print(), "0 $Label1\n3 Work\n");
  EXPECT_EQ(table.add("work"), 3);
  EXPECT_EQ(table.add("Home"), 1);
  const MaildirFlags bits = table.bits_of({"\\Seen", "WORK", "$Forwarded", "other"});
  EXPECT_EQ(message_letters(bits, table), "PSd");
  EXPECT_EQ(table.flags_of(bits), (imap::FlagList{"$Forwarded", "\\Seen", "Work"}));
}

TEST(MaildirNames, ForwardedIsReadFromDovecotsLetterAsWell) {
  const KeywordTable table = KeywordTable::parse("2 $Forwarded\n");
  EXPECT_EQ(parse_message_name("a:2,Sc", table).flags, maildir_seen | maildir_forwarded);
  EXPECT_EQ(message_letters(maildir_forwarded, table), "Pc");
}

TEST(MaildirNames, LettersOfAnotherTableAreTranslated) {
  const KeywordTable from = KeywordTable::parse("0 A\n1 B\n");
  const KeywordTable to = KeywordTable::parse("0 B\n");
  EXPECT_EQ(to.translate(maildir_seen | maildir_keyword(0) | maildir_keyword(1), from),
            maildir_seen | maildir_keyword(0));
}

TEST(MaildirNames, TheTwentySeventhKeywordHasNoLetter) {
  KeywordTable table;
  for (int i = 0; i < 26; ++i) EXPECT_TRUE(table.add("k" + std::to_string(i)));
  EXPECT_FALSE(table.add("one-more"));
}

TEST(MaildirNames, MailboxesAreDirectoriesAndBack) {
  for (const auto layout : {MaildirLayout::plus, MaildirLayout::nested}) {
    for (const std::string name : {"Lists/dev", "C++", "a.b/c", "Entwürfe", "new", "x/cur", ".hid",
                                   "back\\2eslash", "&", "日本"}) {
      const std::string directory = mailbox_directory(name, layout);
      EXPECT_EQ(mailbox_of_directory(directory, layout), name) << directory;
    }
  }
  EXPECT_EQ(mailbox_directory("a.b/c", MaildirLayout::plus), ".a\\2eb.c");
  EXPECT_EQ(mailbox_directory("Entwürfe", MaildirLayout::nested), "Entw&APw-rfe");
  EXPECT_EQ(mailbox_of_directory("plain", MaildirLayout::plus), std::nullopt);
  EXPECT_EQ(mailbox_of_directory(".a..b", MaildirLayout::plus), std::nullopt);
}

// --- messages ---

TEST_F(MaildirTest, WhatIsDeliveredIsReadAgainOctetByOctet) {
  MaildirMailbox mailbox = make();
  for (const std::string text :
       {"Subject: a\r\n\r\nbody\r\n", "no line end", "", "bare\nlines\n", "A: b\r\nmixed\n\r\n",
        "A: b\r\n\r\ntwo\r\r\n", "A: b\r\n\r\nends in CR\r", "\r\n\r\n"}) {
    const std::string name = deliver(mailbox, text);
    const auto entry = mailbox.find(name, 0);
    ASSERT_TRUE(entry);
    const auto octets = mailbox.read(*entry);
    ASSERT_TRUE(octets);
    const bool bare = text == "bare\nlines\n";
    EXPECT_EQ(*(*octets)->all(), bare ? "bare\r\nlines\r\n" : text);
  }
}

TEST_F(MaildirTest, LinesEndAsLocalProgramsExpect) {
  MaildirMailbox mailbox = make();
  const std::string name = deliver(mailbox, "Subject: a\r\n\r\nbody\r\n");
  EXPECT_EQ(content(root_ + "/new/" + name), "Subject: a\n\nbody\n");
}

TEST_F(MaildirTest, ALargeMessagePassesInPieces) {
  MaildirMailbox mailbox = make();
  std::string text;
  while (text.size() < 3 * 1024 * 1024) text += "a line of some length\r\n";
  const std::string name = deliver(mailbox, text, maildir_seen);
  const auto octets = mailbox.read(*mailbox.find(name, maildir_seen));
  ASSERT_TRUE(octets);
  EXPECT_TRUE(*(*octets)->all() == text);
}

TEST_F(MaildirTest, FlagsAndDatesAreThere) {
  MaildirMailbox mailbox = make();
  const auto bits = mailbox.bits_for({"\\Seen", "Work"});
  ASSERT_TRUE(bits);
  const std::string name = deliver(mailbox, "x\r\n", *bits, 1234567890);
  EXPECT_TRUE(fs::exists(root_ + "/cur/" + name + ":2,Sa"));
  EXPECT_EQ(content(root_ + "/dovecot-keywords"), "0 Work\n");
  const auto entries = mailbox.entries();
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().flags, *bits);
  EXPECT_EQ(*mailbox.date(entries->front()), 1234567890);
}

TEST_F(MaildirTest, WhatWasNotCommittedIsTakenAway) {
  MaildirMailbox mailbox = make();
  {
    MaildirDelivery delivery(mailbox, {});
    ASSERT_TRUE(delivery.add(*Octets::of("x"), 0, 1));
    EXPECT_FALSE(fs::is_empty(root_ + "/tmp"));
  }
  EXPECT_TRUE(fs::is_empty(root_ + "/tmp"));
  EXPECT_TRUE(mailbox.entries()->empty());
}

TEST_F(MaildirTest, ABatchIsThereAsAWholeOrNotAtAll) {
  MaildirMailbox mailbox = make();
  {
    MaildirDelivery delivery(mailbox, {});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(delivery.add(*Octets::of("x"), 0, 1));
    ASSERT_TRUE(delivery.commit());
  }
  EXPECT_EQ(mailbox.entries()->size(), 100U);
  MaildirDelivery delivery(mailbox, {});
  std::string name;
  for (int i = 0; i < 100; ++i) name = *delivery.add(*Octets::of("x"), 0, 1);
  // One of them cannot be made durable: so none is shown.
  fs::remove(root_ + "/tmp/" + name);
  EXPECT_FALSE(delivery.commit());
  EXPECT_EQ(mailbox.entries()->size(), 100U);
  // The disk tells of a failure once: they are not believed in a second time.
  EXPECT_TRUE(delivery.commit());
  EXPECT_EQ(mailbox.entries()->size(), 100U);
  EXPECT_TRUE(fs::is_empty(root_ + "/tmp"));
}

TEST_F(MaildirTest, FlagsAreRenamesAndNothingIsOverwritten) {
  MaildirMailbox mailbox = make();
  const std::string name = deliver(mailbox, "x");
  const auto entry = mailbox.find(name, 0);
  const auto flagged = mailbox.set_flags(*entry, maildir_flagged);
  ASSERT_TRUE(flagged);
  EXPECT_EQ(flagged->file, "cur/" + name + ":2,F");
  // Somebody has another message there by that name.
  write(root_ + "/cur/" + name + ":2,S", "other");
  EXPECT_EQ(mailbox.set_flags(*flagged, maildir_seen).error().code, Code::already_exists);
  EXPECT_EQ(content(root_ + "/cur/" + name + ":2,S"), "other");
  // It is not where it was.
  EXPECT_EQ(mailbox.set_flags(*entry, maildir_draft).error().code, Code::not_found);
  EXPECT_EQ(mailbox.remove(*entry).error().code, Code::not_found);
}

TEST_F(MaildirTest, AMessageIsFoundWhateverItsLetters) {
  MaildirMailbox mailbox = make();
  write(root_ + "/cur/one:2,SF", "x");  // in no order
  const auto found = mailbox.find("one", 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file, "cur/one:2,SF");
  EXPECT_EQ(mailbox.find("two", 0).error().code, Code::not_found);
}

TEST_F(MaildirTest, AMoveTakesKeywordsToTheLettersThere) {
  MaildirMailbox from = make();
  MaildirMailbox to = make("Archive");
  ASSERT_TRUE(to.bits_for({"Other"}));
  const std::string name = deliver(from, "x", *from.bits_for({"Work", "\\Seen"}));
  const auto moved = from.move(*from.find(name, maildir_seen | maildir_keyword(0)), to);
  ASSERT_TRUE(moved);
  EXPECT_TRUE(fs::exists(root_ + "/.Archive/cur/" + name + ":2,Sb"));
  EXPECT_TRUE(from.entries()->empty());
}

TEST_F(MaildirTest, AScanSeesEachMessageOnce) {
  MaildirMailbox mailbox = make();
  write(root_ + "/new/a", "x");
  write(root_ + "/cur/a:2,S", "x");
  write(root_ + "/cur/b:2,", "x");
  write(root_ + "/cur/.hidden", "x");
  fs::create_directory(root_ + "/cur/directory");
  const auto entries = mailbox.entries();
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].flags, maildir_seen);
}

TEST_F(MaildirTest, AScanThatIsDisturbedSaysSo) {
  MaildirMailbox mailbox = make();
  write(root_ + "/cur/a:2,", "x");
  int seen = 0;
  int restarts = 0;
  MaildirVisitor visitor;
  visitor.restart = [&] { ++restarts; };
  visitor.entry = [&](std::string_view, std::string_view, MaildirFlags) -> Result<> {
    // Another program writes while we look, every time.
    write(root_ + "/new/n" + std::to_string(++seen), "x");
    return {};
  };
  const auto whole = mailbox.scan(visitor);
  ASSERT_TRUE(whole);
  EXPECT_FALSE(*whole);
  EXPECT_GT(restarts, 0);
}

TEST_F(MaildirTest, TimesTellOfChanges) {
  MaildirMailbox mailbox = make();
  const auto before = mailbox.times();
  EXPECT_EQ(*before, *mailbox.times());
  EXPECT_FALSE(settled({5, 5}, 5));
  EXPECT_TRUE(settled({1'000'000'007, 1'000'000'007}, 1'100'000'000));
  // A file system without parts of a second.
  EXPECT_FALSE(settled({1'000'000'000, 1'000'000'000}, 2'000'000'000));
}

// --- the tree ---

TEST_F(MaildirTest, MailboxesOfBothLayoutsAreListed) {
  auto plus = MaildirTree::make(root_ + "/plus", MaildirLayout::plus);
  auto nested = MaildirTree::make(root_ + "/nested", MaildirLayout::nested);
  for (auto* tree : {&*plus, &*nested}) {
    for (const char* name : {"INBOX", "Lists/dev", "a.b"}) ASSERT_TRUE(tree->create(name));
    EXPECT_EQ(*tree->mailboxes(), (std::vector<std::string>{"INBOX", "Lists/dev", "a.b"}));
    EXPECT_TRUE(tree->mailbox("a.b"));
    EXPECT_EQ(tree->mailbox("none").error().code, Code::not_found);
  }
  EXPECT_TRUE(fs::exists(root_ + "/plus/.Lists.dev/maildirfolder"));
  EXPECT_TRUE(fs::exists(root_ + "/plus/cur"));
  EXPECT_TRUE(fs::exists(root_ + "/nested/INBOX/cur"));
  EXPECT_TRUE(fs::exists(root_ + "/nested/Lists/dev/cur"));
}

TEST_F(MaildirTest, TheOtherLayoutIsNotTakenForAnEmptyOne) {
  make("Lists", MaildirLayout::nested);
  EXPECT_EQ(MaildirTree::open(root_, MaildirLayout::plus).error().code, Code::invalid);
  EXPECT_TRUE(MaildirTree::open(root_, MaildirLayout::nested));
  EXPECT_EQ(MaildirTree::open(root_ + "/none", MaildirLayout::plus).error().code, Code::not_found);
}

TEST_F(MaildirTest, ALinkThatLeadsBackEnds) {
  make("Lists", MaildirLayout::nested);
  fs::create_directory_symlink(root_, root_ + "/Lists/again");
  const auto tree = MaildirTree::open(root_, MaildirLayout::nested);
  EXPECT_EQ(*tree->mailboxes(), std::vector<std::string>{"Lists"});
}

TEST_F(MaildirTest, SubscriptionsAreReadInBothFormsAndWritten) {
  make();
  const auto tree = MaildirTree::open(root_, MaildirLayout::plus);
  EXPECT_TRUE(tree->subscriptions()->empty());
  write(root_ + "/subscriptions", "INBOX\nLists.dev\nEntw&APw-rfe\n");
  const std::vector<std::string> names{"INBOX", "Lists/dev", "Entwürfe"};
  EXPECT_EQ(*tree->subscriptions(), names);
  ASSERT_TRUE(tree->subscribe(names));
  EXPECT_EQ(content(root_ + "/subscriptions"), "V\t2\n\nINBOX\nLists\tdev\nEntw&APw-rfe\n");
  EXPECT_EQ(*tree->subscriptions(), names);
}

TEST_F(MaildirTest, OldFilesInTmpGo) {
  MaildirMailbox mailbox = make();
  write(root_ + "/tmp/old", "x");
  write(root_ + "/tmp/young", "x");
  struct stat info {};
  ASSERT_EQ(::stat((root_ + "/tmp/young").c_str(), &info), 0);
  const timespec times[] = {{0, 0}, {info.st_mtime - 40 * 3600, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root_ + "/tmp/old").c_str(), times, 0), 0);
  mailbox.clean_tmp(info.st_mtime);
  EXPECT_FALSE(fs::exists(root_ + "/tmp/old"));
  EXPECT_TRUE(fs::exists(root_ + "/tmp/young"));
}

TEST_F(MaildirTest, WhatHappensIsHeard) {
  MaildirMailbox inbox = make();
  make("Lists");
  const auto tree = MaildirTree::open(root_, MaildirLayout::plus);
  std::promise<void> woken;
  std::atomic<bool> once{false};
  auto notices = MaildirNotices::start(*tree, [&] {
    if (!once.exchange(true)) woken.set_value();
  });
  ASSERT_TRUE(notices);
  EXPECT_TRUE((*notices)->take().empty());
  write(root_ + "/.Lists/new/x", "x");
  woken.get_future().wait();
  const MaildirNotices::News news = (*notices)->take();
  EXPECT_EQ(news.mailboxes, std::set<std::string>{"Lists"});
  EXPECT_FALSE(news.everything);
}

}  // namespace
}  // namespace eilpost::client
