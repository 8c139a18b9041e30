#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace eilpost {
namespace {

// Logs into a file of its own, and gives the log back to standard error afterwards.
class LogTest : public testing::Test {
 protected:
  LogTest()
      : path_(std::filesystem::temp_directory_path() /
              ("eilpost-log-test-" + std::to_string(::getpid()))) {}
  ~LogTest() override {
    log::configure({});
    std::error_code error;
    std::filesystem::remove(path_, error);
  }

  void configure(log::Level level, log::Format format) {
    log::configure({.level = level, .format = format, .file = path_});
  }

  // The lines that were written, without the time in front.
  std::vector<std::string> lines() const {
    std::ifstream in(path_);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }

  std::filesystem::path path_;
};

std::string behind_time(const std::string& line) {
  return line.substr(line.find("Z ") + 2);
}

TEST_F(LogTest, TextNamesComponentAndId) {
  configure(log::Level::info, log::Format::text);
  log::write(log::Level::info, "imap", "s12", "login ok");
  log::write(log::Level::warn, "net", "", "slow peer");
  const auto written = lines();
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(behind_time(written[0]), "info [imap] id=s12 login ok");
  EXPECT_EQ(behind_time(written[1]), "warn [net] slow peer");
}

TEST_F(LogTest, NothingAPeerSaysEndsOrFakesALine) {
  configure(log::Level::info, log::Format::text);
  log::write(log::Level::info, "imap", "s\n1", "a\r\nb\x1b[31m\x7f{} %v");
  const auto written = lines();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(behind_time(written[0]), "info [imap] id=s\\x0a1 a\\x0d\\x0ab\\x1b[31m\\x7f{} %v");
}

TEST_F(LogTest, JsonIsOneObjectALine) {
  configure(log::Level::info, log::Format::json);
  log::write(log::Level::info, "imap", "s1", "say \"hi\" \\ \n");
  log::write(log::Level::error, "imap", "", "x");
  const auto written = lines();
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0].substr(0, 9), "{\"time\":\"");
  EXPECT_EQ(written[0].substr(written[0].find("\"level\"")),
            R"("level":"info","component":"imap","id":"s1","message":"say \"hi\" \\ \u000a"})");
  EXPECT_EQ(written[1].substr(written[1].find("\"level\"")),
            R"("level":"error","component":"imap","message":"x"})");
}

TEST_F(LogTest, LevelsBelowTheSettingAreNotWritten) {
  configure(log::Level::warn, log::Format::text);
  EXPECT_FALSE(log::enabled(log::Level::info));
  EXPECT_TRUE(log::enabled(log::Level::error));
  const log::Source source{"imap", "s1"};
  source.debug("{}", 1);
  source.info("{}", 2);
  source.warn("{} of {}", 3, "three");
  const auto written = lines();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(behind_time(written[0]), "warn [imap] id=s1 3 of three");
}

TEST_F(LogTest, AfterReopenLinesGoIntoAFreshFileOfTheSameName) {
  configure(log::Level::info, log::Format::json);
  log::write(log::Level::info, "imap", "", "one");
  const std::filesystem::path moved = path_.string() + ".1";
  std::filesystem::rename(path_, moved);
  log::write(log::Level::info, "imap", "", "two");
  EXPECT_TRUE(log::reopen());
  log::write(log::Level::info, "imap", "", "three");
  const auto written = lines();
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].substr(0, 9), "{\"time\":\"");
  EXPECT_NE(written[0].find("\"message\":\"three\"}"), std::string::npos);
  std::error_code error;
  EXPECT_TRUE(std::filesystem::remove(moved, error));
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsSaid) {
  const auto r = log::configure({.file = "/dev/null/log"});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::io);
}

}  // namespace
}  // namespace eilpost
