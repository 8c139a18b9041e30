#include "engine/faulty.h"

#include <chrono>
#include <utility>

#include "base/check.h"

namespace eilpost::engine {
namespace {

Error unavailable() {
  return Error{Code::unavailable, "injected failure"};
}

}  // namespace

FaultyOptions FaultyOptions::unkind(uint64_t seed) {
  return FaultyOptions{.seed = seed,
                       .delay_commit = 100,
                       .conflict = 50,
                       .unknown_written = 50,
                       .unknown_lost = 50,
                       .lose_wake = 200,
                       .double_wake = 100,
                       .delay_wake = 200,
                       .undo_remove = 300};
}

class FaultyEngine::Writer final : public BlobWriter {
 public:
  Writer(FaultyEngine& engine, std::unique_ptr<BlobWriter> inner)
      : engine_(engine), inner_(std::move(inner)) {}

  Result<> append(std::string_view octets) override {
    if (broken()) return fail(Code::io, "injected failure of append()");
    return inner_->append(octets);
  }
  Result<BlobId> finish() override {
    if (broken()) return fail(Code::io, "injected failure of finish()");
    return inner_->finish();
  }

 private:
  bool broken() {
    broken_ = broken_ || !engine_.reachable_ || engine_.chance(&FaultyOptions::fail_blob_write);
    return broken_;
  }
  FaultyEngine& engine_;
  std::unique_ptr<BlobWriter> inner_;
  bool broken_ = false;
};

FaultyEngine::FaultyEngine(std::unique_ptr<MemoryEngine> inner, FaultyOptions options)
    : inner_(std::move(inner)),
      random_(options.seed),
      watches_(std::make_shared<Watches>()),
      options_(options) {
  if (options.steps_by_itself) stepper_ = std::thread([this] { step_by_itself(); });
}

FaultyEngine::~FaultyEngine() {
  close();
}

void FaultyEngine::set_options(const FaultyOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

// A chance of 0 draws nothing, so that adding a kind of fault leaves the runs of old seeds alone.
bool FaultyEngine::chance(uint32_t FaultyOptions::*of) {
  const std::lock_guard lock(mutex_);
  const uint32_t per_mille = options_.*of;
  return per_mille > 0 && random_.below(1000) < per_mille;
}

void FaultyEngine::commit(PartitionId partition, Version expected, Batch batch,
                          CommitCallback done) {
  if (!reachable_) return done({Outcome::unknown, 0, unavailable()});
  const bool stall = chance(&FaultyOptions::stall_commit);
  const bool delay = !stall && chance(&FaultyOptions::delay_commit);
  Delayed job{partition, expected, std::move(batch), std::move(done)};
  if (stall) {
    const CommitCallback tell = job.done;
    {
      const std::lock_guard lock(mutex_);
      stalled_.push_back(std::move(job));
    }
    return tell({Outcome::stalled, 0, Error{Code::timeout, "injected stall"}});
  }
  if (delay) {
    const std::lock_guard lock(mutex_);
    delayed_.push_back(std::move(job));
    return;
  }
  // Whoever comes later is not faster: one committer works in order.
  flush_wakes();
  apply_delayed(SIZE_MAX);
  apply(std::move(job));
}

size_t FaultyEngine::step(size_t count) {
  if (!reachable_) {
    const std::lock_guard lock(mutex_);
    return delayed_.size();
  }
  flush_wakes();
  const size_t left = apply_delayed(count);
  decide_stalled();
  return left;
}

size_t FaultyEngine::apply_delayed(size_t count) {
  while (true) {
    Delayed job;
    {
      const std::lock_guard lock(mutex_);
      if (delayed_.empty() || count-- == 0) return delayed_.size();
      job = std::move(delayed_.front());
      delayed_.pop_front();
    }
    apply(std::move(job));
  }
}

void FaultyEngine::decide_stalled() {
  std::deque<Delayed> due;
  {
    const std::lock_guard lock(mutex_);
    due.swap(stalled_);
  }
  for (Delayed& job : due) apply(std::move(job));
}

void FaultyEngine::set_reachable(bool reachable) {
  reachable_ = reachable;
}

void FaultyEngine::take_turn(PartitionId partition, std::function<void()> go) {
  ++turns_;
  inner_->take_turn(partition, std::move(go));
}

void FaultyEngine::apply(Delayed job) {
  if (chance(&FaultyOptions::refuse_commit)) {
    job.done({Outcome::unknown, 0, Error{Code::io, "injected refusal"}});
    return;
  }
  const Error lost{Code::unknown, "injected loss of the answer"};
  if (chance(&FaultyOptions::unknown_lost)) {
    job.done({Outcome::unknown, 0, lost});
    return;
  }
  if (chance(&FaultyOptions::conflict)) {
    auto version = head_wait(*inner_, job.partition);
    CHECK(version);
    job.done({Outcome::conflict, *version, {}});
    return;
  }
  const bool lose_answer = chance(&FaultyOptions::unknown_written);
  auto result = commit_wait(*inner_, job.partition, job.expected, std::move(job.batch));
  const bool written = result.outcome == Outcome::done;
  const Version version = result.version;
  // Only an answer that says something can be lost: a refusal is made before anything is sent.
  if (lose_answer && result.outcome != Outcome::unknown) result = {Outcome::unknown, 0, lost};
  job.done(std::move(result));
  if (written) wake(job.partition, version);
}

void FaultyEngine::wake(PartitionId partition, Version version) {
  if (!reachable_) return;
  if (chance(&FaultyOptions::lose_wake)) return;
  const bool twice = chance(&FaultyOptions::double_wake);
  if (chance(&FaultyOptions::delay_wake)) {
    const std::lock_guard lock(mutex_);
    delayed_wakes_.emplace_back(partition, version);
    if (!twice) return;
  }
  std::shared_ptr<Watches> watches;
  {
    const std::lock_guard lock(mutex_);
    watches = watches_;
  }
  watches->wake(partition, version);
  if (twice) watches->wake(partition, version);
}

void FaultyEngine::flush_wakes() {
  std::deque<std::pair<PartitionId, Version>> due;
  std::shared_ptr<Watches> watches;
  {
    const std::lock_guard lock(mutex_);
    due.swap(delayed_wakes_);
    watches = watches_;
  }
  for (const auto& [partition, version] : due) watches->wake(partition, version);
}

void FaultyEngine::crash() {
  std::deque<Delayed> delayed;
  {
    const std::lock_guard lock(mutex_);
    delayed.swap(delayed_);
    for (Delayed& job : stalled_) delayed.push_back(std::move(job));
    stalled_.clear();
    delayed_wakes_.clear();
    half_removed_.clear();
    watches_ = std::make_shared<Watches>();
  }
  // The log is written in order, so the dead process got to some commit and not beyond.
  const size_t reached = random_.below(delayed.size() + 1);
  for (size_t i = 0; i < reached; ++i) {
    auto& job = delayed[i];
    (void)commit_wait(*inner_, job.partition, job.expected, std::move(job.batch));
  }
  inner_->crash();
}

Result<ReadResult> FaultyEngine::read(PartitionId partition, const std::vector<std::string>& keys) {
  if (!reachable_ || chance(&FaultyOptions::fail_read)) return tl::unexpected(unavailable());
  return inner_->read(partition, keys);
}

Result<ReadResult> FaultyEngine::read(PartitionId partition, const Range& range) {
  if (!reachable_ || chance(&FaultyOptions::fail_read)) return tl::unexpected(unavailable());
  return inner_->read(partition, range);
}

void FaultyEngine::head(PartitionId partition, std::function<void(Result<Version>)> done) {
  if (!reachable_ || chance(&FaultyOptions::fail_head)) {
    done(tl::unexpected(unavailable()));
  } else {
    inner_->head(partition, std::move(done));
  }
}

std::unique_ptr<Watch> FaultyEngine::watch(PartitionId partition, Wake wake) {
  const std::lock_guard lock(mutex_);
  return watches_->add(partition, std::move(wake));
}

Result<std::vector<PartitionId>> FaultyEngine::partitions(PartitionId after) {
  if (!reachable_ || chance(&FaultyOptions::fail_read)) return tl::unexpected(unavailable());
  return inner_->partitions(after);
}

Result<> FaultyEngine::remove_partition(PartitionId partition) {
  if (!reachable_) return tl::unexpected(unavailable());
  step();
  TRY(inner_->remove_partition(partition));
  wake(partition, 0);
  return {};
}

Result<std::unique_ptr<BlobWriter>> FaultyEngine::stage_blob(PartitionId partition, Timestamp now,
                                                             std::string place) {
  if (!reachable_) return tl::unexpected(unavailable());
  auto writer = TRY(inner_->stage_blob(partition, now, std::move(place)));
  return std::make_unique<Writer>(*this, std::move(writer));
}

Result<std::string> FaultyEngine::read_blob(BlobId id, uint64_t offset, uint64_t length) {
  if (!reachable_ || chance(&FaultyOptions::fail_read)) return tl::unexpected(unavailable());
  {
    const std::lock_guard lock(mutex_);
    if (half_removed_.contains(id)) return fail(Code::not_found, "no such blob");
  }
  return inner_->read_blob(id, offset, length);
}

Result<> FaultyEngine::remove_blob(BlobId id) {
  if (!reachable_) return tl::unexpected(unavailable());
  if (chance(&FaultyOptions::undo_remove)) {
    const std::lock_guard lock(mutex_);
    half_removed_.insert(id);
    return {};
  }
  return inner_->remove_blob(id);
}

Result<> FaultyEngine::scan_blobs(const std::function<bool(const BlobRecord&)>& each) {
  if (!reachable_ || chance(&FaultyOptions::fail_read)) return tl::unexpected(unavailable());
  return inner_->scan_blobs([&](const BlobRecord& record) {
    {
      const std::lock_guard lock(mutex_);
      if (half_removed_.contains(record.id)) return true;
    }
    return each(record);
  });
}

void FaultyEngine::step_by_itself() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    closes_.wait_for(lock, std::chrono::microseconds(300));
    lock.unlock();
    step();
    lock.lock();
  }
}

void FaultyEngine::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    closes_.notify_all();
  }
  if (stepper_.joinable()) stepper_.join();
  reachable_ = true;
  step();
  inner_->close();
}

}  // namespace eilpost::engine
