// Blobs over RADOS: an object of the blob pool for each, in stripes of 4 MiB. The first carries the
// blob's record, every stripe the CRC32C of each of its 64 KiB. A small blob is one write, a read
// within a stripe one read. finish() leaves its writes under way; who needs them durable asks
// when_durable(). A blob whose writer died is found by scan() with size 0 and goes by remove().
// Thread safe; everything but when_durable() blocks, for no longer than its deadline.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "engine/rados/client.h"

namespace eilpost::engine {

class RadosBlobs {
 public:
  explicit RadosBlobs(RadosClient& client) : client_(client), random_(Random::from_os()) {}

  Result<std::unique_ptr<BlobWriter>> stage(PartitionId partition, Timestamp now,
                                            std::string place);
  Result<std::string> read(BlobId id, uint64_t offset, uint64_t length);
  Result<> remove(BlobId id);
  Result<> scan(const std::function<bool(const BlobRecord&)>& each);
  // Calls back, perhaps inline, when none of the blobs has a write under way; with an error when
  // one could not be written.
  void when_durable(const std::vector<BlobId>& ids, std::function<void(Result<>)> done);

 private:
  class Writer;
  struct Writing;
  struct Part;
  using WritingPtr = std::shared_ptr<Writing>;  // of its writer and of the writes under way

  BlobId fresh_id(bool striped);
  void write_stripe(const WritingPtr& writing, uint64_t stripe, std::string octets,
                    const std::string& record, RadosDone done);
  void write_record(const WritingPtr& writing, const std::string& record, RadosDone done);
  RadosDone written(const WritingPtr& writing);
  void enter(const WritingPtr& writing);
  void keep_failure(BlobId id);
  Result<> settle(BlobId id);
  void remove_objects(BlobId id, uint64_t stripes, RadosDone done);
  void remove_object(const std::string& object, RadosDone done);
  Result<uint64_t> stripes_of(BlobId id);

  Result<BlobRecord> record(BlobId id);
  std::shared_ptr<Part> start_read(BlobId id, uint64_t stripe, uint64_t first, uint64_t end);
  Result<std::string> finish_read(Part& part);
  Result<std::string> read_stripes(BlobId id, uint64_t offset, uint64_t length);
  Result<bool> scan_some(const std::vector<BlobId>& ids,
                         const std::function<bool(const BlobRecord&)>& each);

  RadosClient& client_;
  Random random_;
  std::mutex mutex_;
  std::unordered_map<BlobId, WritingPtr> writing_;  // finished, with writes under way, or failed
  std::deque<BlobId> failed_;                       // the oldest first
};

}  // namespace eilpost::engine
