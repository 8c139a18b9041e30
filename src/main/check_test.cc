#include "store/check.h"

#include "main/testing.h"
#include "store/keys.h"

namespace eilpost {
namespace {

using testing::mail_of;
using testing::open_node;
using testing::put_message;
using testing::run;
using testing::TempDir;

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    node_ = open_node(dir_.path(), EngineKind::memory);
    ASSERT_EQ(run(*node_, {"account", "add", "a@example.org"}, "secret").code, 0);
    account_ = mail_of(*node_, "a@example.org");
    for (int i = 0; i < 5; ++i) {
      put_message(*account_, "INBOX", "Subject: " + std::to_string(i) + "\r\n\r\nx\r\n",
                  i % 2 == 0 ? store::flag_seen : 0);
    }
  }

  // As a defect of the disk would: past the account.
  void plant(engine::Batch batch) {
    engine::Engine& engine = account_->engine();
    const auto head = engine::head_wait(engine, account_->partition());
    ASSERT_TRUE(head);
    const auto done = engine::commit_wait(engine, account_->partition(), *head, std::move(batch));
    ASSERT_EQ(done.outcome, engine::Outcome::done);
  }
  void plant(const std::string& key, const std::string& value) {
    engine::Batch batch;
    batch.puts.emplace_back(key, value);
    plant(std::move(batch));
  }
  void plant_removal(const std::string& key) {
    engine::Batch batch;
    batch.deletes.push_back(key);
    plant(std::move(batch));
  }
  std::string row(const std::string& key) {
    auto read = account_->engine().read(account_->partition(), std::vector<std::string>{key});
    return read && !read->rows.empty() ? read->rows[0].value : "";
  }
  store::Cold cold(uint8_t slot) {
    const auto page = account_->read_page(store::inbox_id, 0, 0);
    return (*page)->find(slot)->cold;
  }
  // Finds something, repairs it, and finds nothing any more.
  void expect_repaired(const std::string& what) {
    const auto found = run(*node_, {"check", "a@example.org"});
    EXPECT_EQ(found.code, 1);
    EXPECT_NE(found.out.find(what), std::string::npos) << found.out << found.err;
    EXPECT_EQ(found.out.find("(repaired)"), std::string::npos) << found.out;
    const auto repaired = run(*node_, {"check", "a@example.org", "--repair"});
    EXPECT_EQ(repaired.code, 0) << repaired.out << repaired.err;
    EXPECT_NE(repaired.out.find("(repaired)"), std::string::npos) << repaired.out;
    expect_whole();
  }
  void expect_whole() {
    const auto ran = run(*node_, {"check", "a@example.org"});
    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("nothing wrong"), std::string::npos) << ran.out;
  }

  TempDir dir_;
  std::unique_ptr<Node> node_;
  store::AccountPtr account_;
};

TEST_F(CheckTest, NothingWrong) {
  expect_whole();
  EXPECT_EQ(run(*node_, {"check", "--all", "--quick"}).code, 0);
}

TEST_F(CheckTest, Counters) {
  const std::string key = store::keys::counters(store::inbox_id);
  auto counters = store::decode_counters(row(key));
  ASSERT_TRUE(counters);
  counters->exists = 77;
  counters->unseen = 3;
  counters->size += 1;
  plant(key, store::encode(*counters));
  expect_repaired("exists is 77, should be 5");
}

TEST_F(CheckTest, DamagedCounters) {
  const auto before = account_->counters(store::inbox_id);
  plant(store::keys::counters(store::inbox_id), "rubbish");
  expect_repaired("a damaged row of kind K");
  const auto after = account_->counters(store::inbox_id);
  ASSERT_TRUE(after);
  EXPECT_GT(after->uid_validity, before->uid_validity);
  EXPECT_GE(after->uid_next, before->uid_next);
  EXPECT_EQ(after->exists, 5U);
}

TEST_F(CheckTest, QuotaUse) {
  auto head = store::decode_head(row(store::keys::head()));
  ASSERT_TRUE(head);
  head->used.bytes += 1000;
  plant(store::keys::head(), store::encode(*head));
  expect_repaired("the quota counts");
}

TEST_F(CheckTest, Digests) {
  const std::string key = store::keys::message(store::inbox_id, 0, 2);
  auto message = store::decode_message(row(key));
  ASSERT_TRUE(message);
  const std::string right = message->digest.envelope;
  message->digest.envelope = "(NIL)";
  plant(key, store::encode(*message));
  expect_repaired("INBOX uid 2: what is kept of the message's structure differs");
  EXPECT_EQ(store::decode_message(row(key))->digest.envelope, right);
}

TEST_F(CheckTest, DigestsOfASealedPage) {
  for (int i = 0; i < 140; ++i) {
    put_message(*account_, "INBOX", "Subject: more " + std::to_string(i) + "\r\n\r\nx\r\n");
  }
  const std::string key = store::keys::message(store::inbox_id, 0, store::keys::sealed_slot);
  const auto sealed = store::decode_sealed(row(key));
  ASSERT_TRUE(sealed);
  ASSERT_TRUE(account_->engine().remove_blob(sealed->digests));
  const auto found = run(*node_, {"check", "a@example.org"});
  EXPECT_EQ(found.code, 1);
  const auto repaired = run(*node_, {"check", "a@example.org", "--repair"});
  EXPECT_EQ(repaired.code, 0) << repaired.out << repaired.err;
  expect_whole();
}

TEST_F(CheckTest, LostBlobIsReportedAndKept) {
  ASSERT_TRUE(account_->engine().remove_blob(cold(3).blob));
  const auto found = run(*node_, {"check", "a@example.org", "--repair"});
  EXPECT_EQ(found.code, 1);
  EXPECT_NE(found.out.find("INBOX uid 3: "), std::string::npos) << found.out;
  EXPECT_EQ(found.out.find("(repaired)"), std::string::npos) << found.out;
  const auto quick = run(*node_, {"check", "a@example.org", "--quick"});
  EXPECT_EQ(quick.code, 1);
}

TEST_F(CheckTest, HotEntryWithoutCold) {
  plant_removal(store::keys::message(store::inbox_id, 0, 2));
  expect_repaired("INBOX uid 2: the message has no octets");
  EXPECT_EQ(account_->counters(store::inbox_id)->exists, 4U);
}

TEST_F(CheckTest, ColdEntryThatNothingLeadsTo) {
  const std::string key = store::keys::hot_page(store::inbox_id, 0);
  auto page = store::decode_hot_page(0, row(key));
  ASSERT_TRUE(page);
  page->erase(4);
  plant(key, store::encode(*page));
  expect_repaired("INBOX uid 4: octets of a message that is neither there nor expunged");
  EXPECT_EQ(account_->counters(store::inbox_id)->exists, 4U);
}

TEST_F(CheckTest, Holders) {
  const engine::BlobId blob = cold(1).blob;
  plant(store::keys::blob_holders(blob), store::encode_holders(4));
  expect_repaired("holders of a blob that at most one message has");
  // Shared for real, and counted wrongly.
  const auto copied =
      store::mutate_wait<store::CopyResult>(*account_, {"test", "test"}, [&](store::Tx& tx) {
        store::CopyRequest request;
        request.from = store::inbox_id;
        request.to = account_->folders()->find("Archive")->id;
        request.uids.add(Uid(1));
        return store::copy(tx, account_->engine(), request);
      });
  ASSERT_TRUE(copied);
  expect_whole();
  plant_removal(store::keys::blob_holders(blob));
  expect_repaired("a blob that 2 messages share counts 1");
}

TEST_F(CheckTest, DamagedRowsAreReported) {
  plant(store::keys::log(ModSeq(2)), "rubbish");
  const auto found = run(*node_, {"check", "a@example.org"});
  EXPECT_EQ(found.code, 1);
  EXPECT_NE(found.out.find("a damaged row of kind L"), std::string::npos) << found.out;
}

}  // namespace
}  // namespace eilpost
