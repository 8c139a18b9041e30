// The Syncer against servers that do not tell the truth, word by word.

#include "client/sync/syncer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "client/testing.h"

namespace eilpost::client {
namespace {

using test::FakeServer;
namespace fs = std::filesystem;

std::string header(std::string_view subject) {
  return fmt::format("Message-ID: <{0}@example.org>\r\nSubject: {0}\r\n\r\n", subject);
}
std::string letter(std::string_view subject) {
  return header(subject) + "some words\r\n";
}

// A step that sends a line with a literal in it.
std::string with_literal(std::string_view before, std::string_view octets) {
  std::string out = fmt::format("S- * {} {{{}}}\\r\\n", before, octets.size());
  for (const char c : octets) {
    if (c == '\r') out += "\\r";
    if (c == '\n') out += "\\n";
    if (c != '\r' && c != '\n') out += c;
  }
  return out + ")\\r\\n\n";
}

// A connection of a run, up to the answer to STATUS.
std::string signed_in(std::string_view status) {
  return fmt::format(R"(S: * OK [CAPABILITY IMAP4rev1] here
      C: LOGIN bob secret
      S: $ OK [CAPABILITY IMAP4rev1 UIDPLUS] welcome
      C: LIST "" ""
      S: * LIST (\Noselect) "/" ""
      S: $ OK done
      C: LIST "" "*"
      S: * LIST () "/" INBOX
      S: $ OK done
      C: LSUB "" "*"
      S: $ OK done
      C: STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)
      S: * STATUS INBOX ({})
      S: $ OK done
)",
                     status);
}
std::string selected(int exists, int uid_validity) {
  std::string out = fmt::format(R"(C: SELECT INBOX
      S: * {} EXISTS
      S: * OK [UIDVALIDITY {}] valid
      S: * OK [UIDNEXT 9] next
      S: $ OK [READ-WRITE] selected
)",
                                exists, uid_validity);
  // 0 is no answer: it is asked once more.
  if (uid_validity == 0) {
    out += "C: STATUS INBOX (UIDVALIDITY UIDNEXT)\n";
    out += "S: * STATUS INBOX (UIDVALIDITY 0 UIDNEXT 9)\nS: $ OK done\n";
  }
  return out;
}
constexpr std::string_view ok = "S: $ OK done\n";
constexpr std::string_view end = "C: LOGOUT\nS: * BYE\nS: $ OK bye\nclose\n";

// A first run that brings letters "one" and "two" under uids 1 and 2.
std::string first_run(int uid_validity) {
  std::string out = signed_in(fmt::format("MESSAGES 2 UIDNEXT 3 UIDVALIDITY {}", uid_validity)) +
                    selected(2, uid_validity) + "C: UID FETCH 1:* (UID FLAGS RFC822.SIZE)\n";
  out += fmt::format("S: * 1 FETCH (UID 1 FLAGS () RFC822.SIZE {})\n", letter("one").size());
  out += fmt::format("S: * 2 FETCH (UID 2 FLAGS () RFC822.SIZE {})\n", letter("two").size());
  out += std::string(ok) + "C: UID FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\n" +
         with_literal("1 FETCH (UID 1 FLAGS () BODY[]", letter("one")) +
         with_literal("2 FETCH (UID 2 FLAGS () BODY[]", letter("two"));
  return out + std::string(ok) + std::string(end);
}

class SyncerTest : public ::testing::Test {
 protected:
  SyncerTest() {
    std::string pattern = fs::temp_directory_path() / "eilpost-syncer-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    std::ofstream(directory_ + "/secret") << "secret\n";
    fs::permissions(directory_ + "/secret", fs::perms::owner_read);
  }
  ~SyncerTest() override { fs::remove_all(directory_); }

  // One run against the server as it stands in its script.
  SyncReport run(const FakeServer& server) {
    AccountSpec spec;
    spec.endpoint = server.options().endpoint;
    spec.name = "bob";
    spec.secret = {SecretSource::Kind::file, directory_ + "/secret"};
    spec.silence = server.options().silence;
    Random random(1);
    auto account = Account::make(std::move(spec), Hooks(), random);
    CHECK(account.has_value());
    const auto tree = MaildirTree::make(directory_ + "/mail", MaildirLayout::plus);
    CHECK(tree.has_value());
    auto state = SyncState::open(directory_ + "/state", "bob");
    CHECK(state.has_value());
    SyncHooks hooks;
    hooks.tell = [this](const std::string& line) { told_ += line + "\n"; };
    const std::atomic<bool> stopping{false};
    Syncer syncer(**account, *tree, *state, SyncOptions(), std::move(hooks), stopping);
    auto report = test::run(syncer.run());
    EXPECT_TRUE(report) << report.error().detail;
    return report ? *report : SyncReport();
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const char* sub : {"/mail/cur", "/mail/new"}) {
      for (const auto& file : fs::directory_iterator(directory_ + sub)) out.push_back(file);
    }
    return out;
  }
  fs::path file_of(std::string_view subject) const {
    for (const fs::path& path : files()) {
      std::ifstream file(path);
      std::string line;
      std::getline(file, line);
      if (line == fmt::format("Message-ID: <{}@example.org>", subject)) return path;
    }
    return {};
  }
  void mark_seen(std::string_view subject) const {
    const fs::path path = file_of(subject);
    fs::rename(path, directory_ + "/mail/cur/" + path.filename().string() + ":2,S");
  }

  std::string directory_;
  std::string told_;
};

// The headers of two strays, which are the letters "one" and "two" under these uids.
std::string headers(int one, int two) {
  std::string out = fmt::format(
      "C: UID FETCH {}:{} (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM "
      "SUBJECT)])\n",
      std::min(one, two), std::max(one, two));
  const std::string_view subjects[] = {"one", "two"};
  const int uids[] = {one, two};
  for (int i = 0; i < 2; ++i) {
    out += with_literal(fmt::format("{} FETCH (UID {} RFC822.SIZE {} BODY[HEADER.FIELDS "
                                    "(MESSAGE-ID DATE FROM SUBJECT)]",
                                    i + 1, uids[i], letter(subjects[i]).size()),
                        header(subjects[i]));
  }
  return out + std::string(ok);
}

TEST_F(SyncerTest, UidsUnderUidValidity0DoNotHoldUnderAnotherOne) {
  FakeServer server(first_run(0) + signed_in("MESSAGES 2 UIDNEXT 4 UIDVALIDITY 7") +
                    selected(2, 7) + R"(C: UID FETCH 1:* (UID FLAGS RFC822.SIZE)
      S: * 1 FETCH (UID 2 FLAGS ())
      S: * 2 FETCH (UID 3 FLAGS (\Seen))
      S: $ OK done
)" + headers(2, 3) + std::string(end));
  EXPECT_EQ(run(server).downloaded, 2U);
  const SyncReport report = run(server);
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(report.paired, 2U);
  EXPECT_EQ(report.downloaded + report.removed_locally + report.removed_on_server, 0U);
  EXPECT_EQ(files().size(), 2U);
  const std::string name = file_of("two").filename();
  EXPECT_EQ(name.substr(name.find(':')), ":2,S");
}

TEST_F(SyncerTest, UidsThatDoNotRiseAreNotBelieved) {
  const std::string swapped = R"(
      S: * 1 FETCH (UID 2 FLAGS ())
      S: * 2 FETCH (UID 1 FLAGS (\Seen))
      S: $ OK done
)";
  FakeServer server(first_run(7) + signed_in("MESSAGES 2 UIDNEXT 4 UIDVALIDITY 7") +
                    selected(2, 7) + "C: UID FETCH 1:* (UID FLAGS)" + swapped +
                    "C: UID FETCH 1:* (UID FLAGS RFC822.SIZE)" + swapped + headers(2, 1) +
                    std::string(end));
  run(server);
  const SyncReport report = run(server);
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(report.paired, 2U);
  EXPECT_EQ(report.downloaded + report.uploaded + report.removed_locally, 0U);
  EXPECT_EQ(files().size(), 2U);
  const std::string name = file_of("two").filename();
  EXPECT_EQ(name.substr(name.find(':')), ":2,S");
  // Nothing of these numbers is kept: the server may be right tomorrow.
  auto state = SyncState::open(directory_ + "/state", "bob");
  ASSERT_TRUE(state);
  const int64_t id = state->mailboxes()->front().id;
  EXPECT_EQ(*state->count(id), 0U);
  EXPECT_EQ(state->loose(id)->size(), 2U);
}

TEST_F(SyncerTest, NothingIsGoneWhenSelectSaysFewerThanStatus) {
  FakeServer server(first_run(7) + signed_in("MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7") +
                    selected(0, 7) + "C: UID FETCH 1:* (UID FLAGS)\n" + std::string(ok) +
                    std::string(end));
  run(server);
  const SyncReport report = run(server);
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(report.removed_locally, 0U);
  EXPECT_EQ(files().size(), 2U);
  ASSERT_EQ(report.undone.size(), 1U);
  EXPECT_EQ(report.undone.front(),
            "INBOX: the server says that it has 2 messages and tells of 0; what is missing does "
            "not count as gone");
}

// A run in which letter "two" is marked as read on the server, which then shows `flags`.
std::string storing(std::string_view flags) {
  return signed_in("MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7") + selected(2, 7) +
         R"(C: UID FETCH 1:* (UID FLAGS)
      S: * 1 FETCH (UID 1 FLAGS ())
      S: * 2 FETCH (UID 2 FLAGS ())
      S: $ OK done
      C: UID STORE 2 +FLAGS.SILENT (\Seen)
      S: $ OK done
      C: UID FETCH 2 (UID FLAGS)
)" + fmt::format("S: * 2 FETCH (UID 2 FLAGS ({}))\n", flags) +
         std::string(ok) + std::string(end);
}

TEST_F(SyncerTest, FlagsThatTheServerDoesNotChangeAreTriedAgain) {
  FakeServer server(first_run(7) + storing("") + storing("\\Seen"));
  run(server);
  mark_seen("two");
  const SyncReport ignored = run(server);
  EXPECT_EQ(ignored.flags_on_server, 0U);
  EXPECT_EQ(ignored.undone_count, 1U);
  const SyncReport report = run(server);
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(report.flags_on_server, 1U);
  EXPECT_EQ(report.undone_count, 0U);
}

// A run in which letter "two" is removed from the server, which then shows `left`.
std::string expunging(std::string_view left) {
  return signed_in("MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7") + selected(2, 7) +
         R"(C: UID FETCH 1:* (UID FLAGS)
      S: * 1 FETCH (UID 1 FLAGS ())
      S: * 2 FETCH (UID 2 FLAGS ())
      S: $ OK done
      C: UID STORE 2 +FLAGS.SILENT (\Deleted)
      S: $ OK done
      C: UID EXPUNGE 2
      S: $ OK done
      C: UID FETCH 2 (UID)
)" + std::string(left) +
         std::string(ok) + std::string(end);
}

TEST_F(SyncerTest, WhatTheServerDoesNotExpungeDoesNotComeBack) {
  FakeServer server(first_run(7) + expunging("S: * 2 FETCH (UID 2)\n") + expunging(""));
  run(server);
  fs::remove(file_of("two"));
  const SyncReport ignored = run(server);
  EXPECT_EQ(ignored.removed_on_server, 0U);
  EXPECT_EQ(ignored.undone_count, 1U);
  const SyncReport report = run(server);
  EXPECT_EQ(server.failure(), "");
  EXPECT_EQ(report.removed_on_server, 1U);
  EXPECT_EQ(report.downloaded, 0U);
  EXPECT_EQ(files().size(), 1U);
}

}  // namespace
}  // namespace eilpost::client
