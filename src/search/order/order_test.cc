#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/random.h"
#include "search/order/sorter.h"
#include "search/search_testing.h"

namespace eilpost::search {
namespace {

// Rankings over random keys, against a map from uid to key.
using Model = std::map<uint32_t, std::string>;

Ranking ranking_of(const Model& model) {
  std::vector<uint32_t> uids;
  Keys keys = Keys::of_texts();
  for (const auto& [uid, key] : model) {
    uids.push_back(uid);
    keys.add(key);
  }
  return rank(std::move(uids), keys);
}

void expect_same(const Model& model, const Ranking& ranking) {
  ASSERT_EQ(model.size(), ranking.uids.size());
  size_t at = 0;
  for (const auto& [uid, key] : model) {
    ASSERT_EQ(uid, ranking.uids[at]);
    ASSERT_EQ(key, ranking.keys.text(ranking.ranks[at]));
    ++at;
  }
  for (size_t i = 1; i < ranking.keys.size(); ++i) {
    ASSERT_LT(ranking.keys.text(i - 1), ranking.keys.text(i));
  }
}

std::string random_key(Random& random) {
  std::string key;
  for (uint64_t n = random.below(12); n > 0; --n) key.push_back("ab\xff"[random.below(3)]);
  return key;
}

TEST(Ranking, MergesAndRestrictsAsAMapDoes) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    Model one;
    Model other;
    Model both;
    for (uint64_t n = random.below(60); n > 0; --n) {
      const auto uid = static_cast<uint32_t>(random.below(100)) + 1;
      if (both.count(uid) != 0) continue;
      both[uid] = random_key(random);
      (random.below(2) == 0 ? one : other)[uid] = both[uid];
    }
    const Ranking merged = merge(ranking_of(one), ranking_of(other));
    expect_same(both, merged);
    std::vector<uint32_t> kept;
    Model left;
    for (uint32_t uid = 1; uid <= 100; ++uid) {
      if (random.below(2) == 0) continue;
      kept.push_back(uid);
      if (both.count(uid) != 0) left[uid] = both[uid];
    }
    expect_same(left, restrict(merged, kept));
    for (const uint32_t uid : unknown_to(merged, kept)) EXPECT_EQ(0U, both.count(uid));
    EXPECT_EQ(kept.size(), unknown_to(merged, kept).size() + left.size());
  }
}

TEST(Ranking, OrdersAsAStableSortDoes) {
  Random random(8);
  for (int round = 0; round < 300; ++round) {
    const size_t size = random.below(40);
    std::vector<OrderBy> by(1 + random.below(3));
    for (OrderBy& key : by) {
      // Few ranks or so many that they are compared.
      key.ranks_end = round % 2 == 0 ? 5 : 5000;
      key.reverse = random.below(2) == 0;
      for (size_t i = 0; i < size; ++i) {
        key.ranks.push_back(static_cast<uint32_t>(random.below(key.ranks_end)));
      }
    }
    std::vector<uint32_t> expected(size);
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](uint32_t a, uint32_t b) {
      for (const OrderBy& key : by) {
        if (key.ranks[a] == key.ranks[b]) continue;
        return key.reverse ? key.ranks[a] > key.ranks[b] : key.ranks[a] < key.ranks[b];
      }
      return false;
    });
    EXPECT_EQ(expected, ordered(size, by));
  }
}

TEST(Ranking, NumbersBelowZero) {
  Keys keys = Keys::of_numbers();
  for (const int64_t number : {int64_t{5}, INT64_MIN, int64_t{-1}, INT64_MAX, int64_t{-1}}) {
    keys.add(number);
  }
  const Ranking ranking = rank({1, 2, 3, 4, 5}, keys);
  EXPECT_EQ((std::vector<uint32_t>{2, 0, 1, 3, 1}), ranking.ranks);
}

TEST(OrderCache, KeepsWhatFits) {
  const auto sized = [](size_t uids) {
    auto ranking = std::make_shared<Ranking>();
    ranking->uids.resize(uids);
    return ranking;
  };
  OrderCache cache(10'000, 1);
  const auto key = [](uint8_t what) {
    return OrderCache::Key{PartitionId(1), MailboxId(1), 1, what, 0};
  };
  cache.keep(key(1), sized(1000));
  cache.keep(key(2), sized(1000));
  EXPECT_TRUE(cache.ranking(key(1)));
  // The third drives out the one that was asked for least recently.
  cache.keep(key(3), sized(1000));
  EXPECT_TRUE(cache.ranking(key(1)));
  EXPECT_FALSE(cache.ranking(key(2)));
  EXPECT_TRUE(cache.ranking(key(3)));
  cache.keep(key(1), sized(100'000));
  EXPECT_FALSE(cache.ranking(key(1)));
  EXPECT_LE(cache.bytes(), 10'000U);
}

// A mailbox of messages with random subjects, senders and dates, and what is known of them.
struct Known {
  std::string subject;
  std::string from;
  int64_t date = 0;
  uint64_t size = 0;
  int64_t arrival = 0;
};

class Mailbox {
 public:
  explicit Mailbox(uint64_t seed) : random_(seed) {}

  void add(size_t count) {
    std::vector<Delivery> deliveries;
    std::vector<Known> made;
    for (size_t i = 0; i < count; ++i) {
      Known next;
      next.subject = "s" + std::to_string(random_.below(20));
      next.from = std::string(1, static_cast<char>('A' + random_.below(26)));
      const int minute = static_cast<int>(random_.below(60));
      next.date = 1'644'494'400 + 60 * minute;
      char date[64];
      std::snprintf(date, sizeof(date), "Thu, 10 Feb 2022 12:%02d:00 +0000", minute);
      Delivery delivery;
      delivery.octets = "From: " + next.from + "@example.org\r\nSubject: Re: " + next.subject +
                        "\r\nDate: " + date + "\r\n\r\n" + std::string(random_.below(9), 'x');
      delivery.internal_date.seconds = static_cast<int64_t>(random_.below(1000));
      next.size = delivery.octets.size();
      next.arrival = delivery.internal_date.seconds;
      deliveries.push_back(std::move(delivery));
      made.push_back(std::move(next));
    }
    const std::vector<Uid> uids = box.add(deliveries);
    for (size_t i = 0; i < uids.size(); ++i) known[uids[i].value] = made[i];
  }

  void expunge(Uid uid) {
    UidSet uids;
    uids.add(uid);
    store::StoreRequest mark;
    mark.mailbox = store::inbox_id;
    mark.uids = uids;
    mark.change = store::FlagChange::add;
    mark.flags = store::flag_deleted;
    ASSERT_TRUE(store::mutate_wait<store::StoreResult>(
        *box.account, {}, [mark](store::Tx& tx) { return store::store_flags(tx, mark); }));
    store::ExpungeRequest gone;
    gone.mailbox = store::inbox_id;
    gone.uids = uids;
    ASSERT_TRUE(store::mutate_wait<store::ExpungeResult>(
        *box.account, {},
        [this, gone](store::Tx& tx) { return store::expunge(tx, box.engine, gone); }));
    known.erase(uid.value);
  }

  // Some of the messages by subject backwards and date: as the Sorter has them and as they are.
  void check(OrderCache* cache) {
    UidSet some;
    std::vector<uint32_t> expected;
    const uint64_t share = random_.below(3) == 0 ? 40 : 1;
    for (const auto& [uid, what] : known) {
      if (random_.below(share) != 0) continue;
      some.add(Uid(uid));
      expected.push_back(uid);
    }
    std::stable_sort(expected.begin(), expected.end(), [&](uint32_t a, uint32_t b) {
      const Known& x = known[a];
      const Known& y = known[b];
      if (x.subject != y.subject) return x.subject > y.subject;
      if (x.from != y.from) return x.from < y.from;
      return x.date < y.date;
    });
    Sorter sorter(box.account, box.snapshot(), some, {SortBy::subject, SortBy::from, SortBy::date},
                  {.cache = cache});
    for (bool done = false; !done;) {
      auto stepped = sorter.step(2);
      ASSERT_TRUE(stepped);
      done = *stepped;
    }
    std::vector<uint32_t> order;
    for (const Uid uid :
         sorter.order({{SortBy::subject, true}, {SortBy::from, false}, {SortBy::date, false}})) {
      order.push_back(uid.value);
    }
    ASSERT_EQ(expected, order);
    ASSERT_TRUE(sorter.unreadable().empty());
  }

  TestMailbox box;
  std::map<uint32_t, Known> known;

 private:
  Random random_;
};

TEST(Sorter, AsANaiveSortWhileMailComesAndGoes) {
  for (const bool cached : {false, true}) {
    Random random(cached ? 3 : 4);
    OrderCache cache(1 << 20, 1);
    Mailbox mailbox(5);
    mailbox.add(300);
    for (int round = 0; round < 25; ++round) {
      mailbox.check(cached ? &cache : nullptr);
      mailbox.add(random.below(30));
      for (int i = 0; i < 3; ++i) {
        auto at = mailbox.known.begin();
        std::advance(at, static_cast<long>(random.below(mailbox.known.size())));
        mailbox.expunge(Uid(at->first));
      }
    }
  }
}

TEST(Sorter, ReadsNoBlobAndReadsOnce) {
  Mailbox mailbox(6);
  mailbox.add(100);  // of one page, not sealed
  OrderCache cache(1 << 20, 1);
  const uint64_t blobs = mailbox.box.engine.blob_octets;
  mailbox.check(&cache);
  EXPECT_EQ(blobs, mailbox.box.engine.blob_octets);
  // All of them by a key that is known: nothing is read.
  UidSet all;
  for (const auto& [uid, what] : mailbox.known) all.add(Uid(uid));
  const auto sorter = [&] {
    return Sorter(mailbox.box.account, mailbox.box.snapshot(), all, {SortBy::date},
                  {.cache = &cache});
  };
  Sorter first = sorter();
  ASSERT_TRUE(first.step(100));
  EXPECT_TRUE(sorter().done());
}

}  // namespace
}  // namespace eilpost::search
