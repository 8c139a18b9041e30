#include "client/account/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace eilpost::client {
namespace {

Result<std::string> read(std::string_view text) {
  const auto source = parse_secret_source(text);
  if (!source) return tl::unexpected(source.error());
  return read_secret(*source, "Password");
}

TEST(Secret, SourcesAreReadAndPrinted) {
  for (const std::string text :
       {"prompt", "file:/a b", "fd:3", "env:NAME", "command:pass show x"}) {
    const auto source = parse_secret_source(text);
    ASSERT_TRUE(source) << text;
    EXPECT_EQ(print_secret_source(*source), text);
  }
}

TEST(Secret, APasswordInItsPlaceIsRefusedAndNotRepeated) {
  for (const std::string text : {"hunter2", "fd:hunter2", "file:", ""}) {
    const auto source = parse_secret_source(text);
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().detail.find("hunter2"), std::string::npos);
  }
}

TEST(Secret, CommandsPrintIt) {
  EXPECT_EQ(read("command:echo secret").value(), "secret");
  EXPECT_EQ(read("command:printf 'one\\ntwo\\n'").value(), "one");
  EXPECT_EQ(read("command:echo secret; exit 3").error().code, Code::io);
  EXPECT_EQ(read("command:true").error().code, Code::invalid);
}

TEST(Secret, TheEnvironmentHoldsIt) {
  ::setenv("EILPOST_TEST_SECRET", "secret", 1);
  EXPECT_EQ(read("env:EILPOST_TEST_SECRET").value(), "secret");
  ::unsetenv("EILPOST_TEST_SECRET");
  EXPECT_EQ(read("env:EILPOST_TEST_SECRET").error().code, Code::invalid);
}

TEST(Secret, FilesMustBeTheOwnersAlone) {
  std::string path = ::testing::TempDir() + "/eilpost-secret-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << "secret\r\n";
  EXPECT_EQ(read("file:" + path).value(), "secret");
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(read("file:" + path).error().code, Code::permission);
  ::unlink(path.c_str());
}

TEST(Secret, DescriptorsCarryIt) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "secret\n", 7), 7);
  EXPECT_EQ(read("fd:" + std::to_string(ends[0])).value(), "secret");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace eilpost::client
