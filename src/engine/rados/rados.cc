#include "engine/rados/rados.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "engine/rados/blobs.h"
#include "engine/rados/client.h"
#include "engine/rados/commits.h"
#include "engine/rados/look.h"
#include "engine/rados/registry.h"
#include "engine/rados/rows.h"
#include "engine/rados/watches.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

const log::Source logger{.component = "rados", .id = ""};

class RadosEngine final : public Engine {
 public:
  RadosEngine(const RadosOptions& options, std::shared_ptr<RadosConnection> connection)
      : client_(options, std::move(connection)),
        rows_(client_, looks_),
        registry_(client_, rows_),
        blobs_(client_),
        watches_(std::make_shared<RadosWatches>(client_, looks_)),
        commits_(client_, looks_, rows_, needs()) {
    client_.on_reconnect([this] { watches_->rearm_all(); });
  }
  ~RadosEngine() override {
    close();
    client_.shutdown();
  }

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done) override {
    commits_.commit(partition, expected, std::move(batch), std::move(done));
  }
  void take_turn(PartitionId partition, std::function<void()> go) override {
    commits_.take_turn(partition, std::move(go));
  }
  bool reachable() const override { return client_.reachable(); }
  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys) override {
    return rows_.read(partition, keys);
  }
  Result<ReadResult> read(PartitionId partition, const Range& range) override {
    return rows_.read(partition, range);
  }
  void head(PartitionId partition, std::function<void(Result<Version>)> done) override {
    rows_.head(partition, std::move(done));
  }
  std::unique_ptr<Watch> watch(PartitionId partition, Wake wake) override {
    return watches_->add(partition, std::move(wake));
  }
  Result<std::vector<PartitionId>> partitions(PartitionId after) override {
    return registry_.list(after, partitions_per_call);
  }
  Result<> remove_partition(PartitionId partition) override;

  Result<std::unique_ptr<BlobWriter>> stage_blob(PartitionId partition, Timestamp now,
                                                 std::string place) override {
    return blobs_.stage(partition, now, std::move(place));
  }
  Result<std::string> read_blob(BlobId id, uint64_t offset, uint64_t length) override {
    return blobs_.read(id, offset, length);
  }
  Result<> remove_blob(BlobId id) override { return blobs_.remove(id); }
  Result<> scan_blobs(const std::function<bool(const BlobRecord&)>& each) override {
    return blobs_.scan(each);
  }
  void close() override;

 private:
  RadosCommitNeeds needs();

  RadosClient client_;
  RadosLooks looks_;
  RadosRows rows_;
  RadosRegistry registry_;
  RadosBlobs blobs_;
  // Shared with the Watches, which may be destroyed after the engine.
  std::shared_ptr<RadosWatches> watches_;
  RadosCommits commits_;
};

RadosCommitNeeds RadosEngine::needs() {
  RadosCommitNeeds needs;
  needs.blobs_durable = [this](const std::vector<BlobId>& ids, std::function<void(Result<>)> done) {
    blobs_.when_durable(ids, std::move(done));
  };
  needs.register_partition = [this](PartitionId partition, std::function<void(Result<>)> done) {
    registry_.add(partition, std::move(done));
  };
  needs.committed = [this](PartitionId partition, const RadosLook& look) {
    watches_->committed(partition, look);
  };
  return needs;
}

Result<> RadosEngine::remove_partition(PartitionId partition) {
  TRY(client_.admit(partition));
  librados::ObjectWriteOperation operation;
  operation.remove();
  RadosWaiter waiter;
  client_.write({.kind = RadosKind::remove,
                 .object = rados_partition_object(partition),
                 .partition = partition},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                waiter.done());
  const int rc = waiter.wait(client_.options().read_ms);
  if (rc < 0 && rc != -ENOENT) return tl::unexpected(rados_error(rc, "removing a partition"));
  looks_.forget(partition);
  watches_->removed(partition);
  return registry_.remove(partition);
}

void RadosEngine::close() {
  if (client_.closed()) return;
  client_.refuse();
  const int patience = client_.options().close_ms;
  const int64_t began = client_.micros();
  const size_t undecided = commits_.close(patience);
  const auto waited = static_cast<int>((client_.micros() - began) / 1000);
  const bool drained = undecided == 0 && client_.drain(std::max(0, patience - waited));
  if (!drained) {
    logger.error("closed without an answer from the cluster; {} commits are undecided", undecided);
  }
  watches_->close();
}

}  // namespace

Result<std::unique_ptr<Engine>> open_rados(const RadosOptions& options) {
  auto connection = TRY(rados_connect(options, 0));
  return std::make_unique<RadosEngine>(options, std::move(connection));
}

}  // namespace eilpost::engine
