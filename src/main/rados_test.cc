// Nodes and copies over a real Ceph cluster: EILPOST_TEST_CEPH names its ceph.conf (tests/cluster).
#include <gtest/gtest.h>

#include <cstdlib>

#include "main/testing.h"
#include "store/check.h"

namespace eilpost {
namespace {

using testing::mail_of;
using testing::put_message;
using testing::read_mailbox;
using testing::run;
using testing::TempDir;

class Rados : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* conf = std::getenv("EILPOST_TEST_CEPH");
    if (conf == nullptr) GTEST_SKIP() << "EILPOST_TEST_CEPH names no ceph.conf";
    ceph_conf_ = conf;
    name_space_ = fmt::format("main-{:016x}", Random::from_os().next());
  }

  Config config(const std::string& name) {
    Config out = testing::test_config(dir_ / name, EngineKind::rados);
    out.rados.ceph_conf = ceph_conf_;
    out.rados.name_space = name_space_;
    out.node.name = name;
    return out;
  }
  std::unique_ptr<Node> open(const std::string& name) {
    auto node = Node::open(config(name), NodeRole::server);
    EXPECT_TRUE(node) << (node ? "" : node.error().detail);
    if (!node) return nullptr;
    EXPECT_TRUE((*node)->cluster()->beat(0));
    return std::move(*node);
  }
  std::string config_file(const std::string& name, const std::string& text) {
    const std::string path = dir_ / (name + ".toml");
    testing::write_file(path, "data_dir = \"" + (dir_ / name) + "\"\nmemory_mb = 64\n" + text);
    return path;
  }
  std::string rados_file(const std::string& name) {
    return config_file(name, "engine = \"rados\"\n[rados]\nceph_conf = \"" + ceph_conf_ +
                                 "\"\nnamespace = \"" + name_space_ + "\"\n");
  }

  TempDir dir_;
  std::string ceph_conf_;
  std::string name_space_;
};

TEST_F(Rados, TwoNodesAreOneServer) {
  const auto one = open("one");
  const auto two = open("two");
  ASSERT_TRUE(one && two);
  ASSERT_EQ(run(*one, {"account", "add", "anna@example.org"}, "geheim").code, 0);
  EXPECT_TRUE(two->accounts().check_password({"anna@example.org", "geheim"}));
  ASSERT_EQ(run(*two, {"account", "passwd", "anna@example.org"}, "anders").code, 0);
  EXPECT_FALSE(one->accounts().check_password({"anna@example.org", "geheim"}));
  const auto there = mail_of(*two, "anna@example.org");
  for (int i = 0; i < 5; ++i) {
    put_message(*mail_of(*one, "anna@example.org"), "INBOX", "Subject: one\r\n\r\n\r\n");
    put_message(*there, "INBOX", "Subject: two\r\n\r\n\r\n");
  }
  EXPECT_EQ(read_mailbox(*mail_of(*one, "anna@example.org"), "INBOX").size(), 10U);
  ASSERT_TRUE(one->cluster()->beat(0));
  const auto status = run(*one, {"cluster", "status"});
  EXPECT_EQ(status.code, 0);
  EXPECT_NE(status.out.find("one  "), std::string::npos) << status.out;
  EXPECT_NE(status.out.find("two  "), std::string::npos) << status.out;
  EXPECT_EQ(status.out.find("gone"), std::string::npos) << status.out;
  const auto where = run(*one, {"cluster", "status", "--json", "--account", "anna@example.org"});
  EXPECT_NE(where.out.find("\"partition\":100"), std::string::npos) << where.out;
  EXPECT_EQ(run(*one, {"backup", dir_ / "backup"}).code, 1);
}

TEST_F(Rados, ThereAndBackAgain) {
  const auto disk = testing::open_node(dir_ / "disk", EngineKind::rocksdb);
  ASSERT_EQ(run(*disk, {"account", "add", "anna@example.org"}, "geheim").code, 0);
  const auto before = mail_of(*disk, "anna@example.org");
  for (int i = 0; i < 140; ++i) {
    put_message(*before, "INBOX", "Subject: " + std::to_string(i) + "\r\n\r\n\r\n",
                i % 2 ? store::flag_seen : 0);
  }
  put_message(*before, "Large", "Subject: large\r\n\r\n" + std::string(5'000'000, 'x') + "\r\n");
  const std::string from = config_file("disk", "");
  const std::string back = config_file("back", "");
  const auto there =
      run(*disk, {"store", "copy", "--from", from, "--to", rados_file("c"), "--final"});
  ASSERT_EQ(there.code, 0) << there.err;
  {
    auto cluster = Node::open(config("tool"));
    ASSERT_TRUE(cluster) << cluster.error().detail;
    EXPECT_TRUE((*cluster)->accounts().check_password({"anna@example.org", "geheim"}));
    put_message(*mail_of(**cluster, "anna@example.org"), "INBOX", "Subject: new\r\n\r\n\r\n");
    const auto copied = run(**cluster, {"store", "copy", "--from", "x", "--to", back, "--final"});
    ASSERT_EQ(copied.code, 0) << copied.err;
  }
  const auto home = testing::open_node(dir_ / "back", EngineKind::rocksdb);
  const auto after = mail_of(*home, "anna@example.org");
  EXPECT_EQ(read_mailbox(*after, "Large"), read_mailbox(*before, "Large"));
  auto inbox = read_mailbox(*after, "INBOX");
  ASSERT_EQ(inbox.size(), 141U);
  inbox.pop_back();
  EXPECT_EQ(inbox, read_mailbox(*before, "INBOX"));
  EXPECT_EQ(after->counters(store::inbox_id)->uid_validity,
            before->counters(store::inbox_id)->uid_validity);
  const auto checked = store::check_account(*after, {});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->found, 0U);
}

TEST_F(Rados, ASourceThatIsServedIsNotHandedOver) {
  const auto one = open("one");
  const auto two = open("two");
  ASSERT_TRUE(one && two);
  ASSERT_EQ(run(*one, {"account", "add", "anna@example.org"}, "geheim").code, 0);
  const std::string back = config_file("back", "");
  const auto refused = run(*one, {"store", "copy", "--from", "x", "--to", back, "--final"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("node two serves the source"), std::string::npos) << refused.err;
  EXPECT_EQ(run(*one, {"store", "copy", "--from", "x", "--to", back}).code, 0);
  ASSERT_TRUE(two->cluster()->leave());
  const auto done = run(*one, {"store", "copy", "--from", "x", "--to", back, "--final"});
  EXPECT_EQ(done.code, 0) << done.err;
}

TEST_F(Rados, RemovingAnAccountEndsSessionsElsewhere) {
  const auto one = open("one");
  const auto two = open("two");
  ASSERT_TRUE(one && two);
  ASSERT_EQ(run(*one, {"account", "add", "anna@example.org"}, "geheim").code, 0);
  const auto who = one->accounts().resolve("anna@example.org");
  ASSERT_TRUE(who);
  put_message(*mail_of(*two, "anna@example.org"), "INBOX", "Subject: two\r\n\r\n\r\n");
  Repeat beats(std::chrono::milliseconds(200), [&] { (void)two->cluster()->beat(0); });
  EXPECT_EQ(run(*one, {"account", "remove", "anna@example.org"}).code, 0);
  beats.stop();
  EXPECT_FALSE(two->accounts().resolve("anna@example.org"));
  EXPECT_EQ(engine::head_wait(two->gate(), who->partition()).value_or(1), 0U);
}

}  // namespace
}  // namespace eilpost
