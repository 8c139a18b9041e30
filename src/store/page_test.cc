#include "store/page.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/bytes.h"
#include "base/random.h"

namespace eilpost::store {
namespace {

HotPage random_page(Random& random, uint32_t number) {
  HotPage page;
  page.page = number;
  const uint64_t density = random.below(129);
  for (uint32_t slot = 0; slot < 128; ++slot) {
    if (random.below(128) >= density) continue;
    KeywordSet set;
    for (uint16_t k = 0; random.below(3) == 0;
         k = static_cast<uint16_t>(k + 1 + random.below(500))) {
      set.push_back(k);
    }
    const uint8_t keywords = page.intern(set);
    HotEntry& e = page.insert(static_cast<uint8_t>(slot));
    e.keyword_set = keywords;
    e.flags = static_cast<uint8_t>(random.below(32));
    e.modseq = ModSeq(random.next() >> (1 + random.below(60)));
    e.deleted_at = (e.flags & flag_deleted) ? static_cast<uint32_t>(random.next()) : 0;
  }
  return page;
}

void expect_same(const HotPage& a, const HotPage& b) {
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (size_t i = 0; i < a.entries.size(); ++i) {
    ASSERT_EQ(a.entries[i], b.entries[i]);
    ASSERT_EQ(a.keywords(a.entries[i]), b.keywords(b.entries[i]));
  }
}

TEST(HotPage, ComesBackAsItWasWritten) {
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    const HotPage page = random_page(random, 9);
    const auto back = decode_hot_page(9, encode(page));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(back->page, 9U);
    expect_same(page, *back);
  }
}

TEST(HotPage, OfMessagesThatAreAlikeIsSmall) {
  HotPage page;
  for (uint8_t slot = 0; slot < 128; ++slot) {
    HotEntry& e = page.insert(slot);
    e.flags = flag_seen;
    e.modseq = ModSeq(1'000'000'000ULL + slot);
  }
  EXPECT_LE(encode(page).size(), 60U);
}

TEST(HotPage, AnyChangedOctetIsCorrupt) {
  Random random(2);
  for (int i = 0; i < 50; ++i) {
    const std::string value = encode(random_page(random, 0));
    for (size_t at = 0; at < value.size(); ++at) {
      std::string damaged = value;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 + random.below(255)));
      const auto back = decode_hot_page(0, damaged);
      ASSERT_FALSE(back);
      EXPECT_EQ(back.error().code, Code::corrupt);
    }
    EXPECT_FALSE(decode_hot_page(0, std::string_view(value).substr(0, random.below(value.size()))));
  }
}

// With a right checksum, as from a program that writes nonsense: refused or a page that can be
// used.
TEST(HotPage, NonsenseUnderARightChecksumNeverCrashes) {
  Random random(3);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string sealed = encode(random_page(random, 0));
    std::string payload(unseal_value(sealed)->payload);
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      payload[random.below(payload.size())] = static_cast<char>(random.next());
    }
    if (random.below(4) == 0) payload.resize(random.below(payload.size() + 1));
    const auto back = decode_hot_page(0, seal_value(1, payload));
    if (!back) {
      ASSERT_EQ(back.error().code, Code::corrupt);
      ++refused;
      continue;
    }
    int last = -1;
    for (const HotEntry& e : back->entries) {
      ASSERT_GT(int{e.slot}, last);
      ASSERT_LT(e.slot, 128);
      ASSERT_LT(e.keyword_set, back->keyword_sets.size());
      last = e.slot;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(HotPage, AnotherFormatIsCorrupt) {
  const auto back = decode_hot_page(0, seal_value(2, ""));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::corrupt);
}

// More different sets pass through a page than it can number: unused ones make room.
TEST(HotPage, KeywordSetsThatNobodyUsesMakeRoom) {
  HotPage page;
  std::map<uint8_t, KeywordSet> model;
  for (uint16_t i = 0; i < 3000; ++i) {
    const auto slot = static_cast<uint8_t>(i * 7 % 128);
    const KeywordSet set{i, static_cast<uint16_t>(i + 10000)};
    const uint8_t index = page.intern(set);
    page.insert(slot).keyword_set = index;
    model[slot] = set;
    for (const auto& [s, expected] : model) ASSERT_EQ(page.keywords(*page.find(s)), expected);
    ASSERT_TRUE(page.keyword_sets[0].empty());
  }
  const auto back = decode_hot_page(0, encode(page));
  ASSERT_TRUE(back);
  expect_same(page, *back);
}

// A tree beside the plainest thing that answers the same.
class TreeModel {
 public:
  void set(uint32_t uid, uint8_t flags, uint64_t modseq) { messages_[uid] = {flags, modseq}; }
  void erase(uint32_t uid) { messages_.erase(uid); }
  bool has(uint32_t uid) const { return messages_.count(uid) != 0; }

  PagePtr page(uint32_t number) const {
    HotPage page;
    page.page = number;
    for (auto at = messages_.lower_bound(number << 7); at != messages_.end(); ++at) {
      if (at->first >> 7 != number) break;
      HotEntry& e = page.insert(static_cast<uint8_t>(at->first & 127));
      e.flags = at->second.first;
      e.modseq = ModSeq(at->second.second);
    }
    return freeze(std::move(page));
  }

  void expect(const MessageTree& tree, Random& random, uint32_t uid_max) const {
    ASSERT_EQ(tree.exists(), messages_.size());
    std::vector<uint32_t> uids;
    uint32_t unseen = 0;
    uint32_t first_unseen = 0;
    for (const auto& [uid, value] : messages_) {
      uids.push_back(uid);
      if (value.first & flag_seen) continue;
      ++unseen;
      if (first_unseen == 0) first_unseen = static_cast<uint32_t>(uids.size());
    }
    ASSERT_EQ(tree.unseen(), unseen);
    ASSERT_EQ(tree.first_unseen(), Seq(first_unseen));
    ASSERT_EQ(tree.last_uid(), Uid(uids.empty() ? 0 : uids.back()));
    ASSERT_EQ(tree.uid_of(Seq(0)), Uid(0));
    ASSERT_EQ(tree.uid_of(Seq(tree.exists() + 1)), Uid(0));
    for (size_t i = 0; i < uids.size(); ++i) {
      ASSERT_EQ(tree.uid_of(Seq(static_cast<uint32_t>(i + 1))), Uid(uids[i]));
    }
    for (int k = 0; k < 200; ++k) {
      const auto uid = static_cast<uint32_t>(random.below(uid_max + 1000));
      const auto before =
          static_cast<uint32_t>(std::lower_bound(uids.begin(), uids.end(), uid) - uids.begin());
      ASSERT_EQ(tree.lower_bound(Uid(uid)), Seq(before + 1));
      ASSERT_EQ(tree.seq_of(Uid(uid)), Seq(has(uid) ? before + 1 : 0));
      ASSERT_EQ(tree.find(Uid(uid)) != nullptr, has(uid));
    }
    expect_pages(tree, uids, Uid(static_cast<uint32_t>(random.below(uid_max))));
  }

 private:
  static void expect_pages(const MessageTree& tree, const std::vector<uint32_t>& uids, Uid from) {
    std::vector<uint32_t> walked;
    tree.for_pages(from, [&](Seq first, const PagePtr& page) {
      EXPECT_EQ(tree.uid_of(first), page->uid(page->entries.front()));
      for (const HotEntry& e : page->entries) walked.push_back(page->uid(e).value);
      return true;
    });
    const auto start =
        std::lower_bound(uids.begin(), uids.end(), keys::page_of(from) << 7) - uids.begin();
    ASSERT_EQ(walked, std::vector<uint32_t>(uids.begin() + start, uids.end()));
  }

  std::map<uint32_t, std::pair<uint8_t, uint64_t>> messages_;
};

// What diff() calls different is exactly what differs.
void expect_diff(const MessageTree& before, const MessageTree& after,
                 const std::set<uint32_t>& changed) {
  std::set<uint32_t> seen;
  MessageTree::diff(before, after, [&](const PagePtr& a, const PagePtr& b) {
    ASSERT_TRUE(a || b);
    const uint32_t number = a ? a->page : b->page;
    EXPECT_EQ(before.page(number), a);
    EXPECT_EQ(after.page(number), b);
    EXPECT_TRUE(seen.insert(number).second);
  });
  for (const uint32_t number : changed) {
    const bool there = before.page(number) || after.page(number);
    EXPECT_EQ(seen.count(number), there ? 1U : 0U) << number;
  }
  for (const uint32_t number : seen) EXPECT_EQ(changed.count(number), 1U) << number;
}

TEST(MessageTree, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Random random(seed);
    // Some ten chunks of 8,192 uids, or one that is crowded.
    const uint32_t uid_max = seed % 2 == 0 ? 90'000 : 9'000;
    TreeModel model;
    MessageTree tree;
    for (int round = 0; round < 60; ++round) {
      std::set<uint32_t> changed;
      const uint64_t edits = 1 + random.below(400);
      for (uint64_t i = 0; i < edits; ++i) {
        auto uid = static_cast<uint32_t>(1 + random.below(uid_max));
        if (random.below(8) == 0) uid = 8192 * (1 + static_cast<uint32_t>(random.below(3))) - 1;
        if (random.below(8) == 0) uid = 8192;
        if (random.below(3) == 0) {
          model.erase(uid);
        } else {
          model.set(uid, static_cast<uint8_t>(random.below(32)), random.next() >> 1);
        }
        changed.insert(uid >> 7);
      }
      std::vector<PagePtr> pages;
      for (const uint32_t number : changed) pages.push_back(model.page(number));
      const MessageTree before = tree;
      if (random.below(2) == 0) {
        tree = tree.with(pages);
      } else {
        for (const PagePtr& page : pages) tree = tree.with(page);
      }
      model.expect(tree, random, uid_max);
      expect_diff(before, tree, changed);
      if (HasFatalFailure()) FAIL() << "seed " << seed << " round " << round;
    }
  }
}

TEST(MessageTree, OfNothingAnswersNothing) {
  const MessageTree tree;
  EXPECT_EQ(tree.exists(), 0U);
  EXPECT_EQ(tree.last_uid(), Uid(0));
  EXPECT_EQ(tree.first_unseen(), Seq(0));
  EXPECT_EQ(tree.lower_bound(Uid(5)), Seq(1));
  EXPECT_EQ(tree.uid_of(Seq(1)), Uid(0));
  EXPECT_EQ(tree.page(0), nullptr);
}

TEST(MessageTree, ForPagesStopsWhenTold) {
  TreeModel model;
  std::vector<PagePtr> pages;
  for (uint32_t n = 0; n < 100; ++n) {
    model.set(n * 128 + 1, 0, 1);
    pages.push_back(model.page(n));
  }
  const MessageTree tree = MessageTree().with(pages);
  int calls = 0;
  tree.for_pages(Uid(1), [&](Seq, const PagePtr&) { return ++calls < 70; });
  EXPECT_EQ(calls, 70);
}

// Changing one message leaves every other page the same object.
TEST(MessageTree, SharesWhatDoesNotChange) {
  TreeModel model;
  std::vector<PagePtr> pages;
  for (uint32_t n = 0; n < 300; ++n) {
    for (uint32_t s = 0; s < 128; ++s) model.set(n * 128 + s, 0, 1);
    pages.push_back(model.page(n));
  }
  const MessageTree before = MessageTree().with(pages);
  model.set(20'000, flag_seen, 2);
  const MessageTree after = before.with(model.page(20'000 >> 7));
  expect_diff(before, after, {20'000 >> 7});
  EXPECT_EQ(before.unseen(), after.unseen() + 1);
}

}  // namespace
}  // namespace eilpost::store
