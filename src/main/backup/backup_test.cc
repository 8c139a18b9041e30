#include <atomic>
#include <thread>

#include "main/backup/backup_files.h"
#include "main/backup/restore.h"
#include "main/testing.h"

namespace eilpost {
namespace {

using testing::mail_of;
using testing::open_node;
using testing::put_message;
using testing::read_mailbox;
using testing::run;
using testing::TempDir;

class Backup : public ::testing::Test {
 protected:
  void SetUp() override {
    node_ = open_node(dir_ / "data", EngineKind::rocksdb);
    ASSERT_TRUE(node_);
    ASSERT_EQ(run(*node_, {"account", "add", "a@example.org"}, "secret").code, 0);
    account_ = mail_of(*node_, "a@example.org");
  }
  void TearDown() override { account_.reset(); }

  std::unique_ptr<Node> restored(const std::string& name) {
    Output output;
    output.write = [](Channel, std::string_view) { return true; };
    const auto done = restore({dir_ / "backup", dir_ / name}, output);
    EXPECT_TRUE(done) << (done ? "" : done.error().detail);
    return done ? open_node(dir_ / name, EngineKind::rocksdb) : nullptr;
  }
  Manifest manifest() {
    auto read = read_manifest(dir_ / "backup");
    EXPECT_TRUE(read);
    return read ? *read : Manifest();
  }

  TempDir dir_;
  std::unique_ptr<Node> node_;
  store::AccountPtr account_;
};

TEST_F(Backup, RestoresMailAndBeginsAnEpoch) {
  put_message(*account_, "INBOX", "Subject: 1\r\n\r\nx\r\n", store::flag_seen, {"todo"});
  put_message(*account_, "Sent", "Subject: 2\r\n\r\n" + std::string(600'000, 'y') + "\r\n");
  const auto before = account_->counters(store::inbox_id);
  const auto ran = run(*node_, {"backup", dir_ / "backup"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto other = restored("other");
  ASSERT_TRUE(other);
  const auto mail = mail_of(*other, "a@example.org");
  for (const char* name : {"INBOX", "Sent"}) {
    EXPECT_EQ(read_mailbox(*mail, name), read_mailbox(*account_, name)) << name;
  }
  EXPECT_TRUE(other->accounts().check_password({"a@example.org", "secret"}));
  const auto after = mail->counters(store::inbox_id);
  EXPECT_GT(after->uid_validity, before->uid_validity);
  EXPECT_EQ(mail->head()->epoch, account_->head()->epoch + 1);
  // No two mailboxes share one, and none has one that was given before.
  std::set<uint32_t> validities;
  for (const auto& entry : mail->folders()->entries()) {
    const uint32_t validity = mail->counters(entry.def->id)->uid_validity;
    EXPECT_TRUE(validities.insert(validity).second);
    EXPECT_GT(validity, account_->head()->last_uid_validity);
  }
}

TEST_F(Backup, TheSecondCopiesOnlyWhatIsNew) {
  put_message(*account_, "INBOX", "Subject: 1\r\n\r\n" + std::string(900'000, 'a'));
  ASSERT_EQ(run(*node_, {"backup", dir_ / "backup"}).code, 0);
  // Closing seals the segments: from here on they never grow.
  account_.reset();
  node_.reset();
  node_ = open_node(dir_ / "data", EngineKind::rocksdb);
  account_ = mail_of(*node_, "a@example.org");
  ASSERT_EQ(run(*node_, {"backup", dir_ / "backup"}).code, 0);
  put_message(*account_, "INBOX", "Subject: 2\r\n\r\nsmall\r\n");
  const auto ran = run(*node_, {"backup", dir_ / "backup"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out.find(" 0 files were there already"), std::string::npos) << ran.out;
  const auto verified = run(*node_, {"backup", dir_ / "backup", "--verify"});
  EXPECT_EQ(verified.code, 0) << verified.err;
  const auto other = restored("other");
  ASSERT_TRUE(other);
  EXPECT_EQ(read_mailbox(*mail_of(*other, "a@example.org"), "INBOX").size(), 2U);
}

TEST_F(Backup, DamageIsFound) {
  put_message(*account_, "INBOX", "Subject: 1\r\n\r\nx\r\n");
  ASSERT_EQ(run(*node_, {"backup", dir_ / "backup"}).code, 0);
  const auto files = manifest().segments;
  ASSERT_FALSE(files.empty());
  const std::string path = dir_ / ("backup/segments/" + files.begin()->first);
  std::string octets = testing::read_file(path);
  octets[octets.size() / 2] ^= 1;
  testing::write_file(path, octets);
  EXPECT_EQ(run(*node_, {"backup", dir_ / "backup", "--verify"}).code, 1);
  Output output;
  output.write = [](Channel, std::string_view) { return true; };
  const auto done = restore({dir_ / "backup", dir_ / "other"}, output);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::corrupt);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "other/engine"));
}

TEST_F(Backup, OtherStoresAndFullTargetsAreRefused) {
  ASSERT_EQ(run(*node_, {"backup", dir_ / "backup"}).code, 0);
  const auto second = open_node(dir_ / "second", EngineKind::rocksdb);
  EXPECT_EQ(run(*second, {"backup", dir_ / "backup"}).code, 1);
  Output output;
  output.write = [](Channel, std::string_view) { return true; };
  EXPECT_EQ(restore({dir_ / "backup", dir_ / "data"}, output).error().code, Code::already_exists);
}

// Messages that were acknowledged before the backup began are in it, whatever happens meanwhile,
// and everything in it can be read.
TEST_F(Backup, UnderLoad) {
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (!stop) {
      const int number = written + 1;
      put_message(*account_, "INBOX",
                  "Subject: " + std::to_string(number) + "\r\n\r\n" +
                      std::string(static_cast<size_t>(number % 50) * 1000, 'z') + "\r\n");
      written = number;
    }
  });
  for (int round = 0; round < 3; ++round) {
    while (written < 20 * (round + 1)) std::this_thread::yield();
    const int before = written;
    const auto ran = run(*node_, {"backup", dir_ / "backup"});
    const int after = written + 1;
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto other = restored("other" + std::to_string(round));
    ASSERT_TRUE(other);
    const auto mail = read_mailbox(*mail_of(*other, "a@example.org"), "INBOX");
    EXPECT_GE(mail.size(), static_cast<size_t>(before));
    EXPECT_LE(mail.size(), static_cast<size_t>(after));
    for (size_t i = 0; i < mail.size(); ++i) {
      EXPECT_EQ(mail[i].octets.substr(0, 9 + std::to_string(i + 1).size()),
                "Subject: " + std::to_string(i + 1));
    }
    EXPECT_EQ(run(*other, {"check", "--all"}).code, 0);
  }
  stop = true;
  writer.join();
}

TEST(Manifest, RoundTripAndDamage) {
  Manifest manifest;
  manifest.store = "abc";
  manifest.created = "2026-01-01T00:00:00Z";
  manifest.state = "state-3";
  manifest.files["rows/a b"] = {12, 0xdeadbeef};
  manifest.segments["1.seg"] = {5, 1};
  manifest.segments["2.seg"] = {6, 0};
  manifest.sealed["1.seg"] = true;
  const std::string text = print_manifest(manifest);
  const auto parsed = parse_manifest(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(print_manifest(*parsed), text);
  EXPECT_EQ(parsed->files.at("rows/a b").crc, 0xdeadbeef);
  for (const size_t cut : {text.size() - 1, text.size() / 2, size_t{0}}) {
    EXPECT_FALSE(parse_manifest(text.substr(0, cut)));
  }
}

}  // namespace
}  // namespace eilpost
