#include "client/mbox/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace eilpost::client {
namespace {

class MboxFileTest : public ::testing::Test {
 protected:
  MboxFileTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "eilpost-mbox-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  ~MboxFileTest() override { std::filesystem::remove_all(root_); }
  static MboxItem item(const std::string& text, imap::FlagList flags = {}) {
    return {std::move(flags), 1'699'862'950, Octets::of(text)};
  }
  static std::string text_of(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  std::string root_;
};

TEST_F(MboxFileTest, WhatIsWrittenIsRead) {
  const std::string path = mbox_path(root_, "Lists/Größe");
  const std::string first = "Subject: 1\r\n\r\nFrom here\r\n>From there\r\n";
  const auto added =
      append_to_mbox(path, {item(first, {"\\Seen", "\\Flagged", "work"}), item("A: 2\r\n\r\nx")});
  ASSERT_TRUE(added) << added.error().detail;
  ASSERT_TRUE(append_to_mbox(path, {item(first)}));
  const auto files = mbox_files(root_);
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ(files->front().name, "Lists/Größe");
  const auto index = index_mbox_file(path);
  ASSERT_EQ(index->size(), 3u);
  EXPECT_EQ((*index)[0].content, (*added)[0].content);
  EXPECT_EQ((*index)[0].flags, (imap::FlagList{"\\Seen", "\\Flagged"}));
  EXPECT_EQ((*index)[0].keywords, std::vector<std::string>{"work"});
  EXPECT_EQ((*index)[0].seconds, 1'699'862'950);
  EXPECT_EQ((*read_mbox_message(path, (*index)[0]))->all().value(), first);
  EXPECT_EQ((*read_mbox_message(path, (*index)[1]))->all().value(), "A: 2\r\n\r\nx\r\n");
  EXPECT_EQ((*read_mbox_message(path, (*index)[2]))->all().value(), first);
}

TEST_F(MboxFileTest, AnAppendThatDidNotEndIsTakenBack) {
  const std::string path = mbox_path(root_, "INBOX");
  ASSERT_TRUE(append_to_mbox(path, {item("A: 1\r\n\r\nx\r\n")}));
  const std::string whole = text_of(path);
  std::ofstream(path, std::ios::app) << "From torn Mon Nov 13 08:09:10 2023\nA: 2\n\nhal";
  std::ofstream(path + ".eilpost-append") << whole.size() << "\n";
  ASSERT_TRUE(repair_mbox(path));
  EXPECT_EQ(text_of(path), whole);
  // Half a mark says nothing, and nothing was written after it.
  std::ofstream(path + ".eilpost-append") << "1";
  ASSERT_TRUE(repair_mbox(path));
  EXPECT_EQ(text_of(path), whole);
}

}  // namespace
}  // namespace eilpost::client
