#include "server/imap/view.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "server/imap/view_testing.h"

namespace eilpost::server {
namespace {

using store::flag_seen;
using store::HotEntry;
using store::HotPage;
using store::MailboxSnapshot;
using store::PagePtr;
using store::SnapshotPtr;

// A mailbox of which every change makes a snapshot, as the store does it.
class Box {
 public:
  Box() {
    now_ = std::make_shared<MailboxSnapshot>();
    now_->keywords = std::make_shared<store::KeywordTable>();
  }

  SnapshotPtr snapshot() const { return now_; }
  uint32_t uid_next() const { return now_->counters.uid_next.value; }
  ModSeq highest() const { return now_->counters.highest_modseq; }

  void append(uint32_t count, uint8_t flags = 0) {
    begin();
    for (uint32_t i = 0; i < count; ++i) {
      const Uid uid = next_->counters.uid_next;
      next_->counters.uid_next = Uid(uid.value + 1);
      HotPage page = page_of(uid);
      HotEntry& e = page.insert(store::keys::slot_of(uid));
      e.flags = flags;
      e.modseq = next_->counters.highest_modseq;
      put(std::move(page));
    }
    end();
  }

  bool flag(Uid uid, uint8_t flags, const store::KeywordSet& keywords = {}) {
    if (!now_->tree.find(uid)) return false;
    begin();
    HotPage page = page_of(uid);
    const uint8_t set = page.intern(keywords);
    HotEntry& e = *page.find(store::keys::slot_of(uid));
    e.flags = flags;
    e.keyword_set = set;
    e.modseq = next_->counters.highest_modseq;
    put(std::move(page));
    end();
    return true;
  }

  void expunge(const UidSet& uids) {
    begin();
    uids.for_each([&](Uid uid) {
      HotPage page = page_of(uid);
      if (page.erase(store::keys::slot_of(uid))) put(std::move(page));
    });
    end();
  }

 private:
  void begin() {
    next_ = std::make_shared<MailboxSnapshot>(*now_);
    next_->counters.highest_modseq.value += 1;
  }
  void end() {
    next_->counters.exists = next_->tree.exists();
    now_ = next_;
  }
  HotPage page_of(Uid uid) const {
    const uint32_t number = store::keys::page_of(uid);
    const PagePtr known = next_->tree.page(number);
    HotPage page = known ? *known : HotPage();
    page.page = number;
    return page;
  }
  void put(HotPage page) { next_->tree = next_->tree.with(store::freeze(std::move(page))); }

  std::shared_ptr<MailboxSnapshot> now_;
  std::shared_ptr<MailboxSnapshot> next_;
};

UidSet uids(uint32_t first, uint32_t last) {
  UidSet out;
  out.add(Uid(first), Uid(last));
  return out;
}

std::vector<uint32_t> values(const std::vector<Seq>& seqs) {
  std::vector<uint32_t> out;
  for (const Seq seq : seqs) out.push_back(seq.value);
  return out;
}

UidSet resolved(const View& view, const std::string& set, bool uid) {
  const auto parsed = imap::parse_sequence_set(set);
  EXPECT_TRUE(parsed);
  const auto out = view.resolve(*parsed, uid);
  EXPECT_TRUE(out) << out.error().detail;
  return out ? *out : UidSet();
}

TEST(View, AnnouncesExpungesFromTheHighestNumber) {
  Box box;
  box.append(10);
  View view(box.snapshot(), Uid(1));
  UidSet gone = uids(2, 3);
  gone.add(Uid(9));
  box.expunge(gone);
  box.append(1);
  const Announcement news = view.advance(box.snapshot(), true);
  EXPECT_EQ(values(news.expunged), (std::vector<uint32_t>{9, 3, 2}));
  EXPECT_EQ(news.vanished, gone);
  EXPECT_TRUE(news.exists_changed);
  EXPECT_TRUE(news.changed.empty());
  EXPECT_EQ(view.exists(), 8U);
  EXPECT_EQ(view.announced_modseq(), box.highest());
}

TEST(View, KeepsNumbersWhileExpungesAreDeferred) {
  Box box;
  box.append(5);
  View view(box.snapshot(), Uid(1));
  const ModSeq before = box.highest();
  box.expunge(uids(2, 2));
  box.flag(Uid(4), flag_seen);
  box.append(1);
  const Announcement first = view.advance(box.snapshot(), false);
  EXPECT_TRUE(first.expunged.empty());
  EXPECT_TRUE(first.exists_changed);
  ASSERT_EQ(first.changed.size(), 1U);
  EXPECT_EQ(first.changed[0].seq, Seq(4));
  EXPECT_EQ(view.exists(), 6U);
  EXPECT_EQ(view.uid_of(Seq(2)), Uid(2));
  EXPECT_EQ(view.gone(), uids(2, 2));
  EXPECT_EQ(view.announced_modseq(), before) << "the expunge is not announced";
  EXPECT_EQ(resolved(view, "1:3", false), uids(1, 3));
  const Announcement second = view.advance(box.snapshot(), true);
  EXPECT_EQ(values(second.expunged), std::vector<uint32_t>{2});
  EXPECT_FALSE(second.exists_changed);
  EXPECT_EQ(view.announced_modseq(), box.highest());
}

TEST(View, DoesNotTellASessionWhatItDidItself) {
  Box box;
  box.append(3);
  View view(box.snapshot(), Uid(1));
  box.flag(Uid(1), flag_seen);
  const ModSeq own = box.highest();
  box.flag(Uid(2), flag_seen);
  const ModSeq overtaken = box.highest();
  box.flag(Uid(2), 0);
  UidSet one = uids(1, 1);
  view.silence(one, own);
  view.silence(uids(2, 2), overtaken);
  const Announcement news = view.advance(box.snapshot(), false);
  ASSERT_EQ(news.changed.size(), 2U);
  EXPECT_EQ(news.changed[0].uid, Uid(1));
  EXPECT_FALSE(news.changed[0].flags);
  EXPECT_EQ(news.changed[1].uid, Uid(2));
  EXPECT_TRUE(news.changed[1].flags) << "somebody else changed it afterwards";
  box.flag(Uid(1), 0);
  EXPECT_TRUE(view.advance(box.snapshot(), false).changed.at(0).flags) << "silence does not last";
}

TEST(View, AMessageThatCameAndWentIsNeverMentioned) {
  Box box;
  box.append(2);
  View view(box.snapshot(), Uid(1));
  box.append(1);
  box.expunge(uids(3, 3));
  const Announcement news = view.advance(box.snapshot(), true);
  EXPECT_TRUE(news.expunged.empty());
  EXPECT_FALSE(news.exists_changed);
}

TEST(View, ResolvesSets) {
  Box box;
  box.append(300);
  box.expunge(uids(100, 199));
  const View view(box.snapshot(), Uid(200));
  EXPECT_EQ(view.recent(), 101U);
  EXPECT_EQ(resolved(view, "*", false), uids(300, 300));
  EXPECT_EQ(resolved(view, "99:101", false).to_string(), "99,200:201");
  EXPECT_EQ(resolved(view, "150:*", true), uids(200, 300));
  EXPECT_EQ(resolved(view, "900:*", true), uids(300, 300));
  EXPECT_EQ(resolved(view, "900", true), UidSet());
  EXPECT_EQ(resolved(view, "3,1:2,*", false).to_string(), "1:3,300");
  const auto beyond = view.resolve(*imap::parse_sequence_set("201"), false);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, Code::invalid);
  EXPECT_EQ(view.seqs_of(uids(99, 201)).to_string(), "99:101");
}

TEST(View, OfAnEmptyMailbox) {
  const Box box;
  const View view(box.snapshot(), Uid(1));
  EXPECT_EQ(view.recent(), 0U);
  EXPECT_EQ(resolved(view, "1:*", true), UidSet());
  EXPECT_FALSE(view.resolve(*imap::parse_sequence_set("1:*"), false));
  EXPECT_FALSE(view.resolve(*imap::parse_sequence_set("1"), false));
}

UidSet some_uids(Random& random, uint32_t uid_next) {
  UidSet out;
  for (uint64_t n = 1 + random.below(4); n > 0; --n) {
    const auto first = static_cast<uint32_t>(1 + random.below(uid_next));
    const auto last = first + static_cast<uint32_t>(random.below(random.below(4) == 0 ? 200 : 3));
    out.add(Uid(first), Uid(last));
  }
  return out;
}

void change(Box& box, Random& random, std::vector<ViewClient>& clients) {
  const Uid uid(static_cast<uint32_t>(1 + random.below(box.uid_next())));
  switch (random.below(5)) {
    case 0: return box.append(static_cast<uint32_t>(1 + random.below(random.below(5) ? 3 : 200)));
    case 1: return box.expunge(some_uids(random, box.uid_next()));
    default: break;
  }
  const bool did = box.flag(uid, static_cast<uint8_t>(random.below(32)),
                            {static_cast<uint16_t>(random.below(300))});
  if (!did || random.below(3) != 0) return;
  ViewClient& own = clients[random.below(clients.size())];
  own.changed_by_itself(uids(uid.value, uid.value), box.highest());
}

// What a client makes of the announcements is always the mailbox.
TEST(View, EveryClientEndsWithTheMailbox) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    Box box;
    box.append(static_cast<uint32_t>(random.below(400)));
    std::vector<ViewClient> clients(3, ViewClient(box.snapshot(), Uid(1)));
    for (int round = 0; round < 150; ++round) {
      for (uint64_t n = random.below(6); n > 0; --n) change(box, random, clients);
      ViewClient& client = clients[random.below(clients.size())];
      client.sync(box.snapshot(), random.below(3) == 0);
      ASSERT_TRUE(client.problems.empty())
          << "seed " << seed << " round " << round << ": " << client.problems[0];
    }
    for (ViewClient& client : clients) {
      client.sync(box.snapshot(), true);
      ASSERT_TRUE(client.problems.empty()) << "seed " << seed << ": " << client.problems[0];
    }
  }
}

// A HIGHESTMODSEQ that a session is told is below every change it does not know (RFC 7162 3.1.2).
TEST(View, AnnouncesNoModseqAboveWhatIsNotAnnounced) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Box box;
    box.append(300);
    std::vector<ViewClient> clients(1, ViewClient(box.snapshot(), Uid(1)));
    std::map<uint32_t, ModSeq> expunged;
    for (int round = 0; round < 200; ++round) {
      const SnapshotPtr before = box.snapshot();
      change(box, random, clients);
      for (uint32_t u = 1; u < box.uid_next(); ++u) {
        const bool gone = !box.snapshot()->tree.find(Uid(u));
        if (gone && expunged.count(u) == 0) expunged[u] = box.highest();
      }
      if (random.below(2) == 0) clients[0].sync(box.snapshot(), random.below(4) == 0);
      for (const Uid uid : clients[0].numbers) {
        const auto at = expunged.find(uid.value);
        if (at == expunged.end()) continue;
        ASSERT_LT(clients[0].view.announced_modseq(), at->second) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace eilpost::server
