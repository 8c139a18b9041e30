#include "main/testing.h"

namespace eilpost {
namespace {

using testing::mail_of;
using testing::open_node;
using testing::put_message;
using testing::read_mailbox;
using testing::run;
using testing::Seen;
using testing::TempDir;
using testing::write_file;

class ImportExport : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    node_ = open_node(dir_ / "data", EngineKind::memory);
    for (const char* name : {"a@example.org", "b@example.org"}) {
      ASSERT_EQ(run(*node_, {"account", "add", name}, "secret").code, 0);
    }
  }

  TempDir dir_;
  std::unique_ptr<Node> node_;
};

// What one account exports, another one imports: the same octets, flags, keywords and dates.
TEST_P(ImportExport, RoundTrip) {
  const auto from = mail_of(*node_, "a@example.org");
  put_message(*from, "INBOX", "Subject: 1\r\n\r\nFrom here\r\n>From there\r\n", store::flag_seen);
  put_message(*from, "INBOX", "Subject: 2\r\n\r\nno line end",
              store::flag_flagged | store::flag_answered, {"$Forwarded", "todo"});
  put_message(*from, "Sent", "Subject: 3\r\n\r\n\xc3\xa4\r\n\r\n", store::flag_draft);
  put_message(*from, "Größe/Unter", "Subject: 4\r\n\r\n" + std::string(300'000, 'x') + "\r\n");
  const std::string out = dir_ / "out";
  auto exported = run(*node_, {"export", "a@example.org", out, "--format", GetParam()});
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_NE(exported.out.find("exported 4 messages"), std::string::npos) << exported.out;
  auto imported = run(*node_, {"import", "b@example.org", out, "--format", GetParam()});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_NE(imported.out.find("imported 4 messages"), std::string::npos) << imported.out;
  const auto to = mail_of(*node_, "b@example.org");
  for (const char* name : {"INBOX", "Sent", "Größe/Unter"}) {
    std::vector<Seen> want = read_mailbox(*from, name);
    std::vector<Seen> have = read_mailbox(*to, name);
    ASSERT_EQ(have.size(), want.size()) << name;
    const auto by_octets = [](const Seen& x, const Seen& y) { return x.octets < y.octets; };
    std::sort(want.begin(), want.end(), by_octets);
    std::sort(have.begin(), have.end(), by_octets);
    for (size_t i = 0; i < want.size(); ++i) {
      // mbox ends every message with a line end.
      if (GetParam() == "mbox" && want[i].octets.back() != '\n') want[i].octets += "\r\n";
      EXPECT_EQ(have[i].octets, want[i].octets) << name;
      EXPECT_EQ(have[i].flags, want[i].flags);
      EXPECT_EQ(have[i].keywords, want[i].keywords);
      EXPECT_EQ(have[i].seconds, want[i].seconds);
    }
  }
}

TEST_P(ImportExport, SecondImportImportsNothing) {
  const auto from = mail_of(*node_, "a@example.org");
  put_message(*from, "INBOX", "Subject: 1\r\n\r\nsame\r\n");
  put_message(*from, "INBOX", "Subject: 1\r\n\r\nsame\r\n");
  const std::string out = dir_ / "out";
  ASSERT_EQ(run(*node_, {"export", "a@example.org", out, "--format", GetParam()}).code, 0);
  const auto first = run(*node_, {"import", "b@example.org", out, "--format", GetParam()});
  EXPECT_NE(first.out.find("imported 2 messages"), std::string::npos) << first.out;
  const auto second = run(*node_, {"import", "b@example.org", out, "--format", GetParam()});
  EXPECT_NE(second.out.find("imported 0 messages"), std::string::npos) << second.out;
  EXPECT_NE(second.out.find("skipped 2: imported before"), std::string::npos) << second.out;
  EXPECT_EQ(read_mailbox(*mail_of(*node_, "b@example.org"), "INBOX").size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Formats, ImportExport, ::testing::Values("maildir", "mbox"));

class ImportTest : public ImportExport {};

TEST_P(ImportTest, SaysWhatItSkipped) {
  write_file(dir_ / "md/cur/1.a:2,S", "Subject: ok\n\nx\n");
  write_file(dir_ / "md/cur/2.a:2,S", std::string("Subject: nul\n\n\0\n", 15));
  write_file(dir_ / "md/cur/3.a:2,S", "");
  std::filesystem::create_directories(dir_ / "md/cur/4.a:2,S");
  const auto ran = run(*node_, {"import", "a@example.org", dir_ / "md"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("imported 1 messages"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("skipped 1: has NUL octets"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("skipped 1: empty"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("skipped 1: cannot be read"), std::string::npos) << ran.out;
}

// A crash between the commit and the ledger's note of it: the account's own log tells.
TEST_P(ImportTest, BatchWithoutAnEndIsSettledByTheLog) {
  write_file(dir_ / "md/cur/1.a:2,S", "Subject: one\n\nx\n");
  const std::string ledger = dir_ / "ledger";
  const std::vector<std::string> command = {"import", "a@example.org", dir_ / "md", "--ledger",
                                            ledger};
  ASSERT_EQ(run(*node_, command).code, 0);
  std::string text = testing::read_file(ledger);
  const size_t done = text.find("done ");
  ASSERT_NE(done, std::string::npos) << text;
  write_file(ledger, text.substr(0, done));
  auto ran = run(*node_, command);
  EXPECT_NE(ran.out.find("imported 0 messages"), std::string::npos) << ran.out;
  // A batch that never committed is imported.
  const size_t batch = text.find("batch ");
  text.replace(batch + 6, 10, "import-xyz");
  write_file(ledger, text.substr(0, text.find("done ")));
  ran = run(*node_, command);
  EXPECT_NE(ran.out.find("imported 1 messages"), std::string::npos) << ran.out;
}

TEST_P(ImportTest, LedgerOfAnotherAccountIsRefused) {
  write_file(dir_ / "md/cur/1.a:2,S", "Subject: one\n\nx\n");
  ASSERT_EQ(run(*node_, {"import", "a@example.org", dir_ / "md"}).code, 0);
  const auto ran = run(*node_, {"import", "b@example.org", dir_ / "md"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("another account"), std::string::npos) << ran.err;
}

TEST_P(ImportTest, SpecialFoldersByTheirUsualNames) {
  write_file(dir_ / "md/.Gesendet/cur/1.a:2,S", "Subject: one\n\nx\n");
  write_file(dir_ / "md/.Freunde/cur/2.a:2,S", "Subject: two\n\nx\n");
  ASSERT_EQ(run(*node_, {"import", "a@example.org", dir_ / "md"}).code, 0);
  const auto account = mail_of(*node_, "a@example.org");
  EXPECT_EQ(read_mailbox(*account, "Sent").size(), 1U);
  EXPECT_EQ(read_mailbox(*account, "Freunde").size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Once, ImportTest, ::testing::Values("maildir"));

}  // namespace
}  // namespace eilpost
