#include "search/attachments/confined.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace eilpost::search {
namespace {

using std::chrono::milliseconds;

Result<std::string> sh(const std::string& script, const Confinement& confinement = {},
                       std::string_view input = "the input") {
  return run_confined({"sh", "-c", script}, input, confinement);
}

std::string text(const Result<std::string>& made) {
  return made ? *made
              : "! " + std::string(code_name(made.error().code)) + " " + made.error().detail;
}

// A file that the server could read and write.
class Secret {
 public:
  Secret() : path_(testing::TempDir() + "eilpost_secret_" + std::to_string(::getpid())) {
    std::ofstream(path_) << "secret";
    std::filesystem::permissions(
        path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  ~Secret() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

TEST(Confined, ReadsItsInputAndAnswers) {
  EXPECT_EQ(text(sh("cat")), "the input");
  EXPECT_EQ(text(sh("cat input; echo; cat")), "the input\nthe input");
  EXPECT_EQ(text(sh("cat", {}, "")), "");
  std::string large(3 << 20, 'x');
  EXPECT_EQ(text(sh("cat", {}, large)), large);
  EXPECT_EQ(text(sh("tr a-z A-Z < input | sort > out; cat out")), "THE INPUT\n");
}

TEST(Confined, WhatItHasWrittenCountsWhateverItsStatus) {
  EXPECT_EQ(text(sh("echo some; exit 3")), "some\n");
  const auto failed = sh("echo because >&2; exit 3");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::invalid);
  EXPECT_EQ(failed.error().detail, "sh ended with status 3 because");
}

TEST(Confined, ProgramsThatAreNotThere) {
  const auto none = run_confined({"eilpost-no-such-program"}, "", {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_EQ(run_confined({"/nowhere/program"}, "", {}).error().code, Code::not_found);
  EXPECT_EQ(run_confined({}, "", {}).error().code, Code::not_found);
  const Secret no_program;
  EXPECT_EQ(run_confined({no_program.path()}, "", {}).error().code, Code::permission);
}

TEST(Confined, HangsEnd) {
  Confinement soon;
  soon.time = milliseconds(200);
  EXPECT_EQ(sh("sleep 1000", soon).error().code, Code::timeout);
  EXPECT_EQ(sh("echo some; trap '' TERM INT; while :; do :; done", soon).error().code,
            Code::timeout);
}

TEST(Confined, FloodsAreCut) {
  Confinement little;
  little.output_bytes = 100'000;
  EXPECT_EQ(text(sh("yes", little)).size(), 100'000U);
  little.file_bytes = 10'000;
  EXPECT_EQ(sh("exec head -c 1000000 /dev/zero > big", little).error().detail.substr(0, 21),
            "sh ended by signal 25");
}

TEST(Confined, MemoryIsBounded) {
  Confinement little;
  little.memory_bytes = 64 << 20;
  const auto made = run_confined({"perl", "-e", "print length('x' x 200_000_000)"}, "", little);
  EXPECT_FALSE(made) << *made;
}

// Whatever it has started ends with it: no process holds on to what it got.
TEST(Confined, ItsProcessesEndWithIt) {
  const auto made = sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & echo $!; done");
  ASSERT_TRUE(made);
  std::istringstream pids(*made);
  int count = 0;
  for (pid_t pid; pids >> pid; ++count) {
    // Killed already, perhaps not buried.
    for (int tries = 0; tries < 500; ++tries) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
      std::string stat;
      if (!std::getline(file, stat) || stat.find(") Z ") != std::string::npos) break;
      ASSERT_LT(tries, 499) << stat;
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  EXPECT_EQ(count, 9);
}

TEST(Confined, ItCannotLeaveItsGroup) {
  EXPECT_EQ(
      text(run_confined(
          {"perl", "-MPOSIX", "-e", "print POSIX::setsid() == -1 ? \"no: $!\" : 'yes'"}, "", {})),
      "no: Operation not permitted");
  EXPECT_EQ(text(run_confined({"perl", "-e", "print setpgrp(0, 0) ? 'yes' : \"no: $!\""}, "", {})),
            "no: Operation not permitted");
}

TEST(Confined, NoNetwork) {
  for (const char* family : {"AF_INET, SOCK_STREAM", "AF_UNIX, SOCK_STREAM", "AF_INET, SOCK_RAW"}) {
    const std::string script =
        "use Socket; print socket(my $s, " + std::string(family) + ", 0) ? 'yes' : \"no: $!\"";
    EXPECT_EQ(text(run_confined({"perl", "-e", script}, "", {})), "no: Operation not permitted");
  }
}

TEST(Confined, NoFilesOfAnybody) {
  const Secret secret;
  EXPECT_EQ(sh("cat " + secret.path()).error().code, Code::invalid);
  EXPECT_EQ(sh("cat /etc/passwd").error().code, Code::invalid);
  EXPECT_EQ(sh("cat /proc/$PPID/environ").error().code, Code::invalid);
  EXPECT_EQ(sh("ls " + testing::TempDir()).error().code, Code::invalid);
  const std::string path = secret.path();
  EXPECT_EQ(text(sh("(echo x > " + path + " || rm -f " + path + " || mv " + path + " away || ln " +
                    path + " link || chmod 777 " + path + " || truncate -s 0 " + path +
                    " || touch " + path + "2) 2> out || echo none")),
            "none\n");
  EXPECT_EQ(secret.content(), "secret");
  struct stat about {};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  EXPECT_EQ(text(sh("mkdir d || ln -s /etc l || echo none")), "none\n");
}

TEST(Confined, NoSignalsToOthers) {
  EXPECT_EQ(text(sh("kill -0 $PPID || echo none")), "none\n");
  EXPECT_EQ(text(sh("kill -0 1 || echo none")), "none\n");
}

TEST(Confined, NothingIsInherited) {
  ASSERT_EQ(::setenv("EILPOST_SECRET", "secret", 1), 0);
  const std::string variables = text(sh("env"));
  EXPECT_EQ(variables.find("secret"), std::string::npos) << variables;
  ::unsetenv("EILPOST_SECRET");
  constexpr int number = 57;
  ASSERT_EQ(::dup2(2, number), number);
  EXPECT_EQ(text(run_confined(
                {"perl", "-e", "for (3..63) { print \"$_ \" if open(my $f, '>&=', $_) } print '.'"},
                "", {})),
            ".");
  ::close(number);
}

TEST(Confined, ItsDirectoryGoes) {
  std::string path = text(sh("echo x > left; pwd"));
  ASSERT_FALSE(path.empty());
  path.pop_back();
  EXPECT_NE(path.find("eilpost-helper-"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace eilpost::search
