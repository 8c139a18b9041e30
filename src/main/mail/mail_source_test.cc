#include "main/mail/mail_source.h"

#include "main/testing.h"

namespace eilpost {
namespace {

using testing::TempDir;
using testing::write_file;

TEST(Mbox, FindsMessages) {
  const TempDir dir;
  write_file(dir / "box",
             "From a@b Mon Nov 13 08:09:10 2023\nSubject: one\nStatus: RO\nX-Status: AF\n\n"
             "body\nFrom nobody, in the text\n\nFrom the middle of a text\n\n"
             "From c@d Tue Nov 14 08:09:10 2023\nSubject: two\nX-Keywords: $Junk todo\n\nx\n");
  const auto folders = mbox_folders(dir / "box");
  ASSERT_TRUE(folders);
  const auto messages = mbox_messages(folders->at(0));
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 2U);
  EXPECT_EQ(messages->at(0).flags, store::flag_seen | store::flag_answered | store::flag_flagged);
  EXPECT_EQ(messages->at(1).flags, 0);
  EXPECT_EQ(messages->at(1).keywords, (std::vector<std::string>{"$Junk", "todo"}));
  std::string octets;
  ASSERT_TRUE(read_message(messages->at(0), [&](std::string_view piece) {
    octets += piece;
    return Result<>();
  }));
  EXPECT_EQ(octets,
            "Subject: one\r\n\r\nbody\r\nFrom nobody, in the text\r\n\r\n"
            "From the middle of a text\r\n");
}

TEST(Mbox, ServersOwnDataIsNoMessage) {
  const TempDir dir;
  write_file(dir / "box",
             "From M Mon Nov 13 08:09:10 2023\nSubject: DON'T DELETE THIS MESSAGE\nX-IMAP: 1 2\n\n"
             "x\n\nFrom a Mon Nov 13 08:09:11 2023\nSubject: real\n\ny\n");
  const auto messages = mbox_messages({"INBOX", dir / "box", true});
  ASSERT_TRUE(messages);
  EXPECT_EQ(messages->size(), 1U);
}

TEST(Maildir, FindsFoldersOfBothLayouts) {
  const TempDir dir;
  for (const char* folder :
       {"cur", ".Sent/cur", ".Lists.C&AOQ-/cur", "Work/cur", "Work/Old/new", ".empty", "tmp"}) {
    std::filesystem::create_directories(dir / folder);
  }
  const auto folders = maildir_folders(dir.path());
  ASSERT_TRUE(folders);
  std::vector<std::string> names;
  for (const SourceFolder& folder : *folders) names.push_back(folder.name);
  EXPECT_EQ(names, (std::vector<std::string>{"INBOX", "Lists/Cä", "Sent", "Work", "Work/Old"}));
}

TEST(Maildir, FlagsAndKeywords) {
  const TempDir dir;
  write_file(dir / "dovecot-keywords", "0 $Forwarded\n1 todo\n");
  write_file(dir / "cur/1.a,S=9:2,FSab", "x");
  write_file(dir / "new/2.b", "y");
  const auto messages = maildir_messages({"INBOX", dir.path(), false});
  ASSERT_TRUE(messages);
  ASSERT_EQ(messages->size(), 2U);
  const bool first = messages->at(0).file.find("/cur/") != std::string::npos;
  const SourceMessage& read = messages->at(first ? 0 : 1);
  EXPECT_EQ(read.flags, store::flag_flagged | store::flag_seen);
  EXPECT_EQ(read.keywords, (std::vector<std::string>{"$Forwarded", "todo"}));
  EXPECT_EQ(read.key, "INBOX/1.a");
}

TEST(SpecialUse, UsualNames) {
  EXPECT_EQ(special_use_of_name("Sent Items"), store::use_sent);
  EXPECT_EQ(special_use_of_name("spam"), store::use_junk);
  EXPECT_EQ(special_use_of_name("Friends"), 0);
}

}  // namespace
}  // namespace eilpost
