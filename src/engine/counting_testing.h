// An engine that counts what is asked of the one beneath it, for tests of what an operation costs:
// one count for each call, and the octets of rows read and written. For tests only; thread safe.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace eilpost::engine {

struct EngineCounts {
  uint64_t heads = 0;
  uint64_t reads = 0;  // of rows, by keys or by range
  uint64_t rows_read = 0;
  uint64_t bytes_read = 0;
  uint64_t commits = 0;
  uint64_t blob_reads = 0;
  uint64_t blobs_staged = 0;
  uint64_t blobs_removed = 0;
  uint64_t watches = 0;

  uint64_t all() const {
    return heads + reads + commits + blob_reads + blobs_staged + blobs_removed + watches;
  }
};

class CountingEngine final : public Engine {
 public:
  explicit CountingEngine(Engine& inner) : inner_(inner) {}

  // Since the last call.
  EngineCounts take() {
    EngineCounts out;
    out.heads = heads_.exchange(0);
    out.reads = reads_.exchange(0);
    out.rows_read = rows_.exchange(0);
    out.bytes_read = bytes_.exchange(0);
    out.commits = commits_.exchange(0);
    out.blob_reads = blob_reads_.exchange(0);
    out.blobs_staged = staged_.exchange(0);
    out.blobs_removed = removed_.exchange(0);
    out.watches = watches_.exchange(0);
    return out;
  }

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override {
    ++commits_;
    inner_.commit(partition, expected, std::move(batch), std::move(done));
  }
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override {
    return counted(inner_.read(partition, keys));
  }
  Result<ReadResult> read(PartitionId partition, const Range& range) override {
    return counted(inner_.read(partition, range));
  }
  void take_turn(PartitionId partition, std::function<void()> go) override {
    inner_.take_turn(partition, std::move(go));
  }
  bool reachable() const override { return inner_.reachable(); }
  void head(PartitionId partition, std::function<void(Result<Version>)> done) override {
    ++heads_;
    inner_.head(partition, std::move(done));
  }
  std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) override {
    ++watches_;
    return inner_.watch(partition, std::move(wake));
  }
  Result<std::vector<PartitionId>> partitions(PartitionId after) override {
    return inner_.partitions(after);
  }
  Result<> remove_partition(PartitionId partition) override {
    return inner_.remove_partition(partition);
  }
  Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                 std::string place) override {
    ++staged_;
    return inner_.stage_blob(partition, now, std::move(place));
  }
  Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) override {
    ++blob_reads_;
    return inner_.read_blob(id, offset, length);
  }
  Result<> remove_blob(BlobId id) override {
    ++removed_;
    return inner_.remove_blob(id);
  }
  Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) override {
    return inner_.scan_blobs(each);
  }
  void close() override { inner_.close(); }

 private:
  Result<ReadResult> counted(Result<ReadResult> read) {
    ++reads_;
    if (!read) return read;
    rows_ += read->rows.size();
    for (const Row& row : read->rows) bytes_ += row.key.size() + row.value.size();
    return read;
  }

  Engine& inner_;
  std::atomic<uint64_t> heads_{0};
  std::atomic<uint64_t> reads_{0};
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> blob_reads_{0};
  std::atomic<uint64_t> staged_{0};
  std::atomic<uint64_t> removed_{0};
  std::atomic<uint64_t> watches_{0};
};

}  // namespace eilpost::engine
