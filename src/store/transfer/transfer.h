// Copies an account's partition from one engine to another, as it is: uids, modseqs, ids, log,
// recoverable items. Only what names blobs is written anew, since their ids are the engine's; this
// file and transfer_rows.h know which rows those are, and refuse kinds that they do not know. A
// transfer compares while it copies, so that running it again costs what has changed, and may be
// broken off at any point: which blob became which is kept in rows of the target (kind X), which
// finish() removes. The source may be written to meanwhile; the target belongs to the transfer.
// Blocks; one thread for each account.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::store {

struct TransferCounts {
  uint64_t rows = 0;  // compared, all passes together
  uint64_t rows_written = 0;
  uint64_t blobs = 0;  // copied and read back
  uint64_t octets = 0;
};

struct TransferOptions {
  int passes_max = 8;
  size_t holders_bytes = 1024 * 1024;  // rows of kind B that one commit writes, about
  // Called after each blob and piece of rows; false stops with Code::cancelled.
  std::function<bool(const TransferCounts&)> progress;
};

struct TransferResult {
  TransferCounts counts;
  // Every row of the target was compared with the source as it is at this version, and every blob
  // was read back; 0: the source changed all the time.
  engine::Version source = 0;
  engine::Version target = 0;
};

class Transfer {
 public:
  struct Between {
    engine::Engine& from;
    engine::Engine& to;
  };
  Transfer(Between engines, PartitionId partition, const Clock& clock, TransferOptions options);

  // Passes over all rows until one finds nothing to do. Code::corrupt: the source is damaged, or of
  // a newer release. Code::limit: more rows than an account may have in the target's engine.
  Result<TransferResult> run();
  // The account is complete and may be used: answers the target's version.
  Result<engine::Version> finish();

 private:
  // What a source blob became, and what it holds.
  struct Copied {
    engine::BlobId blob;
    uint64_t size = 0;
    uint32_t crc = 0;
  };
  struct Pass {
    engine::Version version = 0;
    bool mixed = false;  // read at more than one version
    uint64_t written = 0;
  };
  using Rows = std::vector<engine::Row>;

  Result<> load_map();
  Result<> drop_swept();
  Result<> pass(Pass& pass);
  Result<> walk(engine::Range range, Pass& pass);
  Result<> walk_holders(Pass& pass);
  Result<Rows> wanted_rows(const Rows& source, Pass& pass);
  Result<std::string> wanted_value(const engine::Row& row, Pass& pass);
  Result<> make_equal(const engine::Range& range, Rows wanted, Pass& pass);
  Result<engine::BlobId> copied(engine::BlobId blob, uint64_t size, Pass& pass);
  Result<Copied> copy_blob(engine::BlobId blob, uint64_t size);
  Result<uint32_t> checksum(engine::Engine& engine, engine::BlobId blob, uint64_t size);
  Result<> flush_map();
  void add_map_rows(engine::Batch& batch);
  Result<> step();

  engine::Engine& from_;
  engine::Engine& to_;
  PartitionId partition_;
  const Clock& clock_;
  TransferOptions options_;
  TransferCounts counts_;
  std::unordered_map<engine::BlobId, Copied> map_;
  std::vector<engine::BlobId> fresh_;  // in map_, not yet in a row of the target
  uint64_t fresh_octets_ = 0;
  uint64_t next_map_row_ = 0;
};

}  // namespace eilpost::store
