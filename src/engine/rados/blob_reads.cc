// Reading blobs over RADOS, and finding all of them.
#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "base/log.h"
#include "engine/rados/blob_format.h"
#include "engine/rados/blobs.h"

namespace eilpost::engine {
namespace {

constexpr size_t scan_window = 128;

const log::Source logger{.component = "rados", .id = ""};

uint64_t up(uint64_t octets) {
  return (octets + rados_sum_bytes - 1) / rados_sum_bytes * rados_sum_bytes;
}

}  // namespace

// A read of one stripe that is under way, widened to what has checksums.
struct RadosBlobs::Part {
  uint64_t stripe = 0;
  uint64_t first = 0;  // within the stripe, as wanted
  uint64_t end = 0;
  uint64_t wide_first = 0;
  uint64_t wide_end = 0;
  librados::bufferlist octets;
  librados::bufferlist sums;
  int rc_octets = 0;
  int rc_sums = 0;
  RadosWaiter waiter;
};

std::shared_ptr<RadosBlobs::Part> RadosBlobs::start_read(BlobId id, uint64_t stripe, uint64_t first,
                                                         uint64_t end) {
  auto part = std::make_shared<Part>();
  part->stripe = stripe;
  part->first = first;
  part->end = end;
  part->wide_first = first / rados_sum_bytes * rados_sum_bytes;
  part->wide_end = up(end);
  librados::ObjectReadOperation operation;
  operation.getxattr(rados_sums_attribute, &part->sums, &part->rc_sums);
  operation.read(part->wide_first, part->wide_end - part->wide_first, &part->octets,
                 &part->rc_octets);
  client_.read({.kind = RadosKind::blob_read,
                .pool = RadosPool::blobs,
                .object = rados_blob_object(id, stripe)},
               operation, [done = part->waiter.done(), part](int rc) { done(rc); });
  return part;
}

Result<std::string> RadosBlobs::finish_read(Part& part) {
  const int rc = part.waiter.wait(client_.options().read_ms);
  if (rc < 0) return tl::unexpected(rados_error(rc, "reading a blob"));
  std::string octets = part.octets.to_str();
  client_.received(octets.size());
  TRY(rados_check_sums(part.sums.to_str(), octets, part.wide_first, part.wide_end));
  const uint64_t skipped = part.first - part.wide_first;
  if (octets.size() <= skipped) return std::string();
  octets.resize(std::min<uint64_t>(octets.size(), part.end - part.wide_first));
  octets.erase(0, skipped);
  return octets;
}

Result<BlobRecord> RadosBlobs::record(BlobId id) {
  struct Buffer {
    librados::bufferlist octets;
    int rc = 0;
  };
  auto buffer = std::make_shared<Buffer>();
  librados::ObjectReadOperation operation;
  operation.getxattr(rados_record_attribute, &buffer->octets, &buffer->rc);
  RadosWaiter waiter;
  client_.read(
      {.kind = RadosKind::blob_read, .pool = RadosPool::blobs, .object = rados_blob_object(id, 0)},
      operation, [done = waiter.done(), buffer](int rc) { done(rc); });
  const int rc = waiter.wait(client_.options().read_ms);
  if (rc < 0) return tl::unexpected(rados_error(rc, "a blob's record"));
  auto found = TRY(rados_parse_blob_record(buffer->octets.to_str()));
  found.id = id;
  return found;
}

Result<std::string> RadosBlobs::read(BlobId id, uint64_t offset, uint64_t length) {
  TRY(settle(id));
  const uint64_t end = offset + std::min(length, UINT64_MAX - offset);
  const uint64_t stripe = offset / rados_stripe_bytes;
  const bool one_stripe = !rados_is_striped(id) || (end - 1) / rados_stripe_bytes == stripe;
  const bool behind = !rados_is_striped(id) && stripe > 0;
  if (length == 0 || behind) {
    TRY(record(id));  // so that one that is not there is an error here, too
    return std::string();
  }
  if (!one_stripe) return read_stripes(id, offset, end - offset);
  const uint64_t begin = stripe * rados_stripe_bytes;
  const auto part =
      start_read(id, stripe, offset - begin, std::min(end - begin, rados_stripe_bytes));
  auto octets = finish_read(*part);
  if (octets || octets.error().code != Code::not_found || stripe == 0) return octets;
  const auto found = TRY(record(id));
  if (offset >= found.size) return std::string();
  return fail(Code::corrupt, "a stripe of a blob is missing");
}

Result<std::string> RadosBlobs::read_stripes(BlobId id, uint64_t offset, uint64_t length) {
  const auto found = TRY(record(id));
  if (found.size == rados_size_unknown) return fail(Code::not_found, "the blob is not finished");
  if (offset >= found.size) return std::string();
  const uint64_t end = offset + std::min(length, found.size - offset);
  std::vector<std::shared_ptr<Part>> parts;
  for (uint64_t stripe = offset / rados_stripe_bytes; stripe * rados_stripe_bytes < end; ++stripe) {
    const uint64_t begin = stripe * rados_stripe_bytes;
    const uint64_t first = std::max(offset, begin) - begin;
    parts.push_back(start_read(id, stripe, first, std::min(end - begin, rados_stripe_bytes)));
  }
  std::string octets;
  octets.reserve(end - offset);
  for (const auto& part : parts) {
    auto piece = finish_read(*part);
    if (!piece && piece.error().code == Code::not_found && part->stripe > 0) {
      return fail(Code::corrupt, "a stripe of a blob is missing");
    }
    octets += TRY(std::move(piece));
  }
  if (octets.size() != end - offset) return fail(Code::corrupt, "a blob is too short");
  return octets;
}

// False: `each` wants no more.
Result<bool> RadosBlobs::scan_some(const std::vector<BlobId>& ids,
                                   const std::function<bool(const BlobRecord&)>& each) {
  struct Look {
    librados::bufferlist record;
    int rc = 0;
    RadosWaiter waiter;
  };
  TRY(client_.admit(PartitionId()));
  std::vector<std::shared_ptr<Look>> looks;
  for (const BlobId id : ids) {
    auto look = std::make_shared<Look>();
    librados::ObjectReadOperation operation;
    operation.getxattr(rados_record_attribute, &look->record, &look->rc);
    client_.read({.kind = RadosKind::blob_scan,
                  .pool = RadosPool::blobs,
                  .object = rados_blob_object(id, 0)},
                 operation, [done = look->waiter.done(), look](int rc) { done(rc); });
    looks.push_back(std::move(look));
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    const int rc = looks[i]->waiter.wait(client_.options().read_ms);
    if (rc == -ENOENT) continue;  // removed since it was listed
    if (rc < 0) return tl::unexpected(rados_error(rc, "a blob's record"));
    auto record = rados_parse_blob_record(looks[i]->record.to_str());
    if (!record) {
      logger.error("{}: {}", rados_blob_object(ids[i], 0), record.error().detail);
      continue;
    }
    record->id = ids[i];
    if (record->size == rados_size_unknown) record->size = 0;
    if (!each(*record)) return false;
  }
  return true;
}

// librados lists objects with calls that block for as long as the cluster is silent, unless the
// instance has a timeout: so this has an instance of its own.
Result<> RadosBlobs::scan(const std::function<bool(const BlobRecord&)>& each) {
  TRY(client_.admit(PartitionId()));
  const auto& options = client_.options();
  const auto own = TRY(rados_connect(options, std::max(1, options.read_ms / 1000)));
  std::vector<BlobId> ids;
  try {
    const auto end = own->blobs.nobjects_end();
    for (auto at = own->blobs.nobjects_begin(); at != end; ++at) {
      const auto id = rados_blob_of(at->get_oid());
      if (!id) continue;
      ids.push_back(*id);
      if (ids.size() < scan_window) continue;
      if (!TRY(scan_some(ids, each))) return {};
      ids.clear();
    }
  } catch (const std::exception& e) {
    return fail(Code::unavailable, std::string("listing the blob pool: ") + e.what());
  }
  TRY(scan_some(ids, each));
  return {};
}

}  // namespace eilpost::engine
