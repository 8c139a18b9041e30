#include "engine/rocksdb/rocksdb.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/rocksdb/files.h"
#include "engine/rocksdb/segment_file.h"
#include "engine/rocksdb/store_directory.h"
#include "engine/rocksdb/version_table.h"
#include "engine/rules.h"
#include "engine/watches.h"

namespace eilpost::engine {
namespace {

constexpr uint64_t mebibyte = 1024 * 1024;
constexpr uint64_t group_bytes_max = 16 * mebibyte;
// A partition's id and the first two octets of the store's keys; only speed depends on it.
constexpr size_t partition_and_kind_bytes = 10;
constexpr auto resume_interval = std::chrono::seconds(1);

// The committer resumes after a full disk, when nobody writes; RocksDB must not do so by itself.
class NoAutomaticRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status status,
                            bool* automatic) override {
    *automatic = false;
    log::write(log::Level::error, "engine", "", "rocksdb: " + status.ToString());
  }
};

rocksdb::BlockBasedTableOptions table_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.cache_index_and_filter_blocks = true;  // so that the cache bounds them
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 4096;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 16 * 1024;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.verify_compression = false;
  return table;
}

bool has_lz4() {
  const auto known = rocksdb::GetSupportedCompressions();
  return std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
}

rocksdb::Options database_options(uint64_t memory_bytes, rocksdb::Env* env) {
  const uint64_t memory = std::max(memory_bytes, 16 * mebibyte);
  const auto cache = rocksdb::NewLRUCache(memory);
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache)));
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(memory / 2, cache, false);
  options.write_buffer_size = std::clamp<uint64_t>(memory / 8, 2 * mebibyte, 64 * mebibyte);
  options.max_write_buffer_number = 3;
  options.max_total_wal_size = 4 * options.write_buffer_size;
  // Sequential rows of many partitions compact well; flat levels would rewrite them too often.
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = has_lz4() ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  // A torn tail is what a crash leaves; anything else wrong in the log refuses to open. Recycled
  // log files could not tell the two apart.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.recycle_log_file_num = 0;
  options.paranoid_checks = true;
  options.max_background_jobs = 2;
  options.bytes_per_sync = mebibyte;
  options.max_open_files = 1000;
  options.allow_concurrent_memtable_write = false;  // there is one writer
  // Where a row of this partition and kind went in last: heads are replaced, logs and pages grow.
  // Keys shorter than that have no hint. They must not: RocksDB would take a row's hint, which
  // points into its table of rows, for a DeleteRange() of the same prefix, which has a table of its
  // own; ours begin at the bare partition.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(partition_and_kind_bytes));
  options.enable_write_thread_adaptive_yield = false;
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<NoAutomaticRecovery>());
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = 4 * mebibyte;
  options.keep_log_file_num = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.db_host_id.clear();  // a store may move: its files do not name the machine
  return options;
}

// ---- Keys and values --------------------------------------------------------------------------

// A partition's rows begin with its id; the row with nothing behind the id holds its version.
std::string partition_key(PartitionId partition, std::string_view key = {}) {
  std::string out;
  out.reserve(8 + key.size());
  put_u64be(out, partition.value);
  out += key;
  return out;
}

std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Result<Version> parse_version(std::string_view value) {
  if (value.size() != 8) return fail(Code::corrupt, "a partition's version row is damaged");
  return load_u64le(value);
}

Error as_error(const rocksdb::Status& status) {
  return Error{status.IsCorruption() ? Code::corrupt : Code::io, status.ToString()};
}

// ---- The engine -------------------------------------------------------------------------------

struct CommitJob {
  PartitionId partition;
  Version expected = 0;
  Batch batch;
  CommitCallback done;
  int64_t asked_micros = 0;
};
struct HeadJob {
  PartitionId partition;
  std::function<void(Result<Version>)> done;
};
struct RemoveJob {
  PartitionId partition;
  std::function<void(Result<>)> done;
};
using Job = std::variant<CommitJob, HeadJob, RemoveJob>;

size_t job_bytes(const Job& job) {
  const auto* commit = std::get_if<CommitJob>(&job);
  return sizeof(Job) + (commit ? commit->batch.bytes() : 0);
}

// What is committed together: what each job will be answered if the write succeeds.
struct Group {
  struct Answer {
    CommitResult commit;
    bool written = false;
  };
  std::deque<Job> jobs;
  std::vector<Answer> answers;  // one a job
  rocksdb::WriteBatch writes;
  std::vector<BlobId> blobs;
  std::unordered_map<PartitionId, Version> versions;  // as they are after the jobs so far
  std::vector<PartitionId> changed;
};

struct Meters {
  Counter& done;
  Counter& conflicts;
  Counter& refused;
  Histogram& group;
  Histogram& seconds;
};

class RocksdbEngine final : public EmbeddedEngine {
 public:
  RocksdbEngine(RocksdbOptions options, std::unique_ptr<StoreDirectory> directory)
      : options_(std::move(options)),
        directory_(std::move(directory)),
        env_(rocksdb::NewCompositeEnv(guarded_files())),
        versions_(std::clamp<uint64_t>(options_.memory_bytes / 16 / 100, 1000, 4'000'000)) {}
  ~RocksdbEngine() override {
    close();
    segments_.reset();
    if (db_) (void)db_->Close();
  }

  Result<> start();

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override;
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override;
  Result<ReadResult> read(PartitionId partition, const Range& range) override;
  void head(PartitionId partition, std::function<void(Result<Version>)> done) override;
  std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) override {
    return watches_.add(partition, std::move(wake));
  }
  Result<std::vector<PartitionId>> partitions(PartitionId after) override;
  Result<> remove_partition(PartitionId partition) override;
  Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                 std::string place) override {
    return segments_->stage(partition, now, std::move(place));
  }
  Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) override {
    return segments_->read(id, offset, length);
  }
  Result<> read_blob_into(BlobId id, uint64_t offset, uint64_t length, std::string& into) override {
    return segments_->read_into(id, offset, length, into);
  }
  Result<> remove_blob(BlobId id) override { return segments_->remove(id); }
  Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) override {
    return segments_->scan(each);
  }
  void close() override;

  Result<> checkpoint(const std::string& directory) override;
  std::unique_ptr<RemovalPause> pause_removals() override;
  std::vector<SegmentFile> segment_files() override { return segments_->files(); }
  std::string segment_directory() const override { return directory_->segments(); }

 private:
  // The committer thread.
  void run();
  std::deque<Job> next_jobs();
  void process(std::deque<Job> jobs);
  Group::Answer plan(Group& group, const Job& job);
  Group::Answer plan_commit(Group& group, const CommitJob& job);
  Result<Version> present(Group& group, PartitionId partition);
  Result<> write(Group& group);
  Result<> resume();
  void answer(Group& group, const Result<>& written);
  void measure(const Group& group, const Result<>& written);
  bool enqueue(Job job);

  RocksdbOptions options_;
  std::unique_ptr<StoreDirectory> directory_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<Segments> segments_;
  VersionTable versions_;
  Watches watches_;
  std::unique_ptr<Meters> meters_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Job> queue_;
  uint64_t queued_bytes_ = 0;
  bool closing_ = false;
  std::thread committer_;

  // Of the committer alone: a write was refused by a full disk, and when to try again.
  bool stalled_ = false;
  std::chrono::steady_clock::time_point resume_at_;
};

Result<> RocksdbEngine::start() {
  segments_ = TRY(Segments::open({.directory = directory_->segments(),
                                  .segment_bytes = options_.segment_bytes,
                                  .reserve_bytes = options_.reserve_bytes}));
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(database_options(options_.memory_bytes, env_.get()),
                                        directory_->rows(), &db);
  if (!opened.ok()) return wrap(as_error(opened), directory_->rows());
  db_.reset(db);
  if (options_.metrics && options_.clock) {
    auto& m = *options_.metrics;
    const std::string name = "eilpost_engine_commits_total";
    const std::string help = "Commits by outcome.";
    meters_ = std::make_unique<Meters>(Meters{
        m.counter(name, help, {{"outcome", "done"}}),
        m.counter(name, help, {{"outcome", "conflict"}}),
        m.counter(name, help, {{"outcome", "refused"}}),
        m.histogram("eilpost_engine_group_commits", "Commits made durable together.",
                    {1, 2, 4, 8, 16, 32, 64, 128, 256}),
        m.histogram("eilpost_engine_commit_seconds", "From asking for a commit to its answer.",
                    {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2})});
  }
  committer_ = std::thread([this] { run(); });
  return {};
}

bool RocksdbEngine::enqueue(Job job) {
  const size_t bytes = job_bytes(job);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || queued_bytes_ + bytes > options_.queue_bytes_max) return false;
    queued_bytes_ += bytes;
    queue_.push_back(std::move(job));
    first = queue_.size() == 1;
  }
  // After the lock is given up: the committer would wake up only to wait for it.
  if (first) arrived_.notify_one();
  return true;
}

void RocksdbEngine::commit(PartitionId partition, Version expected, Batch batch,
                           CommitCallback done) {
  if (auto checked = check_batch(batch); !checked) {
    done(refused(std::move(checked).error()));
    return;
  }
  const int64_t asked = meters_ ? options_.clock->steady_micros() : 0;
  if (!enqueue(CommitJob{partition, expected, std::move(batch), done, asked})) {
    done(refused(Error{Code::unavailable, "too many commits wait, or the engine is closed"}));
  }
}

void RocksdbEngine::head(PartitionId partition, std::function<void(Result<Version>)> done) {
  if (const auto known = versions_.find(partition)) {
    done(*known);
  } else if (!enqueue(HeadJob{partition, done})) {
    done(fail(Code::unavailable, "too many commits wait, or the engine is closed"));
  }
}

Result<> RocksdbEngine::remove_partition(PartitionId partition) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<>> result;
  const auto done = [&](Result<> r) {
    const std::lock_guard lock(mutex);
    result = std::move(r);
    answered.notify_one();
  };
  if (!enqueue(RemoveJob{partition, done})) {
    return fail(Code::unavailable, "too many commits wait, or the engine is closed");
  }
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return result.has_value(); });
  return *result;
}

void RocksdbEngine::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    arrived_.notify_one();
  }
  if (committer_.joinable()) committer_.join();
  if (segments_) segments_->close();
}

// ---- The committer ----------------------------------------------------------------------------

void RocksdbEngine::run() {
  while (true) {
    auto jobs = next_jobs();
    if (jobs.empty()) return;
    process(std::move(jobs));
  }
}

// Waits for work. Empty: closing, and all is done.
std::deque<Job> RocksdbEngine::next_jobs() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return closing_ || !queue_.empty(); });
  std::deque<Job> jobs;
  uint64_t bytes = 0;
  while (!queue_.empty() && (jobs.empty() || bytes < group_bytes_max)) {
    const size_t size = job_bytes(queue_.front());
    bytes += size;
    queued_bytes_ -= size;
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return jobs;
}

void RocksdbEngine::process(std::deque<Job> jobs) {
  Group group;
  group.jobs = std::move(jobs);
  group.answers.reserve(group.jobs.size());
  for (const auto& job : group.jobs) group.answers.push_back(plan(group, job));
  Result<> written;
  if (group.writes.Count() > 0) written = write(group);
  if (written) {
    for (const auto& [partition, version] : group.versions) versions_.put(partition, version);
  }
  if (meters_) measure(group, written);
  answer(group, written);
}

// The partition's version after the jobs of the group that were planned before.
Result<Version> RocksdbEngine::present(Group& group, PartitionId partition) {
  const auto planned = group.versions.find(partition);
  if (planned != group.versions.end()) return planned->second;
  Version version = 0;
  if (const auto known = versions_.find(partition)) {
    version = *known;
  } else {
    std::string value;
    const auto got = db_->Get(rocksdb::ReadOptions(), partition_key(partition), &value);
    if (!got.ok() && !got.IsNotFound()) return tl::unexpected(as_error(got));
    if (got.ok()) version = TRY(parse_version(value));
  }
  group.versions[partition] = version;
  return version;
}

Group::Answer RocksdbEngine::plan(Group& group, const Job& job) {
  if (const auto* commit = std::get_if<CommitJob>(&job)) return plan_commit(group, *commit);
  if (const auto* head = std::get_if<HeadJob>(&job)) {
    auto version = present(group, head->partition);
    if (!version) return {refused(std::move(version).error()), false};
    return {CommitResult{Outcome::done, *version, {}}, false};
  }
  const PartitionId partition = std::get<RemoveJob>(job).partition;
  std::string end = partition_key(PartitionId(partition.value + 1));
  if (partition.value == UINT64_MAX) end.assign(9 + key_bytes_max, '\xff');
  (void)group.writes.DeleteRange(partition_key(partition), end);
  group.versions[partition] = 0;
  group.changed.push_back(partition);
  return {CommitResult{Outcome::done, 0, {}}, true};
}

Group::Answer RocksdbEngine::plan_commit(Group& group, const CommitJob& job) {
  const auto version = present(group, job.partition);
  if (!version) return {refused(version.error()), false};
  if (*version != job.expected) return {CommitResult{Outcome::conflict, *version, {}}, false};
  for (const auto& id : job.batch.sync_blobs) {
    if (!segments_->has(id)) return {refused(Error{Code::io, "a blob is not there"}), false};
  }
  group.blobs.insert(group.blobs.end(), job.batch.sync_blobs.begin(), job.batch.sync_blobs.end());
  for (const auto& [key, value] : job.batch.puts) {
    (void)group.writes.Put(partition_key(job.partition, key), value);
  }
  for (const auto& key : job.batch.deletes) {
    (void)group.writes.Delete(partition_key(job.partition, key));
  }
  std::string stored;
  put_u64le(stored, *version + 1);
  (void)group.writes.Put(partition_key(job.partition), stored);
  group.versions[job.partition] = *version + 1;
  group.changed.push_back(job.partition);
  return {CommitResult{Outcome::done, *version + 1, {}}, true};
}

// Everything of the group or nothing of it.
Result<> RocksdbEngine::write(Group& group) {
  if (stalled_) TRY(resume());
  if (options_.reserve_bytes > 0 && !segments_->has_space_for_rows()) {
    return fail(Code::io, "the disk is full");
  }
  TRY(segments_->sync(group.blobs));
  rocksdb::WriteOptions how;
  how.sync = true;
  const auto status = db_->Write(how, &group.writes);
  if (status.ok()) return {};
  // The log's last record is torn and never read; resume() begins a fresh log before anything is
  // written behind it. Damaged files (a background error) refuse writes before anything is written.
  if (!status.IsNoSpace() && !status.IsCorruption()) {
    stop_process("write of the log: " + status.ToString());
  }
  log::write(log::Level::error, "engine", "", "commits are refused: " + status.ToString());
  stalled_ = true;
  resume_at_ = std::chrono::steady_clock::now() + resume_interval;
  return fail(Code::io, status.ToString());
}

Result<> RocksdbEngine::resume() {
  const auto now = std::chrono::steady_clock::now();
  if (now < resume_at_) return fail(Code::io, "the disk refused a write a moment ago");
  resume_at_ = now + resume_interval;
  const auto status = db_->Resume();
  if (!status.ok()) {
    log::write(log::Level::warn, "engine", "", "commits stay refused: " + status.ToString());
    return fail(Code::io, status.ToString());
  }
  stalled_ = false;
  log::write(log::Level::info, "engine", "", "commits work again");
  return {};
}

void RocksdbEngine::answer(Group& group, const Result<>& written) {
  for (size_t i = 0; i < group.jobs.size(); ++i) {
    auto result = std::move(group.answers[i].commit);
    // A version or a conflict may rest on a job of the group that was not written after all.
    if (!written && result.outcome != Outcome::unknown) result = refused(written.error());
    const bool failed = result.outcome == Outcome::unknown;
    if (auto* commit = std::get_if<CommitJob>(&group.jobs[i])) {
      commit->done(std::move(result));
    } else if (auto* head = std::get_if<HeadJob>(&group.jobs[i])) {
      head->done(failed ? Result<Version>(tl::unexpected(result.error)) : result.version);
    } else {
      std::get<RemoveJob>(group.jobs[i])
          .done(failed ? Result<>(tl::unexpected(result.error)) : Result<>());
    }
  }
  if (!written) return;
  std::sort(group.changed.begin(), group.changed.end());
  const auto end = std::unique(group.changed.begin(), group.changed.end());
  std::for_each(group.changed.begin(), end, [this](PartitionId id) { watches_.wake(id, 0); });
}

void RocksdbEngine::measure(const Group& group, const Result<>& written) {
  const int64_t now = options_.clock->steady_micros();
  size_t commits = 0;
  for (size_t i = 0; i < group.jobs.size(); ++i) {
    const auto* commit = std::get_if<CommitJob>(&group.jobs[i]);
    if (!commit) continue;
    const auto& answer = group.answers[i];
    commits += answer.written;
    meters_->seconds.observe(static_cast<double>(now - commit->asked_micros) / 1e6);
    if (!written || answer.commit.outcome == Outcome::unknown) {
      meters_->refused.add();
    } else {
      (answer.commit.outcome == Outcome::done ? meters_->done : meters_->conflicts).add();
    }
  }
  if (written && commits > 0) meters_->group.observe(static_cast<double>(commits));
}

// ---- Reading ----------------------------------------------------------------------------------

Result<ReadResult> RocksdbEngine::read(PartitionId partition,
                                       const std::vector<std::string>& keys) {
  std::vector<std::string> names;
  names.reserve(keys.size() + 1);
  names.push_back(partition_key(partition));
  for (const auto& key : keys) {
    if (!key.empty()) names.push_back(partition_key(partition, key));
  }
  std::sort(names.begin() + 1, names.end());
  names.erase(std::unique(names.begin() + 1, names.end()), names.end());
  const std::vector<rocksdb::Slice> slices(names.begin(), names.end());
  std::vector<rocksdb::PinnableSlice> values(names.size());
  std::vector<rocksdb::Status> statuses(names.size());
  // One MultiGet() of one column family reads from one sequence number.
  db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), slices.size(), slices.data(),
                values.data(), statuses.data(), true);
  ReadResult result;
  for (size_t i = 0; i < names.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return tl::unexpected(as_error(statuses[i]));
    if (i == 0) {
      result.version = TRY(parse_version(view(values[i])));
    } else {
      result.rows.push_back(Row{names[i].substr(8), values[i].ToString()});
    }
  }
  return result;
}

Result<ReadResult> RocksdbEngine::read(PartitionId partition, const Range& range) {
  std::string end = partition_key(PartitionId(partition.value + 1));
  if (partition.value == UINT64_MAX) end.assign(9 + key_bytes_max, '\xff');
  if (!range.last.empty()) end = partition_key(partition, range.last);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions how;
  how.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(how));
  ReadResult result;
  const std::string version_key = partition_key(partition);
  at->Seek(version_key);
  if (at->Valid() && at->key() == version_key) {
    result.version = TRY(parse_version(view(at->value())));
    if (range.first.empty()) {
      at->Next();
    } else {
      at->Seek(partition_key(partition, range.first));
    }
    RangeCut cut(range.rows_max);
    for (; at->Valid(); at->Next()) {
      if (!cut.add(result, view(at->key()).substr(8), view(at->value()))) break;
    }
  }
  if (!at->status().ok()) return tl::unexpected(as_error(at->status()));
  return result;
}

Result<std::vector<PartitionId>> RocksdbEngine::partitions(PartitionId after) {
  std::vector<PartitionId> ids;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(rocksdb::ReadOptions()));
  while (after.value < UINT64_MAX && ids.size() < partitions_per_call) {
    at->Seek(partition_key(PartitionId(after.value + 1)));
    if (!at->Valid()) break;
    if (at->key().size() < 8) return fail(Code::corrupt, "a row's key has no partition");
    after = PartitionId(load_u64be(view(at->key())));
    ids.push_back(after);
  }
  if (!at->status().ok()) return tl::unexpected(as_error(at->status()));
  return ids;
}

// ---- Backup -----------------------------------------------------------------------------------

Result<> RocksdbEngine::checkpoint(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error)) {
    return fail(Code::already_exists, directory + " exists");
  }
  std::filesystem::create_directories(directory + "/segments", error);
  if (error) return fail(Code::io, directory + ": " + error.message());
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory + "/rows");
  if (!status.ok()) return wrap(as_error(status), "checkpoint");
  return write_store_format(directory, directory_->schema());
}

class Pause final : public RemovalPause {
 public:
  explicit Pause(Segments& segments) : segments_(segments) { segments_.pause_removals(); }
  ~Pause() override { segments_.resume_removals(); }

 private:
  Segments& segments_;
};

std::unique_ptr<RemovalPause> RocksdbEngine::pause_removals() {
  return std::make_unique<Pause>(*segments_);
}

}  // namespace

Result<std::unique_ptr<EmbeddedEngine>> open_rocksdb(RocksdbOptions options) {
  auto directory = TRY(StoreDirectory::open(options.path));
  auto engine = std::make_unique<RocksdbEngine>(std::move(options), std::move(directory));
  TRY(engine->start());
  return engine;
}

}  // namespace eilpost::engine
