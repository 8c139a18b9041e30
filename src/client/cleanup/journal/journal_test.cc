#include "client/cleanup/journal/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace eilpost::client {
namespace {

Change move_change() {
  Change out;
  out.number = 3;
  out.run = "r1";
  out.at = 1'700'000'000;
  out.account = "anna at imap.example.org";
  out.rule = "old";
  out.kind = ChangeKind::move;
  out.mailbox = "Läden";
  out.uid_validity = 4'000'000'000;
  out.uids.add(Uid(1), Uid(3));
  out.uids.add(Uid(4'294'967'295));
  out.octets = 123'456'789'012;
  out.target = "Trash \"x\"";
  out.target_validity = 5;
  out.target_uid_next = 9;
  out.identities = {{1, 700, "0011223344556677"}, {2, 1, ""}};
  return out;
}

TEST(CleanupRecord, WhatIsPrintedIsRead) {
  Change mark = move_change();
  mark.kind = ChangeKind::mark;
  mark.undoes = 2;
  mark.partial = true;
  mark.target.clear();
  mark.target_validity = 0;
  mark.target_uid_next = 0;
  mark.identities.clear();
  Outcome done;
  done.number = 3;
  done.done = true;
  done.moved = {{1, 9}, {2, 10}};
  done.target_validity = 5;
  done.expunged = false;
  Outcome failed;
  failed.number = 4;
  failed.reason = "the server answered: NO";
  for (const Record& record : {Record(move_change()), Record(mark), Record(done), Record(failed)}) {
    const std::string line = print_record(record);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto again = parse_record(line);
    ASSERT_TRUE(again) << again.error().detail << line;
    EXPECT_EQ(*again, record) << line;
  }
}

TEST(CleanupRecord, WhatIsCutOffIsNoRecord) {
  const std::string line = print_record(move_change());
  for (size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(parse_record(std::string_view(line).substr(0, length))) << length;
  }
  EXPECT_FALSE(parse_record(R"({"outcome":-1,"done":true})"));
  EXPECT_FALSE(parse_record(R"({"outcome":1,"done":true,"moved":[[1]]})"));
  EXPECT_FALSE(parse_record(R"([1])"));
}

class CleanupJournal : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/eilpost-journal-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ + "/a/b/journal"; }

  std::string directory_;
};

TEST_F(CleanupJournal, KeepsWhatItWasTold) {
  {
    auto journal = Journal::open(path());
    ASSERT_TRUE(journal) << journal.error().detail;
    EXPECT_EQ((*journal)->begin(move_change()).value(), 1U);
    EXPECT_EQ((*journal)->begin(move_change()).value(), 2U);
    Outcome outcome;
    outcome.number = 1;
    outcome.done = true;
    ASSERT_TRUE((*journal)->end(outcome));
    Change back = move_change();
    back.undoes = 1;
    EXPECT_EQ((*journal)->begin(back).value(), 3U);
    outcome.number = 3;
    outcome.moved = {{1, 9}, {2, 10}, {3, 11}};
    ASSERT_TRUE((*journal)->end(outcome));
    EXPECT_FALSE((*journal)->entries()[0].undone);  // one of four has not come back
    EXPECT_EQ((*journal)->begin(back).value(), 4U);
    outcome.number = 4;
    outcome.moved.emplace_back(4'294'967'295, 12);
    ASSERT_TRUE((*journal)->end(outcome));
  }
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  auto journal = Journal::open(path());
  ASSERT_TRUE(journal);
  const auto& entries = (*journal)->entries();
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].state, Journal::State::done);
  EXPECT_TRUE(entries[0].undone);
  EXPECT_EQ(entries[0].messages, 4U);
  EXPECT_EQ(entries[1].state, Journal::State::open);
  Change expected = move_change();
  expected.number = 2;
  EXPECT_EQ((*journal)->change(entries[1]).value(), expected);
  EXPECT_EQ((*journal)->outcome(entries[1]).error().code, Code::not_found);
  EXPECT_EQ((*journal)->outcome(entries[2])->number, 3U);
}

// However far a write came before the process was killed: the change had not begun, and what was
// there before and comes later can be read.
TEST_F(CleanupJournal, ACutRecordCostsOnlyItself) {
  { ASSERT_TRUE((*Journal::open(path()))->begin(move_change())); }
  std::ifstream in(path());
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string text = whole.str();
  for (size_t length = 0; length <= text.size(); length += 7) {
    std::ofstream(path(), std::ios::trunc) << text << text.substr(0, length);
    auto journal = Journal::open(path());
    ASSERT_TRUE(journal) << length;
    const size_t before = (*journal)->entries().size();
    EXPECT_EQ(before, 1U) << length;
    EXPECT_EQ((*journal)->begin(move_change()).value(), 2U) << length;
    journal->reset();
    journal = Journal::open(path());
    ASSERT_TRUE(journal);
    EXPECT_EQ((*journal)->entries().size(), 2U) << length;
    EXPECT_EQ((*journal)->change((*journal)->entries()[1])->number, 2U);
  }
}

TEST_F(CleanupJournal, IsForOneProcessAndItsOwner) {
  auto first = Journal::open(path());
  ASSERT_TRUE(first);
  EXPECT_EQ(Journal::open(path()).error().code, Code::in_use);
  first->reset();
  ::chmod(path().c_str(), 0640);
  EXPECT_EQ(Journal::open(path()).error().code, Code::permission);
}

TEST_F(CleanupJournal, ANameThatCannotBeReadAgainIsRefusedBeforeAnythingIsChanged) {
  auto journal = Journal::open(path());
  ASSERT_TRUE(journal);
  Change change = move_change();
  change.mailbox = "\xff\xfe";
  EXPECT_FALSE((*journal)->begin(change));
  EXPECT_TRUE((*journal)->entries().empty());
}

}  // namespace
}  // namespace eilpost::client
