// What the store tests and the simulation share: a world of one engine and one or several stores
// driven by one thread, messages whose digests tell their octets, and mutations that are waited
// for. For tests only; one thread.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/counting_testing.h"
#include "engine/faulty.h"
#include "engine/memory.h"
#include "store/keys.h"
#include "store/mutations.h"
#include "store/store.h"

namespace eilpost::store {

inline constexpr PartitionId test_partition = PartitionId(7);

// What is posted runs when the test says so: in order, or as threads might, in any.
class StepQueue {
 public:
  void scramble(Random& random) { random_ = &random; }
  Executor executor() {
    return [this](std::function<void()> f) { work_.push_back(std::move(f)); };
  }
  bool step() {
    if (work_.empty()) return false;
    const auto at =
        work_.begin() + static_cast<ptrdiff_t>(random_ ? random_->below(work_.size()) : 0);
    const std::function<void()> f = std::move(*at);
    work_.erase(at);
    f();
    return true;
  }
  void drop() { work_.clear(); }

 private:
  std::deque<std::function<void()>> work_;
  Random* random_ = nullptr;
};

class World {
 public:
  // `nodes` stores over one engine; with more than one, each knows that others write too.
  explicit World(size_t nodes = 1, engine::FaultyOptions faults = {}, uint64_t seed = 1)
      : clock(Timestamp{1'700'000'000'000'000}), random(seed) {
    auto inner = std::make_unique<engine::MemoryEngine>();
    memory = inner.get();
    engine = std::make_unique<engine::FaultyEngine>(std::move(inner),
                                                    engine::FaultyOptions{.seed = faults.seed});
    single_node_ = nodes == 1;
    start(nodes);
    CHECK(engine::commit_wait(*memory, test_partition, 0, new_account_batch(clock.now())).outcome ==
          engine::Outcome::done);
    engine->set_options(faults);
  }
  ~World() { stop(); }

  void start(size_t nodes) {
    for (size_t i = 0; i < nodes; ++i) {
      counting.push_back(std::make_unique<engine::CountingEngine>(*engine));
      Services services{*counting.back(), clock, random, queue.executor(), single_node_};
      stores.push_back(std::make_unique<Store>(services, StoreOptions()));
      accounts.push_back(stores.back()->account(test_partition));
    }
  }
  void stop() {
    queue.drop();
    accounts.clear();
    stores.clear();
    counting.clear();
  }
  // The process dies and comes back with as many nodes.
  void crash() {
    const size_t nodes = stores.size();
    stop();
    engine->crash();
    start(nodes);
  }
  // Until nothing is to be done any more, delayed commits included; time passes only where somebody
  // waits for it.
  void drain() {
    for (;;) {
      do {
        while (queue.step()) {
        }
        engine->step();
      } while (queue.step());
      const auto waits = [](const AccountPtr& account) { return account->settling(); };
      if (std::none_of(accounts.begin(), accounts.end(), waits)) return;
      pass_seconds(1);
    }
  }
  // The clock goes on and every node ticks.
  void pass_seconds(int count) {
    for (int i = 0; i < count; ++i) {
      clock.advance_micros(1'000'000);
      for (const auto& store : stores) store->tick();
    }
  }
  Account& account(size_t node = 0) { return *accounts[node]; }

  template <class R>
  Result<R> run(std::function<Result<R>(Tx&)> apply, size_t node = 0) {
    std::optional<Result<R>> out;
    account(node).mutate<R>({"test", "user"}, std::move(apply), [&](Result<R> r) {
      CHECK(!out);
      out = std::move(r);
    });
    drain();
    CHECK(out);
    return std::move(*out);
  }
  Result<SnapshotPtr> open(MailboxId mailbox, size_t node = 0) {
    std::optional<Result<SnapshotPtr>> out;
    account(node).open(mailbox, [&](Result<SnapshotPtr> r) { out = std::move(r); });
    drain();
    CHECK(out);
    return std::move(*out);
  }
  engine::Version version() const { return *engine::head_wait(*memory, test_partition); }

  ManualClock clock;
  Random random;
  StepQueue queue;
  engine::MemoryEngine* memory = nullptr;  // beneath the faults
  std::unique_ptr<engine::FaultyEngine> engine;
  std::vector<std::unique_ptr<engine::CountingEngine>> counting;  // what each node asks for
  std::vector<std::unique_ptr<Store>> stores;
  std::vector<AccountPtr> accounts;

 private:
  bool single_node_ = true;
};

// What the digest of a message with these octets says.
inline Digest digest_of(const std::string& octets) {
  return {"envelope " + octets, "structure " + octets, "parts " + octets, "preview " + octets,
          "keys " + octets};
}

// A message whose blob is staged, also while the storage is not reachable.
inline NewMessage new_message(World& world, const std::string& octets, uint8_t flags = 0,
                              std::vector<std::string> keywords = {}, size_t node = 0) {
  NewMessage out;
  const bool reachable = world.engine->reachable();
  world.engine->set_reachable(true);
  auto writer = world.account(node).stage("INBOX");
  CHECK(writer);
  CHECK((*writer)->append(octets));
  const auto blob = (*writer)->finish();
  CHECK(blob);
  world.engine->set_reachable(reachable);
  out.cold.blob = *blob;
  out.cold.size = octets.size();
  out.cold.internal_date = {world.clock.now().seconds() - 86400, 60};
  out.digest = digest_of(octets);
  out.flags = flags;
  out.keywords = std::move(keywords);
  return out;
}

inline std::vector<NewMessage> new_messages(World& world, const std::string& stem, size_t count,
                                            uint8_t flags = 0,
                                            std::vector<std::string> keywords = {}) {
  std::vector<NewMessage> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(new_message(world, stem + std::to_string(i), flags, keywords));
  }
  return out;
}

inline Result<AppendResult> append_to(World& world, MailboxId mailbox,
                                      std::vector<NewMessage> messages, QuotaLimit quota = {}) {
  const AppendRequest request{mailbox, std::move(messages), quota};
  return world.run<AppendResult>([=](Tx& tx) { return append(tx, request); });
}

inline Result<StoreResult> flag(World& world, const StoreRequest& request) {
  return world.run<StoreResult>([=](Tx& tx) { return store_flags(tx, request); });
}

inline Result<CopyResult> copy_in(World& world, const CopyRequest& request) {
  return world.run<CopyResult>([=, &world](Tx& tx) { return copy(tx, *world.engine, request); });
}

inline Result<ExpungeResult> expunge_in(World& world, const ExpungeRequest& request) {
  return world.run<ExpungeResult>(
      [=, &world](Tx& tx) { return expunge(tx, *world.engine, request); });
}

inline Result<PurgeResult> purge_in(World& world, int64_t before_seconds) {
  return world.run<PurgeResult>(
      [=, &world](Tx& tx) { return purge(tx, *world.engine, before_seconds); });
}

inline Result<MailboxId> create(World& world, const std::string& name) {
  return world.run<MailboxId>([=](Tx& tx) { return create_mailbox(tx, {name, 0}); });
}

inline Result<MailboxId> remove(World& world, const std::string& name) {
  return world.run<MailboxId>([=](Tx& tx) { return delete_mailbox(tx, name); });
}

inline Result<MailboxId> rename(World& world, const std::string& from, const std::string& to) {
  return world.run<MailboxId>([=](Tx& tx) { return rename_mailbox(tx, from, to); });
}

inline UidSet uids(uint32_t first, uint32_t last) {
  UidSet out;
  out.add(Uid(first), Uid(last));
  return out;
}

inline UidSet uid(uint32_t one) {
  return uids(one, one);
}

}  // namespace eilpost::store
