// An account under real threads: what TSan looks at, and that nothing is lost or doubled.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "store/audit_testing.h"
#include "store/store_testing.h"

namespace eilpost::store {
namespace {

class Pool {
 public:
  explicit Pool(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    ready_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  Executor executor() {
    return [this](std::function<void()> f) {
      {
        const std::lock_guard lock(mutex_);
        work_.push_back(std::move(f));
      }
      ready_.notify_one();
    };
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ready_.wait(lock, [this] { return closing_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> f = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      f();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> work_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

struct Sums {
  std::atomic<uint32_t> appended = 0;
  std::atomic<uint32_t> failed = 0;
  std::atomic<bool> stop = false;
};

// Appends and flags one message after the other.
void write(Account& account, engine::Engine& engine, int rounds, Sums& sums) {
  for (int i = 0; i < rounds; ++i) {
    NewMessage message;
    auto writer = engine.stage_blob(account.partition(), Timestamp{1}, "INBOX");
    const std::string octets = "message " + std::to_string(i);
    if (!writer || !(*writer)->append(octets)) std::abort();
    message.cold.blob = *(*writer)->finish();
    message.cold.size = octets.size();
    message.digest = digest_of(octets);
    const AppendRequest request{inbox_id, {message}, {}};
    const auto added =
        mutate_wait<AppendResult>(account, {}, [request](Tx& tx) { return append(tx, request); });
    if (!added) {
      ++sums.failed;
      continue;
    }
    ++sums.appended;
    const StoreRequest seen{inbox_id, uid(added->uids[0].value), FlagChange::add, flag_seen, {},
                            {}};
    const auto flagged =
        mutate_wait<StoreResult>(account, {}, [seen](Tx& tx) { return store_flags(tx, seen); });
    if (!flagged || flagged->changed.count() != 1) ++sums.failed;
  }
}

// What a session does all the time; modseqs that it sees never fall.
void read(Store& store, Account& account, Sums& sums) {
  ModSeq last;
  while (!sums.stop) {
    const auto box = open_wait(account, inbox_id);
    if (!box || (*box)->counters.highest_modseq < last ||
        (*box)->counters.exists != (*box)->tree.exists()) {
      ++sums.failed;
      return;
    }
    last = (*box)->counters.highest_modseq;
    const auto subscription = account.subscribe(inbox_id, [] {});
    (void)account.changes_since(inbox_id, last);
    account.shed();
    (void)store.memory_bytes();
    std::this_thread::yield();
  }
}

void expect_all_there(size_t nodes, engine::FaultyOptions faults) {
  auto inner = std::make_unique<engine::MemoryEngine>();
  engine::MemoryEngine& memory = *inner;
  engine::FaultyEngine engine(std::move(inner), faults);
  Random random(1);
  Sums sums;
  constexpr int rounds = 60;
  {
    Pool pool(3);
    std::vector<std::unique_ptr<Store>> stores;
    std::vector<std::thread> threads;
    SystemClock clock;
    for (size_t i = 0; i < nodes; ++i) {
      stores.push_back(std::make_unique<Store>(
          Services{engine, clock, random, pool.executor(), nodes == 1}, StoreOptions()));
    }
    ASSERT_TRUE(stores[0]->create_account(test_partition));
    for (size_t i = 0; i < 4; ++i) {
      Account& account = *stores[i % nodes]->account(test_partition);
      threads.emplace_back([&account, &engine, &sums] { write(account, engine, rounds, sums); });
    }
    std::thread reader([&] { read(*stores[0], *stores[0]->account(test_partition), sums); });
    for (std::thread& t : threads) t.join();
    sums.stop = true;
    reader.join();
  }
  EXPECT_EQ(sums.failed, 0U);
  EXPECT_EQ(sums.appended, 4U * rounds);
  const Audit audit(memory, test_partition);
  EXPECT_TRUE(audit.problems().empty()) << audit.text();
  EXPECT_EQ(audit.head().used.messages, 4U * rounds);
}

TEST(Threads, OnOneNode) {
  expect_all_there(1, {.steps_by_itself = true});
}

TEST(Threads, OnTwoNodesWithFaults) {
  expect_all_there(2, {.seed = 5,
                       .delay_commit = 50,
                       .conflict = 20,
                       .unknown_written = 50,
                       .unknown_lost = 50,
                       .steps_by_itself = true});
}

}  // namespace
}  // namespace eilpost::store
