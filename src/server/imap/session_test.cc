// What the commands of a session cost the engine where other nodes write too, and what a session is
// told while the storage cannot be reached: one session over a socket pair, two nodes over one
// engine. (What commands answer is the transcripts' affair.)
#include "server/imap/session.h"

#include "server/imap/session_testing.h"

namespace eilpost::server {
namespace {

using namespace std::string_literals;

TEST(SessionCost, OneComparisonOfVersionsForWhatMustSeeTheNewest) {
  TwoNodes t;
  t.append_elsewhere();
  (void)t.command("SELECT INBOX");
  (void)t.command("SELECT INBOX");
  for (const char* text : {"SELECT INBOX", "EXAMINE INBOX", "NOOP", "CHECK",
                           "STATUS INBOX (MESSAGES)", "LIST \"\" *", "LSUB \"\" *"}) {
    const auto counts = t.cost(text);
    EXPECT_EQ(counts.heads, 1U) << text;
    EXPECT_EQ(counts.all(), 1U) << text;
  }
  // The session serves from its view, and the server from itself.
  for (const char* text : {"FETCH 1 (FLAGS UID)", "SEARCH ALL", "LIST \"\" \"\"", "CAPABILITY",
                           "NAMESPACE", "UNSELECT", "NOOP"}) {
    EXPECT_EQ(t.cost(text).all(), 0U) << text;
  }
}

TEST(SessionCost, AChangeCostsItsCommitOnly) {
  TwoNodes t;
  t.append_elsewhere();
  (void)t.command("SELECT INBOX");
  for (const char* text :
       {"STORE 1 +FLAGS (\\Flagged)", "STORE 1 -FLAGS (\\Flagged)", "CREATE box", "DELETE box"}) {
    const auto counts = t.cost(text);
    // The commit's guard is the comparison, and the wake that it causes needs none.
    EXPECT_EQ(counts.heads, 0U) << text;
    EXPECT_EQ(counts.commits, 1U) << text;
    // DELETE and CREATE look at the name's tombstone.
    EXPECT_LE(counts.reads, 1U) << text;
  }
}

TEST(SessionCost, NothingIsAskedWhereNobodyElseWrites) {
  TwoNodes t(true);
  (void)t.command("SELECT INBOX");
  for (const char* text : {"SELECT INBOX", "NOOP", "CHECK", "STATUS INBOX (MESSAGES)",
                           "LIST \"\" *", "EXAMINE INBOX"}) {
    EXPECT_EQ(t.cost(text).all(), 0U) << text;
  }
}

TEST(Session, SeesAfterNoopWhatWasDoneOnAnotherNode) {
  TwoNodes t;
  (void)t.command("SELECT INBOX");
  t.engine.set_options({.lose_wake = 1000});
  t.append_elsewhere();
  EXPECT_NE(t.command("NOOP").find("* 1 EXISTS"), std::string::npos);
}

TEST(Session, StaysWhileTheStorageIsAwayAndGoesOn) {
  TwoNodes t;
  t.append_elsewhere();
  (void)t.command("SELECT INBOX");
  t.engine.set_reachable(false);
  for (const char* text : {"STATUS INBOX (MESSAGES)", "LIST \"\" *", "CREATE box",
                           "STORE 1 +FLAGS (\\Seen)", "COPY 1 INBOX"}) {
    EXPECT_NE(t.command(text).find(" NO [UNAVAILABLE]"), std::string::npos) << text;
  }
  EXPECT_NE(t.command("NOOP").find(" OK "), std::string::npos);
  EXPECT_NE(t.command("FETCH 1 (FLAGS)").find("* 1 FETCH"), std::string::npos);
  t.write("i IDLE\r\n");
  EXPECT_EQ(t.read_until("+ ").rfind("+ ", 0), 0U);
  t.tick();
  t.engine.set_reachable(true);
  t.engine.set_options({.lose_wake = 1000});
  t.append_elsewhere();
  t.tick();
  EXPECT_NE(t.read_until("* 2 EXISTS").find("* 2 EXISTS"), std::string::npos);
  t.write("DONE\r\n");
  EXPECT_NE(t.read_until("i ").find("i OK"), std::string::npos);
  EXPECT_NE(t.command("STORE 1 +FLAGS (\\Seen)").find(" OK "), std::string::npos);
}

// RFC 6855 4, where it is wanted so.
TEST(Session, RefusesHeadersInUtf8FromThoseWhoHaveNotEnabledThem) {
  Settings settings;
  settings.refuse_utf8_headers = true;
  TwoNodes t(true, settings);
  const auto append = [&t](const std::string& subject) {
    const std::string octets = "Subject: " + subject + "\r\n\r\n";
    t.write("a APPEND INBOX {" + std::to_string(octets.size()) + "+}\r\n" + octets + "\r\n");
    return t.read_until("a ");
  };
  EXPECT_NE(append("Gr\xc3\xbc\xc3\x9f\x65").find("a NO [CANNOT]"), std::string::npos);
  EXPECT_NE(append("old \xff mail").find("a OK"), std::string::npos);
  EXPECT_NE(t.command("ENABLE UTF8=ACCEPT").find("OK"), std::string::npos);
  EXPECT_NE(append("Gr\xc3\xbc\xc3\x9f\x65").find("a OK"), std::string::npos);
}

TEST(Session, RemovesWhatItStagedOfAnAppendThatFails) {
  TwoNodes t(true);
  const auto blobs = [&t] {
    int count = 0;
    EXPECT_TRUE(t.engine.scan_blobs([&count](const engine::BlobRecord&) { return ++count > 0; }));
    return count;
  };
  // Sent without waiting: the last message is staged by the job of the commit.
  t.write("a APPEND INBOX {12+}\r\nfirst: a\r\n\r\n ~{14+}\r\nsecond\0: b\r\n\r\n\r\n"s);
  EXPECT_NE(t.read_until("a ").find("a NO [UNKNOWN-CTE]"), std::string::npos);
  t.quiesce();
  EXPECT_EQ(blobs(), 0);
  t.write("b APPEND INBOX {12+}\r\nfirst: a\r\n\r\n {5+}\r\na: b\n\rX\r\n");
  EXPECT_NE(t.read_until("b ").find("b BAD"), std::string::npos);
  EXPECT_NE(t.command("NOOP").find("OK"), std::string::npos);
  EXPECT_EQ(blobs(), 0);
  t.write("c APPEND INBOX {12+}\r\nfirst: a\r\n\r\n\r\n");
  EXPECT_NE(t.read_until("c ").find("c OK"), std::string::npos);
  EXPECT_EQ(blobs(), 1);
}

// RFC 9051 7.1, PERMANENTFLAGS.
TEST(Session, SaysWhenAMailboxTakesNoMoreKeywords) {
  TwoNodes t(true);
  t.write("a APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n");
  (void)t.read_until("a OK");
  EXPECT_NE(t.command("SELECT INBOX").find("\\*)] "), std::string::npos);
  std::string all = "k0";
  for (size_t i = 1; i < limits::keywords_per_mailbox_max; ++i) all += " k" + std::to_string(i);
  const std::string stored = t.command("STORE 1 FLAGS (" + all + ")");
  EXPECT_NE(stored.find("* OK [PERMANENTFLAGS ("), std::string::npos);
  EXPECT_EQ(stored.find("\\*"), std::string::npos);
  EXPECT_NE(t.command("STORE 1 FLAGS (another)").find(" NO [LIMIT]"), std::string::npos);
  EXPECT_EQ(t.command("SELECT INBOX").find("\\*"), std::string::npos);
}

// RFC 9585.
TEST(Session, TellsHowFarALongCommandIs) {
  TwoNodes t(true);
  for (int i = 0; i < 2; ++i) {
    t.write("a" + std::to_string(i) + " APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n");
    (void)t.read_until("a" + std::to_string(i) + " OK");
  }
  (void)t.command("SELECT INBOX");
  EXPECT_EQ(t.command("FETCH 1:2 (ENVELOPE)").find("INPROGRESS"), std::string::npos);
  t.slow_down(int64_t{limits::progress_seconds} * 1'000'000);
  const std::string fetched = t.command("FETCH 1:2 (ENVELOPE)");
  EXPECT_NE(fetched.find("* OK [INPROGRESS (\"t4\" 2 2)] "), std::string::npos) << fetched;
  t.write("s UID SEARCH TEXT \"nowhere\"\r\n");
  EXPECT_NE(t.read_until("s ").find("s OK"), std::string::npos);
}

}  // namespace
}  // namespace eilpost::server
