// The audit log's lines and rotation, and who gets what of a session's trace.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "protocol/imap/framer.h"
#include "server/access/audit_log.h"
#include "server/access/traces.h"

namespace eilpost::server {
namespace {

class Directory {
 public:
  Directory() {
    std::string pattern = ::testing::TempDir() + "eilpost-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string read(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(Audit, ALineIsOneEventWhateverIsInIt) {
  const AuditEvent event{"refused", "abc", {{"name", "a\"b\\c\nd"}, {"reason", ""}}};
  const std::string line = print_audit(event, Timestamp{1'700'000'000'000'001});
  EXPECT_EQ(line,
            "{\"time\":\"2023-11-14T22:13:20.000001Z\",\"event\":\"refused\",\"id\":\"abc\","
            "\"name\":\"a\\\"b\\\\c\\u000ad\"}\n");
  EXPECT_EQ(audit_field(line, "name"), "a\"b\\c?d");
  EXPECT_EQ(audit_field(line, "id"), "abc");
  EXPECT_EQ(audit_field(line, "none"), "");
}

TEST(Audit, RotatesAndReopens) {
  const Directory directory;
  const ManualClock clock{Timestamp{0}};
  const std::string file = directory / "audit.log";
  auto log = AuditLog::open({file, 200, 2}, clock).value();
  for (int i = 0; i < 12; ++i) log->write({"login", std::to_string(i), {{"name", "anna"}}});
  EXPECT_EQ(log->files(), (std::vector<std::string>{file + ".2", file + ".1", file}));
  EXPECT_NE(read(file).find("\"id\":\"11\""), std::string::npos);
  EXPECT_LE(std::filesystem::file_size(file + ".1"), 200U);
  EXPECT_FALSE(std::filesystem::exists(file + ".3"));
  // Somebody else's rotation.
  log = AuditLog::open({file, 0, 2}, clock).value();
  std::filesystem::rename(file, directory / "elsewhere");
  log->write({"login", "x", {}});
  ASSERT_TRUE(log->reopen());
  log->write({"login", "y", {}});
  EXPECT_NE(read(directory / "elsewhere").find("\"id\":\"x\""), std::string::npos);
  EXPECT_EQ(read(file).find("\"id\":\"x\""), std::string::npos);
  EXPECT_NE(read(file).find("\"id\":\"y\""), std::string::npos);
}

imap::Frame frame(std::string text) {
  imap::Frame out;
  out.text = std::move(text);
  return out;
}

struct World {
  Traces traces;
  ManualClock clock{Timestamp{0}};
  TracePtr anna = std::make_shared<Trace>(
      AccountId(100), std::vector<std::string>{"anna@example.org", "a@example.org"}, 10'000);
};

TEST(Trace, AFailedLoginGoesToTheAccountItNames) {
  World w;
  ASSERT_TRUE(w.traces.start(w.anna));
  SessionTrace session(w.traces, w.clock, "id1");
  session.response("* OK hello\r\n", false);
  session.command(frame("1 LOGIN a@example.org hunter2"));
  EXPECT_EQ(w.anna->take(0), "");
  session.identify("a@example.org");
  session.response("1 NO [AUTHENTICATIONFAILED] no\r\n", false);
  EXPECT_EQ(w.anna->take(0),
            "00:00:00.000 id1 S: * OK hello\n"
            "00:00:00.000 id1 C: 1 LOGIN a@example.org [secret]\n"
            "00:00:00.000 id1 S: 1 NO [AUTHENTICATIONFAILED] no\n");
  // Then somebody else logs in there: his business.
  session.command(frame("2 LOGIN bob hunter3"));
  session.identify(AccountId(101));
  session.command(frame("3 SELECT secret-plans"));
  EXPECT_EQ(w.anna->take(0), "00:00:00.000 id1 C: 2 LOGIN bob [secret]\n");
}

TEST(Trace, EndsAtItsSize) {
  World w;
  auto small = std::make_shared<Trace>(AccountId(100), std::vector<std::string>(), 100);
  ASSERT_TRUE(w.traces.start(small));
  SessionTrace session(w.traces, w.clock, "id1");
  session.identify(AccountId(100));
  for (int i = 0; i < 10; ++i) session.command(frame("1 NOOP"));
  EXPECT_LE(small->take(0).size(), 100U);
  EXPECT_TRUE(small->full());
  w.traces.stop(small);
  EXPECT_FALSE(w.traces.active());
}

}  // namespace
}  // namespace eilpost::server
