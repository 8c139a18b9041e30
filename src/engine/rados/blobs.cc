#include "engine/rados/blobs.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <utility>

#include "engine/rados/blob_format.h"
#include "engine/rados/look.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

constexpr size_t failed_max = 4096;
constexpr int remove_flags = librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE;

}  // namespace

// The writes of one blob.
struct RadosBlobs::Writing {
  BlobId id;
  std::mutex mutex;
  std::condition_variable answered;
  int under_way = 0;
  int rc = 0;  // of the first that failed
  std::vector<std::function<void(Result<>)>> waiting;

  Result<> result() const {
    if (rc < 0) return tl::unexpected(rados_error(rc, "writing a blob"));
    return {};
  }
};

class RadosBlobs::Writer final : public BlobWriter {
 public:
  Writer(RadosBlobs& blobs, BlobRecord record) : blobs_(blobs), record_(std::move(record)) {}

  ~Writer() override {
    if (finished_ || !writing_ || blobs_.client_.closed()) return;
    blobs_.remove_objects(writing_->id, stripes_, [](int) {});
  }

  Result<> append(std::string_view octets) override {
    if (finished_) return fail(Code::invalid, "append() after finish()");
    while (!octets.empty()) {
      if (buffer_.size() == rados_stripe_bytes) TRY(flush());
      const size_t room = rados_stripe_bytes - buffer_.size();
      buffer_ += octets.substr(0, room);
      octets.remove_prefix(std::min(room, octets.size()));
    }
    return {};
  }

  Result<BlobId> finish() override {
    if (finished_) return fail(Code::invalid, "finish() twice");
    TRY(blobs_.client_.admit(PartitionId()));
    finished_ = true;
    const bool striped = writing_ != nullptr;
    if (!striped) begin(false);
    record_.size = size_ + buffer_.size();
    const std::string record = rados_blob_record(record_);
    // Both are counted in before anything is sent: otherwise the answer to the stripe could find
    // nothing else under way, and the blob would be durable without its record.
    RadosDone stripe_written = blobs_.written(writing_);
    RadosDone record_written = striped ? blobs_.written(writing_) : nullptr;
    blobs_.enter(writing_);
    blobs_.write_stripe(writing_, stripes_, std::move(buffer_), striped ? "" : record,
                        std::move(stripe_written));
    if (striped) blobs_.write_record(writing_, record, std::move(record_written));
    return writing_->id;
  }

 private:
  void begin(bool striped) {
    writing_ = std::make_shared<Writing>();
    writing_->id = blobs_.fresh_id(striped);
  }

  // Sends the full buffer once the stripe before it is written, so that two are held at most.
  Result<> flush() {
    TRY(blobs_.client_.admit(PartitionId()));
    const bool first = writing_ == nullptr;
    if (first) begin(true);
    {
      std::unique_lock lock(writing_->mutex);
      const auto& options = blobs_.client_.options();
      const auto patience = std::chrono::milliseconds(options.read_ms + options.stall_ms);
      if (!writing_->answered.wait_for(lock, patience,
                                       [this] { return writing_->under_way == 0; })) {
        return fail(Code::unavailable, "writing a blob: the cluster does not answer");
      }
      TRY(writing_->result());
    }
    record_.size = rados_size_unknown;
    size_ += buffer_.size();
    blobs_.write_stripe(writing_, stripes_++, std::move(buffer_),
                        first ? rados_blob_record(record_) : "", blobs_.written(writing_));
    buffer_ = std::string();
    return {};
  }

  RadosBlobs& blobs_;
  BlobRecord record_;
  WritingPtr writing_;  // once the blob has an id
  std::string buffer_;
  uint64_t size_ = 0;     // of the stripes that were sent
  uint64_t stripes_ = 0;  // how many those are
  bool finished_ = false;
};

BlobId RadosBlobs::fresh_id(bool striped) {
  BlobId id{random_.next(), random_.next()};
  id.lo = (id.lo & ~uint64_t{1}) | (striped ? 1 : 0);
  return id;
}

Result<std::unique_ptr<BlobWriter>> RadosBlobs::stage(PartitionId partition, Timestamp now,
                                                      std::string place) {
  if (place.size() > place_bytes_max) return fail(Code::too_big, "a blob's place is too long");
  TRY(client_.admit(PartitionId()));
  BlobRecord record{.id = {}, .partition = partition, .staged = now, .place = std::move(place)};
  return std::make_unique<Writer>(*this, std::move(record));
}

// Counts a write of the blob in, and out when it is answered.
RadosDone RadosBlobs::written(const WritingPtr& writing) {
  {
    const std::lock_guard lock(writing->mutex);
    ++writing->under_way;
  }
  return [this, writing](int rc) {
    std::vector<std::function<void(Result<>)>> waiting;
    bool ended = false;
    int first_rc = 0;
    {
      const std::lock_guard lock(writing->mutex);
      if (rc < 0 && writing->rc == 0) writing->rc = rc;
      ended = --writing->under_way == 0;
      first_rc = writing->rc;
      if (ended) waiting.swap(writing->waiting);
      writing->answered.notify_all();
    }
    if (!ended) return;
    if (first_rc < 0) {
      keep_failure(writing->id);
    } else {
      const std::lock_guard lock(mutex_);
      const auto at = writing_.find(writing->id);
      if (at != writing_.end() && at->second == writing) writing_.erase(at);
    }
    for (const auto& done : waiting) done(writing->result());
  };
}

// A finished blob, from before its last write is sent.
void RadosBlobs::enter(const WritingPtr& writing) {
  const std::lock_guard lock(mutex_);
  writing_[writing->id] = writing;
}

void RadosBlobs::keep_failure(BlobId id) {
  const std::lock_guard lock(mutex_);
  if (!writing_.contains(id)) return;
  failed_.push_back(id);
  if (failed_.size() <= failed_max) return;
  writing_.erase(failed_.front());
  failed_.pop_front();
}

void RadosBlobs::write_stripe(const WritingPtr& writing, uint64_t stripe, std::string octets,
                              const std::string& record, RadosDone done) {
  librados::ObjectWriteOperation operation;
  operation.write_full(rados_buffer(octets));
  operation.setxattr(rados_sums_attribute, rados_buffer(rados_blob_sums(octets)));
  if (!record.empty()) operation.setxattr(rados_record_attribute, rados_buffer(record));
  client_.write({.kind = RadosKind::blob_write,
                 .pool = RadosPool::blobs,
                 .object = rados_blob_object(writing->id, stripe),
                 .bytes = octets.size()},
                operation, librados::OPERATION_FULL_TRY, std::move(done));
}

void RadosBlobs::write_record(const WritingPtr& writing, const std::string& record,
                              RadosDone done) {
  librados::ObjectWriteOperation operation;
  operation.assert_exists();
  operation.setxattr(rados_record_attribute, rados_buffer(record));
  client_.write({.kind = RadosKind::blob_write,
                 .pool = RadosPool::blobs,
                 .object = rados_blob_object(writing->id, 0),
                 .bytes = record.size()},
                operation, librados::OPERATION_FULL_TRY, std::move(done));
}

void RadosBlobs::when_durable(const std::vector<BlobId>& ids, std::function<void(Result<>)> done) {
  struct Gathered {
    std::mutex mutex;
    size_t missing = 1;  // this function itself, until it has asked for all
    Result<> result;
    std::function<void(Result<>)> done;
    void put(Result<> one) {
      {
        const std::lock_guard lock(mutex);
        if (!one) result = std::move(one);
        if (--missing > 0) return;
      }
      done(std::move(result));
    }
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->done = std::move(done);
  for (const BlobId id : ids) {
    WritingPtr writing;
    {
      const std::lock_guard lock(mutex_);
      const auto at = writing_.find(id);
      if (at == writing_.end()) continue;
      writing = at->second;
    }
    {
      const std::lock_guard lock(gathered->mutex);
      ++gathered->missing;
    }
    bool waits = false;
    {
      const std::lock_guard lock(writing->mutex);
      waits = writing->under_way > 0;
      if (waits) {
        writing->waiting.push_back([gathered](Result<> one) { gathered->put(std::move(one)); });
      }
    }
    if (!waits) gathered->put(writing->result());
  }
  gathered->put({});
}

// Waits until this instance has no write of the blob under way.
Result<> RadosBlobs::settle(BlobId id) {
  TRY(client_.admit(PartitionId()));
  WritingPtr writing;
  {
    const std::lock_guard lock(mutex_);
    const auto at = writing_.find(id);
    if (at == writing_.end()) return {};
    writing = at->second;
  }
  std::unique_lock lock(writing->mutex);
  const auto patience = std::chrono::milliseconds(client_.options().read_ms);
  if (!writing->answered.wait_for(lock, patience, [&] { return writing->under_way == 0; })) {
    return fail(Code::unavailable, "a blob: the cluster does not answer");
  }
  return {};
}

void RadosBlobs::remove_object(const std::string& object, RadosDone done) {
  librados::ObjectWriteOperation operation;
  operation.remove();
  client_.write({.kind = RadosKind::blob_remove, .pool = RadosPool::blobs, .object = object},
                operation, remove_flags,
                [done = std::move(done)](int rc) { done(rc == -ENOENT ? 0 : rc); });
}

// The first object goes last: as long as it is there, the rest can be found.
void RadosBlobs::remove_objects(BlobId id, uint64_t stripes, RadosDone done) {
  if (stripes <= 1) return remove_object(rados_blob_object(id, 0), std::move(done));
  struct Rest {
    std::atomic<uint64_t> missing{0};
    std::atomic<int> rc{0};
  };
  auto rest = std::make_shared<Rest>();
  rest->missing = stripes - 1;
  for (uint64_t stripe = stripes - 1; stripe > 0; --stripe) {
    remove_object(rados_blob_object(id, stripe), [this, id, rest, done](int rc) {
      if (rc < 0) rest->rc = rc;
      if (--rest->missing > 0) return;
      if (rest->rc < 0) return done(rest->rc);
      remove_object(rados_blob_object(id, 0), done);
    });
  }
}

// How many stripes there may be; 0: the blob is not there.
Result<uint64_t> RadosBlobs::stripes_of(BlobId id) {
  if (!rados_is_striped(id)) return 1;
  const auto found = record(id);
  if (!found && found.error().code == Code::not_found) return 0;
  if (!found) return tl::unexpected(found.error());
  if (found->size != rados_size_unknown) {
    return std::max<uint64_t>(1, (found->size + rados_stripe_bytes - 1) / rados_stripe_bytes);
  }
  // Its writer died: stripes are written one after the other.
  for (uint64_t stripe = 1;; ++stripe) {
    TRY(client_.admit(PartitionId()));
    librados::ObjectReadOperation operation;
    operation.assert_exists();
    RadosWaiter waiter;
    client_.read({.kind = RadosKind::blob_remove,
                  .pool = RadosPool::blobs,
                  .object = rados_blob_object(id, stripe)},
                 operation, waiter.done());
    const int rc = waiter.wait(client_.options().read_ms);
    if (rc == -ENOENT) return stripe;
    if (rc < 0) return tl::unexpected(rados_error(rc, "removing a blob"));
  }
}

Result<> RadosBlobs::remove(BlobId id) {
  TRY(settle(id));
  const uint64_t stripes = TRY(stripes_of(id));
  if (stripes == 0) return {};
  RadosWaiter waiter;
  remove_objects(id, stripes, waiter.done());
  const int rc = waiter.wait(client_.options().read_ms);
  if (rc < 0) return tl::unexpected(rados_error(rc, "removing a blob"));
  const std::lock_guard lock(mutex_);
  if (writing_.erase(id) > 0) std::erase(failed_, id);
  return {};
}

}  // namespace eilpost::engine
