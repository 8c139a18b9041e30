// For tests of the search layer: one account over the memory engine, whose INBOX is filled with
// messages given as octets. Everything runs on the calling thread.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/memory.h"
#include "mime/scanner.h"
#include "search/evaluate.h"
#include "store/digest.h"
#include "store/mutations.h"
#include "store/store.h"

namespace eilpost::search {

// Counts what is read of blobs; everything else is the memory engine's.
class CountingEngine final : public engine::Engine {
 public:
  void commit(PartitionId partition, engine::Version expected, engine::Batch batch,
              engine::CommitCallback done) override {
    memory.commit(partition, expected, std::move(batch), std::move(done));
  }
  Result<engine::ReadResult> read(PartitionId partition,
                                  const std::vector<std::string>& keys) override {
    ++reads;
    return memory.read(partition, keys);
  }
  Result<engine::ReadResult> read(PartitionId partition, const engine::Range& range) override {
    ++reads;
    return memory.read(partition, range);
  }
  void head(PartitionId partition, std::function<void(Result<engine::Version>)> done) override {
    memory.head(partition, std::move(done));
  }
  std::unique_ptr<engine::Watch> watch(PartitionId partition, engine::Wake wake) override {
    return memory.watch(partition, std::move(wake));
  }
  Result<std::vector<PartitionId>> partitions(PartitionId after) override {
    return memory.partitions(after);
  }
  Result<> remove_partition(PartitionId partition) override {
    return memory.remove_partition(partition);
  }
  Result<std::unique_ptr<engine::BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                         std::string place) override {
    return memory.stage_blob(partition, now, std::move(place));
  }
  Result<std::string> read_blob(engine::BlobId id, uint64_t offset, uint64_t length) override {
    auto octets = memory.read_blob(id, offset, length);
    if (octets) blob_octets += octets->size();
    if (octets) largest_read = std::max<uint64_t>(largest_read, octets->size());
    return octets;
  }
  Result<> remove_blob(engine::BlobId id) override { return memory.remove_blob(id); }
  Result<> scan_blobs(const std::function<bool(const engine::BlobRecord&)>& each) override {
    return memory.scan_blobs(each);
  }
  void close() override { memory.close(); }

  engine::MemoryEngine memory;
  uint64_t reads = 0;
  uint64_t blob_octets = 0;
  uint64_t largest_read = 0;
};

struct Delivery {
  std::string octets;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  store::ZonedTime internal_date;
};

class TestMailbox {
 public:
  TestMailbox() {
    EXPECT_TRUE(store.create_account(PartitionId(1)));
    account = store.account(PartitionId(1));
    EXPECT_TRUE(store::refresh_wait(*account));
  }
  ~TestMailbox() { account.reset(); }

  store::NewMessage stage(const Delivery& delivery) {
    auto writer = account->stage("INBOX");
    EXPECT_TRUE(writer && (*writer)->append(delivery.octets));
    store::NewMessage message;
    message.cold.blob = *(*writer)->finish();
    message.cold.size = delivery.octets.size();
    message.cold.internal_date = delivery.internal_date;
    message.digest = store::make_digest(mime::scan(delivery.octets));
    message.flags = delivery.flags;
    message.keywords = delivery.keywords;
    return message;
  }

  // In commits of up to 100 messages.
  std::vector<Uid> add(const std::vector<Delivery>& deliveries) {
    std::vector<Uid> uids;
    for (size_t at = 0; at < deliveries.size();) {
      store::AppendRequest request;
      request.mailbox = store::inbox_id;
      for (size_t n = 0; n < 100 && at < deliveries.size(); ++n) {
        request.messages.push_back(stage(deliveries[at++]));
      }
      auto result = store::mutate_wait<store::AppendResult>(
          *account, {}, [request](store::Tx& tx) { return store::append(tx, request); });
      EXPECT_TRUE(result);
      uids.insert(uids.end(), result->uids.begin(), result->uids.end());
    }
    return uids;
  }
  Uid add(std::string octets) { return add({Delivery{std::move(octets), 0, {}, {}}}).front(); }

  store::SnapshotPtr snapshot() {
    auto opened = store::open_wait(*account, store::inbox_id);
    EXPECT_TRUE(opened);
    return *opened;
  }

  Answer ask(const Program& program) {
    auto answer = evaluate(account, snapshot(), program, {.now_seconds = now_seconds()});
    EXPECT_TRUE(answer);
    return answer ? *answer : Answer{};
  }
  std::string uids(const Program& program) { return ask(program).uids.to_string(); }
  int64_t now_seconds() const { return clock.now().seconds(); }

  CountingEngine engine;
  ManualClock clock{Timestamp{int64_t{1'700'000'000} * 1'000'000}};
  Random random{1};
  store::Store store{{engine, clock, random, [this](std::function<void()> job) { run(job); }}, {}};
  store::AccountPtr account;

 private:
  void run(std::function<void()> job) {
    jobs_.push_back(std::move(job));
    if (std::exchange(running_, true)) return;
    while (!jobs_.empty()) {
      auto next = std::move(jobs_.front());
      jobs_.pop_front();
      next();
    }
    running_ = false;
  }
  std::deque<std::function<void()>> jobs_;
  bool running_ = false;
};

}  // namespace eilpost::search
