// A search through the index finds what a search without it finds, whatever happened to the
// messages and to the index's files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "search/index/index_testing.h"

namespace eilpost::search {
namespace {

namespace fs = std::filesystem;

IndexOptions small_options(const std::string& directory) {
  IndexOptions options;
  options.directory = directory;
  options.block_messages = 6;
  options.wait_messages_min = 6;
  options.wait_messages_max = 40;
  options.segment_blocks_max = 5;
  options.merged_messages_max = 400;
  options.message_text_max = 20'000;
  return options;
}

class TextIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!xapian_available()) GTEST_SKIP();
    indexes_.emplace(small_options(directory_.path()), metrics_);
    auto made = store::mutate_wait<MailboxId>(*box_.account, {}, [](store::Tx& tx) {
      return store::create_mailbox(tx, {.name = "Other"});
    });
    ASSERT_TRUE(made);
    other_ = *made;
  }

  void deliver(uint64_t count) {
    std::vector<Delivery> deliveries;
    for (uint64_t i = 0; i < count; ++i) deliveries.push_back({maker_.message(), 0, {}, {}});
    box_.add(deliveries);
  }
  void bring_up(bool all = false) {
    const auto done = bring_up_to_date(*index(), box_.account, {.all = all});
    ASSERT_TRUE(done) << done.error().detail;
  }
  TextIndexPtr index() { return indexes_->find(box_.account->partition()); }
  // As after a restart.
  void reopen() { indexes_.emplace(small_options(directory_.path()), metrics_); }

  store::SnapshotPtr snapshot(MailboxId mailbox) {
    auto opened = store::open_wait(*box_.account, mailbox);
    EXPECT_TRUE(opened);
    return *opened;
  }
  UidSet some_uids(MailboxId mailbox, uint64_t count) {
    UidSet out;
    const uint32_t last = snapshot(mailbox)->tree.last_uid().value;
    for (uint64_t i = 0; last > 0 && i < count; ++i) {
      out.add(Uid(static_cast<uint32_t>(1 + maker_.below(last))));
    }
    return out;
  }
  void change_something() {
    const MailboxId from = maker_.chance(2) ? store::inbox_id : other_;
    const MailboxId to = from == other_ ? store::inbox_id : other_;
    engine::Engine& engine = box_.engine;
    box_.clock.advance_micros(60'000'000);
    switch (maker_.below(5)) {
      case 0: return deliver(1 + maker_.below(30));
      case 1:
      case 2: {
        const store::CopyRequest request{from, to, some_uids(from, 20), maker_.chance(2), {}};
        ASSERT_TRUE(store::mutate_wait<store::CopyResult>(
            *box_.account, {}, [&](store::Tx& tx) { return store::copy(tx, engine, request); }));
        return;
      }
      case 3: return flag(from, some_uids(from, 10), store::flag_seen);
      default: {
        flag(from, some_uids(from, 12), store::flag_deleted);
        ASSERT_TRUE(store::mutate_wait<store::ExpungeResult>(*box_.account, {}, [&](store::Tx& tx) {
          return store::expunge(tx, engine, {from, {}});
        }));
      }
    }
  }
  void flag(MailboxId mailbox, UidSet uids, uint8_t flag) {
    store::StoreRequest request;
    request.mailbox = mailbox;
    request.uids = std::move(uids);
    request.change = store::FlagChange::add;
    request.flags = flag;
    ASSERT_TRUE(store::mutate_wait<store::StoreResult>(
        *box_.account, {}, [&](store::Tx& tx) { return store::store_flags(tx, request); }));
  }

  // Asks both ways; how many programs told messages apart.
  int agree(int programs) {
    int some = 0;
    for (int i = 0; i < programs; ++i) {
      const Program program = maker_.key();
      for (const MailboxId mailbox : {store::inbox_id, other_}) {
        const auto shown = snapshot(mailbox);
        const auto scanned = evaluate(box_.account, shown, program, {});
        const auto indexed = evaluate(box_.account, shown, program, {.indexes = &*indexes_});
        EXPECT_TRUE(scanned && indexed);
        EXPECT_EQ(scanned->uids.to_string(), indexed->uids.to_string())
            << "op " << static_cast<int>(program.op) << " '" << program.text << "'";
        some += !scanned->uids.empty() && scanned->uids.count() < shown->tree.exists();
      }
    }
    return some;
  }

  Metrics metrics_;
  TestDirectory directory_;
  TextMaker maker_{1};
  TestMailbox box_;
  std::optional<TextIndexes> indexes_;
  MailboxId other_;
};

class RandomHistory : public TextIndexTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(RandomHistory, TheIndexAndTheScanAgree) {
  maker_ = TextMaker(GetParam());
  deliver(150);
  int some = 0;
  for (int round = 0; round < 12; ++round) {
    for (uint64_t n = maker_.below(4); n > 0; --n) change_something();
    some += agree(6);
    if (!maker_.chance(3)) bring_up(maker_.chance(3));
    if (maker_.chance(4)) reopen();
    some += agree(12);
  }
  EXPECT_GT(some, 100);
  EXPECT_GT(indexes_->metrics().narrowed.value(), 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, testing::Range<uint64_t>(1, 9));

TEST_F(TextIndexTest, LooksIntoFewMessages) {
  deliver(300);
  box_.add("Subject: the needle\r\n\r\nA quokka is no wallaby.\r\n");
  deliver(300);
  bring_up(true);
  const uint64_t before = box_.engine.blob_octets;
  const auto found =
      evaluate(box_.account, box_.snapshot(), body_contains("QUOKKA IS"), {.indexes = &*indexes_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->uids.to_string(), "301");
  const uint64_t indexed = box_.engine.blob_octets - before;
  ASSERT_TRUE(evaluate(box_.account, box_.snapshot(), body_contains("QUOKKA IS"), {}));
  EXPECT_LT(indexed * 10, box_.engine.blob_octets - before - indexed);
}

TEST_F(TextIndexTest, CopiesAndMovesNeedNoSecondIndexing) {
  deliver(120);
  bring_up(true);
  const double before = indexes_->metrics().messages.value();
  box_.clock.advance_micros(60'000'000);
  UidSet all;
  all.add(Uid(1), Uid(120));
  const store::CopyRequest request{store::inbox_id, other_, all, true, {}};
  ASSERT_TRUE(store::mutate_wait<store::CopyResult>(
      *box_.account, {}, [&](store::Tx& tx) { return store::copy(tx, box_.engine, request); }));
  bring_up(true);
  EXPECT_EQ(indexes_->metrics().messages.value(), before);
  EXPECT_GE(index()->status().indexed, 114U);
  EXPECT_GT(agree(20), 5);
}

TEST_F(TextIndexTest, ADeadSegmentGoes) {
  deliver(60);
  bring_up(true);
  const IndexStatus before = index()->status();
  UidSet most;
  most.add(Uid(1), Uid(50));
  flag(store::inbox_id, most, store::flag_deleted);
  ASSERT_TRUE(store::mutate_wait<store::ExpungeResult>(*box_.account, {}, [&](store::Tx& tx) {
    return store::expunge(tx, box_.engine, {store::inbox_id, {}});
  }));
  bring_up(true);
  bring_up(true);
  EXPECT_LT(index()->status().bytes, before.bytes);
  EXPECT_EQ(index()->status().indexed + index()->status().waiting, 10U);
  agree(20);
}

TEST_F(TextIndexTest, LargeMessagesAreAlwaysLookedInto) {
  std::string text;
  while (text.size() < 40'000) text += maker_.words(50) + "\r\n";
  box_.add("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
           text + " marsupilami\r\n");
  deliver(60);
  bring_up(true);
  EXPECT_EQ(index()->status().always, 1U);
  const auto found = evaluate(box_.account, box_.snapshot(), body_contains("marsupilami"),
                              {.indexes = &*indexes_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->uids.to_string(), "1");
}

void flip_octet(const fs::path& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char was = static_cast<char>(file.get());
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(was ^ 0x10));
}

// Every file in turn is damaged, cut off or taken away.
TEST_F(TextIndexTest, DamageIsNoticedAndRepaired) {
  deliver(200);
  bring_up(true);
  for (int round = 0; round < 24; ++round) {
    indexes_.reset();
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    ASSERT_GE(files.size(), 2U);
    const fs::path& file = files[maker_.below(files.size())];
    const uint64_t size = fs::file_size(file);
    if (round % 4 == 0) fs::resize_file(file, maker_.below(size));
    if (round % 4 == 1) fs::remove(file);
    if (round % 4 > 1) flip_octet(file, maker_.below(size));
    reopen();
    agree(4);
    bring_up(true);
    const IndexStatus status = index()->status();
    ASSERT_EQ(status.indexed + status.waiting + status.always, 200U) << file;
    ASSERT_LT(status.waiting, 6U) << file;
    agree(4);
  }
}

// An index that lies where another account's index is to be.
TEST_F(TextIndexTest, AnotherAccountsIndexIsNotUsed) {
  deliver(60);
  bring_up(true);
  indexes_.reset();
  TestMailbox another;
  another.stage({"another account's blobs have other names", 0, {}, {}});
  std::vector<Delivery> deliveries(60, Delivery{"Subject: x\r\n\r\nsomething else\r\n", 0, {}, {}});
  another.add(deliveries);
  reopen();
  const auto found = evaluate(another.account, another.snapshot(), body_contains("something else"),
                              {.indexes = &*indexes_});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->uids.count(), 60U);
}

TEST_F(TextIndexTest, ADiskThatRefusesCostsNothingButTheIndex) {
  // A file stands where the directory should be.
  std::ofstream(directory_.path() + "/1") << "in the way";
  deliver(100);
  EXPECT_FALSE(bring_up_to_date(*index(), box_.account, {.all = true}));
  EXPECT_GT(agree(10), 2);
  fs::remove(directory_.path() + "/1");
  bring_up(true);
  EXPECT_GE(index()->status().indexed, 94U);
  EXPECT_GT(agree(10), 2);
}

TEST(Grams, OfANeedleAreThoseOfTheText) {
  TextMaker maker(7);
  int said = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string before = mime::fold_for_search(maker.words(2) + " ");
    const std::string needle = mime::fold_for_search(maker.needle());
    GramSet grams;
    grams.add(before + needle + mime::fold_for_search("-" + maker.words(2)));
    std::vector<std::string> terms;
    grams.append_terms(terms);
    for (const std::string& term : terms_of_needle(needle)) {
      ASSERT_NE(std::find(terms.begin(), terms.end(), term), terms.end()) << needle;
      ++said;
    }
  }
  EXPECT_GT(said, 3000);
}

TEST(Grams, ShortNeedlesSayNothing) {
  EXPECT_TRUE(terms_of_needle("").empty());
  EXPECT_TRUE(terms_of_needle("ab").empty());
  EXPECT_TRUE(terms_of_needle("界").empty());
  EXPECT_TRUE(terms_of_needle("\r\nab\r\n").empty());
  EXPECT_EQ(terms_of_needle("abc"), std::vector<std::string>{"abc"});
  EXPECT_EQ(terms_of_needle("世界"), std::vector<std::string>{"世界"});
}

TEST(PlacementTest, EncodesAndRemoves) {
  Placement placement;
  for (const uint32_t uid : {1, 2, 3, 7, 9, 8, 20}) placement.place(uid, uid < 8 ? 1 : 5);
  std::string octets;
  placement.encode(octets);
  Reader reader(octets);
  const auto decoded = Placement::decode(reader);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->runs(), placement.runs());
  EXPECT_EQ(placement.uids().to_string(), "1:3,7:9,20");
  uint32_t gone = 0;
  placement.remove(2, 8, [&](BlockId, uint32_t count) { gone += count; });
  EXPECT_EQ(gone, 4U);
  EXPECT_EQ(placement.uids().to_string(), "1,9,20");
  EXPECT_EQ(placement.take_blocks(5, 6).to_string(), "9,20");
}

}  // namespace
}  // namespace eilpost::search
