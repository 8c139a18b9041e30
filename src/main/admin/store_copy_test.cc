#include <gtest/gtest.h>

#include "main/testing.h"
#include "store/check.h"

namespace eilpost {
namespace {

using testing::mail_of;
using testing::put_message;
using testing::read_mailbox;
using testing::run;
using testing::TempDir;

std::string config_for(const TempDir& dir, const std::string& name, const std::string& more = "") {
  const std::string path = dir / (name + ".toml");
  testing::write_file(path, "data_dir = \"" + (dir / name) + "\"\nmemory_mb = 64\n" + more);
  return path;
}

std::vector<std::string> copy_command(const std::string& from, const std::string& to,
                                      const std::vector<std::string>& more = {}) {
  std::vector<std::string> out = {"store", "copy", "--from", from, "--to", to};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// Two accounts with mail of every kind of row.
void fill(Node& node) {
  ASSERT_EQ(
      run(node, {"account", "add", "anna@example.org", "--alias", "a@example.org"}, "geheim").code,
      0);
  ASSERT_EQ(run(node, {"account", "add", "ben@example.org"}, "his").code, 0);
  const auto anna = mail_of(node, "anna@example.org");
  for (int i = 0; i < 140; ++i) {
    put_message(*anna, "INBOX", "Subject: " + std::to_string(i) + "\r\n\r\nbody\r\n",
                i % 2 ? store::flag_seen : 0,
                i % 3 ? std::vector<std::string>{} : std::vector<std::string>{"$Work"});
  }
  put_message(*anna, "Work/New", "Subject: x\r\n\r\n" + std::string(300'000, 'x') + "\r\n");
  put_message(*mail_of(node, "ben@example.org"), "INBOX", "Subject: for ben\r\n\r\n\r\n");
}

void expect_same_mail(Node& one, Node& other, const std::string& name) {
  const auto a = mail_of(one, name);
  const auto b = mail_of(other, name);
  ASSERT_EQ(a->partition(), b->partition());
  ASSERT_EQ(a->folders()->entries().size(), b->folders()->entries().size());
  for (const auto& entry : a->folders()->entries()) {
    if (!entry.def->selectable) continue;
    EXPECT_EQ(read_mailbox(*a, entry.name), read_mailbox(*b, entry.name)) << entry.name;
    EXPECT_EQ(*a->counters(entry.def->id), *b->counters(entry.def->id)) << entry.name;
  }
  EXPECT_EQ(a->head()->last_modseq, b->head()->last_modseq);
  const auto checked = store::check_account(*b, {});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->found, 0U);
}

TEST(StoreCopy, AheadThenHandedOver) {
  const TempDir dir;
  const std::string from = config_for(dir, "one");
  const std::string to = config_for(dir, "two");
  const auto node = testing::open_node(dir / "one", EngineKind::rocksdb);
  fill(*node);
  const auto anna_id = node->accounts().resolve("anna@example.org")->id;
  ASSERT_TRUE(node->world().account_rows.edit(anna_id, directory::RowKind::grant,
                                              [](directory::RowMap& rows) -> Result<> {
                                                rows["g"].payload = "kept";
                                                return {};
                                              }));
  const auto first = run(*node, copy_command(from, to));
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("2 of 2 accounts copied and compared"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("copied ahead"), std::string::npos);
  {
    // Nobody finds the accounts there before they are handed over.
    const auto target = testing::open_node(dir / "two", EngineKind::rocksdb);
    EXPECT_FALSE(target->accounts().resolve("anna@example.org"));
  }
  // The source is still in use; only what is new is copied.
  put_message(*mail_of(*node, "anna@example.org"), "INBOX", "Subject: late\r\n\r\n\r\n");
  const auto last = run(*node, copy_command(from, to, {"--final"}));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_NE(last.out.find(" 1 messages and digests"), std::string::npos) << last.out;
  // Handed over: read, and no longer written.
  const auto anna = mail_of(*node, "anna@example.org");
  EXPECT_EQ(read_mailbox(*anna, "INBOX").size(), 141U);
  const auto refused = store::mutate_wait<MailboxId>(*anna, {"t", "t"}, [](store::Tx& tx) {
    return store::create_mailbox(tx, {"More", 0});
  });
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_TRUE(node->accounts().check_password({"anna@example.org", "geheim"}));
  EXPECT_EQ(run(*node, {"account", "add", "carla@example.org"}, "x").code, 1);

  const auto target = testing::open_node(dir / "two", EngineKind::rocksdb);
  EXPECT_TRUE(target->accounts().check_password({"a@example.org", "geheim"}));
  expect_same_mail(*node, *target, "anna@example.org");
  const auto rows = target->world().account_rows.read(anna_id, directory::RowKind::grant);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->at("g").payload, "kept");
  expect_same_mail(*node, *target, "ben@example.org");
  // An account of the target has an id of its own.
  ASSERT_EQ(run(*target, {"account", "add", "carla@example.org"}, "x").code, 0);
  EXPECT_NE(mail_of(*target, "carla@example.org")->partition(), anna->partition());
}

TEST(StoreCopy, OneAccountAndAgain) {
  const TempDir dir;
  const std::string from = config_for(dir, "one");
  const std::string to = config_for(dir, "two");
  const auto node = testing::open_node(dir / "one", EngineKind::rocksdb);
  fill(*node);
  const std::vector<std::string> only_ben = {"--account", "ben@example.org", "--final"};
  ASSERT_EQ(run(*node, copy_command(from, to, only_ben)).code, 0);
  const auto again = run(*node, copy_command(from, to, only_ben));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("0 of 1 accounts copied and compared, 1 unchanged"), std::string::npos)
      << again.out;
  // The others are not closed.
  put_message(*mail_of(*node, "anna@example.org"), "INBOX", "Subject: go on\r\n\r\n\r\n");
  {
    const auto target = testing::open_node(dir / "two", EngineKind::rocksdb);
    EXPECT_FALSE(target->accounts().resolve("anna@example.org"));
    expect_same_mail(*node, *target, "ben@example.org");
    put_message(*mail_of(*target, "ben@example.org"), "INBOX", "Subject: at home\r\n\r\n\r\n");
  }
  // Used at the target, and the source writes again (as after a restart): neither is overwritten.
  node->gate().open_partition(mail_of(*node, "ben@example.org")->partition());
  EXPECT_EQ(run(*node, copy_command(from, to, only_ben)).code, 0);
  node->gate().open_partition(mail_of(*node, "ben@example.org")->partition());
  put_message(*mail_of(*node, "ben@example.org"), "INBOX", "Subject: astray\r\n\r\n\r\n");
  const auto refused = run(*node, copy_command(from, to, only_ben));
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("in use at the target"), std::string::npos) << refused.err;
  const auto target = testing::open_node(dir / "two", EngineKind::rocksdb);
  EXPECT_EQ(read_mailbox(*mail_of(*target, "ben@example.org"), "INBOX").size(), 2U);
}

TEST(StoreCopy, RefusesTargetsThatAreNone) {
  const TempDir dir;
  const std::string from = config_for(dir, "one");
  const auto node = testing::open_node(dir / "one", EngineKind::rocksdb);
  fill(*node);
  const auto fails_with = [&](const std::string& to, const std::string& text) {
    const auto ran = run(*node, copy_command(from, to));
    EXPECT_EQ(ran.code, 1);
    EXPECT_NE(ran.err.find(text), std::string::npos) << ran.err;
  };
  fails_with(dir / "none.toml", "none.toml");
  fails_with(from, "the same store");
  fails_with(config_for(dir, "memory", "engine = \"memory\"\n"), "keeps nothing");
  fails_with(config_for(dir, "bad", "engin = \"rocksdb\"\n"), "bad.toml:3:1: engin: unknown key");
  // Another store's accounts are not touched.
  {
    const auto other = testing::open_node(dir / "other", EngineKind::rocksdb);
    ASSERT_EQ(run(*other, {"account", "add", "anna@example.org"}, "hers").code, 0);
  }
  fails_with(config_for(dir, "other"), "the target has an account of this number");
  const auto held = testing::open_node(dir / "held", EngineKind::rocksdb);
  fails_with(config_for(dir, "held"), "in use by another process");
}

TEST(ClusterStatus, OfAStoreOnDisk) {
  const TempDir dir;
  const auto node = testing::open_node(dir / "one", EngineKind::rocksdb);
  ASSERT_EQ(run(*node, {"account", "add", "ben@example.org"}, "his").code, 0);
  const auto status = run(*node, {"cluster", "status"});
  EXPECT_EQ(status.code, 0);
  EXPECT_EQ(status.out, "rocksdb in " + (dir / "one") + ": one process, no cluster\n");
  EXPECT_EQ(run(*node, {"cluster", "status", "--json"}).out,
            "{\"engine\":\"rocksdb\",\"index_pool\":\"eilpost.index\",\"blob_pool\":"
            "\"eilpost.blobs\",\"namespace\":\"\",\"reachable\":true,\"version\":0,\"nodes\":[],"
            "\"leases\":[],\"done\":[]}\n");
  const auto one = run(*node, {"cluster", "status", "--account", "ben@example.org"});
  EXPECT_EQ(one.out.find("ben@example.org: partition 100, version "), 0U) << one.out;
  EXPECT_EQ(run(*node, {"cluster", "status", "--account", "nobody@example.org"}).code, 1);
}

}  // namespace
}  // namespace eilpost
