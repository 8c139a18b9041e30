#include "search/attachments/attachment_words.h"

#include <fstream>

#include "search/index/index_testing.h"

namespace eilpost::search {
namespace {

constexpr MailboxId inbox(1);
constexpr MailboxId other(2);
constexpr engine::BlobId red{1, 2};
constexpr engine::BlobId blue{1, 3};

IntervalSet uids(uint32_t first, uint32_t last) {
  IntervalSet out;
  out.add(first, last);
  return out;
}

class AttachmentWordsTest : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/1/attachments"; }
  // As it is after the process has begun anew.
  AttachmentWords& again(const std::string& origin = "rules") {
    words_.emplace(path());
    EXPECT_TRUE(words_->open(origin));
    return *words_;
  }
  std::string words(engine::BlobId blob) {
    const auto found = words_->words(blob);
    return found ? *found : "! " + found.error().detail;
  }
  std::string left(MailboxId mailbox) {
    return words_->not_looked_at(mailbox, uids(1, 10)).to_string();
  }

  TestDirectory directory_;
  std::optional<AttachmentWords> words_;
};

TEST_F(AttachmentWordsTest, KeepsWhatItIsGiven) {
  again();
  EXPECT_EQ(left(inbox), "1:10");
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {"quokka", "meadow"}));
  EXPECT_TRUE(words_->put_none(inbox, uids(5, 8)));
  for (int run = 0; run < 2; ++run, again()) {
    EXPECT_EQ(words(red), "quokka\nmeadow\n");
    EXPECT_EQ(words(blue), "");
    EXPECT_EQ(left(inbox), "1:2,4,9:10");
    EXPECT_EQ(left(other), "1:10");
    EXPECT_EQ(words_->messages(), 1U);
  }
}

TEST_F(AttachmentWordsTest, CopiesShareWords) {
  again();
  EXPECT_FALSE(*words_->hold_known(other, Uid(1), red));
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {"quokka"}));
  EXPECT_TRUE(*words_->hold_known(other, Uid(1), red));
  EXPECT_TRUE(words_->keep_only(inbox, {}));
  for (int run = 0; run < 2; ++run, again()) {
    EXPECT_EQ(words(red), "quokka\n");
    EXPECT_EQ(left(inbox), "1:10");
    EXPECT_EQ(left(other), "2:10");
  }
  EXPECT_TRUE(words_->keep_only(other, {}));
  EXPECT_EQ(words(red), "");
  EXPECT_EQ(words(red), (again(), words(red)));
  EXPECT_EQ(words_->messages(), 0U);
}

// A helper that failed is not asked for the copy either.
TEST_F(AttachmentWordsTest, NoWordsAreKnownToo) {
  again();
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {}));
  EXPECT_TRUE(*words_->hold_known(other, Uid(1), red));
  EXPECT_EQ(words(red), "");
}

TEST_F(AttachmentWordsTest, OtherRulesBeginAnew) {
  again();
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {"quokka"}));
  again("other rules");
  EXPECT_EQ(words(red), "");
  EXPECT_EQ(left(inbox), "1:10");
}

TEST_F(AttachmentWordsTest, DamageEndsTheFileThere) {
  again();
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {"quokka"}));
  const auto whole = words_->bytes();
  EXPECT_TRUE(words_->put(inbox, Uid(4), blue, {"wallaby"}));
  words_.reset();
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(whole + 12));
    file.put('!');
  }
  again();
  EXPECT_EQ(words(red), "quokka\n");
  EXPECT_EQ(words(blue), "");
  EXPECT_EQ(left(inbox), "1:2,4:10");
  EXPECT_EQ(words_->bytes(), whole);
  // It goes on behind what is whole.
  EXPECT_TRUE(words_->put(inbox, Uid(4), blue, {"wallaby"}));
  again();
  EXPECT_EQ(words(blue), "wallaby\n");
}

TEST_F(AttachmentWordsTest, ACutRecordIsNone) {
  again();
  EXPECT_TRUE(words_->put(inbox, Uid(3), red, {"quokka"}));
  words_.reset();
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 3);
  again();
  EXPECT_EQ(left(inbox), "1:10");
}

TEST_F(AttachmentWordsTest, WhatIsGoneGoes) {
  again();
  const std::vector<std::string> many(5000, "somewhat-long-word-of-an-attachment");
  for (uint32_t uid = 1; uid <= 9; ++uid) {
    EXPECT_TRUE(words_->put(inbox, Uid(uid), engine::BlobId{5, uid}, many));
  }
  const auto before = words_->bytes();
  EXPECT_TRUE(words_->tidy());
  EXPECT_EQ(words_->bytes(), before);
  EXPECT_TRUE(words_->keep_only(inbox, uids(2, 3)));
  EXPECT_TRUE(words_->tidy());
  EXPECT_LT(words_->bytes(), before / 4);
  for (int run = 0; run < 2; ++run, again()) {
    EXPECT_EQ(left(inbox), "1,4:10");
    EXPECT_EQ(words(engine::BlobId{5, 2}).size(), 5000 * many.front().size() + 5000);
    EXPECT_EQ(words(engine::BlobId{5, 4}), "");
  }
}

}  // namespace
}  // namespace eilpost::search
