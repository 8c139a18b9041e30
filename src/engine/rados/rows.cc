#include "engine/rados/rows.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <set>
#include <utility>

#include "base/limits.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

// What an OSD answers at most in one operation.
constexpr size_t rows_per_operation = 1000;
constexpr size_t rows_per_operation_min = 16;
// Keys of the store begin with a schema octet and one that says what the row is.
constexpr size_t kind_octets = 2;
constexpr size_t kinds_max = 1024;
constexpr double row_octets_guess = 1024;

}  // namespace

struct RadosRows::Part {
  RadosLookBuffers buffers;
  RadosLook look;
  std::map<std::string, librados::bufferlist> named;   // asked for by key
  std::map<std::string, librados::bufferlist> ranged;  // asked for by range
  int rc_named = 0;
  int rc_ranged = 0;
  bool more = false;
};

std::string rados_common_prefix(std::string_view first, std::string_view last) {
  if (last.empty() || first >= last) return {};
  // The keys below `last` are at most `top` followed by any number of 0xff (`open`), or `top`.
  std::string top(last);
  const bool open = top.back() != '\0';
  if (open) {
    top.back() = static_cast<char>(static_cast<unsigned char>(top.back()) - 1);
  } else {
    top.pop_back();
  }
  size_t same = 0;
  while (same < first.size()) {
    const char at = same < top.size() ? top[same] : '\xff';
    if ((same >= top.size() && !open) || first[same] != at) break;
    ++same;
  }
  return std::string(first.substr(0, same));
}

Result<std::shared_ptr<RadosRows::Part>> RadosRows::fetch(
    PartitionId partition, std::shared_ptr<Part> part, librados::ObjectReadOperation& operation) {
  TRY(client_.admit(partition));
  part->buffers.add_to(operation);
  RadosWaiter waiter;
  const auto instance = client_.connection()->instance;
  client_.read({.kind = RadosKind::read,
                .object = rados_partition_object(partition),
                .partition = partition},
               operation, [done = waiter.done(), part](int rc) { done(rc); });
  const int rc = waiter.wait(client_.options().read_ms);
  if (rc < 0 && rc != -ENOENT) return tl::unexpected(rados_error(rc, "reading a partition"));
  part->look = TRY(part->buffers.look(rc, instance, client_.micros()));
  looks_.learn(partition, part->look);
  uint64_t bytes = 0;
  for (const auto* rows : {&part->named, &part->ranged}) {
    for (const auto& [key, value] : *rows) bytes += key.size() + value.length();
  }
  client_.received(bytes);
  return part;
}

Result<ReadResult> RadosRows::read(PartitionId partition, const std::vector<std::string>& keys) {
  auto part = std::make_shared<Part>();
  librados::ObjectReadOperation operation;
  operation.omap_get_vals_by_keys(std::set<std::string>(keys.begin(), keys.end()), &part->named,
                                  &part->rc_named);
  TRY(fetch(partition, part, operation));
  ReadResult result;
  result.version = part->look.head.version;
  result.rows.reserve(part->named.size());
  for (const auto& [key, value] : part->named) result.rows.push_back(Row{key, value.to_str()});
  return result;
}

size_t RadosRows::rows_to_ask(const std::string& first, size_t left) {
  double octets = row_octets_guess;
  {
    const std::lock_guard lock(mutex_);
    const auto at = row_octets_.find(first.substr(0, kind_octets));
    if (at != row_octets_.end()) octets = at->second;
  }
  const auto fitting = static_cast<size_t>(limits::read_bytes_max * 1.1 / octets);
  const size_t rows = std::clamp(fitting, rows_per_operation_min, rows_per_operation);
  // One more than wanted tells whether there is more.
  return left < rows ? left + 1 : rows;
}

void RadosRows::learn_size(const std::string& first, size_t rows, size_t octets) {
  if (rows == 0) return;
  const double mean = std::max(1.0, static_cast<double>(octets) / static_cast<double>(rows));
  const std::lock_guard lock(mutex_);
  if (row_octets_.size() >= kinds_max) row_octets_.clear();
  auto& known = row_octets_.try_emplace(first.substr(0, kind_octets), mean).first->second;
  known += (mean - known) / 4;
}

namespace {

// Where to go on so that `first` itself is found: behind its predecessor where that is a string,
// else from the beginning of a prefix that is `first`; else `first` has to be asked for by name.
struct Start {
  std::string after;
  bool by_name = false;
};

Start start_of(const std::string& first, const std::string& prefix) {
  if (first.empty() || first == prefix) return {};
  if (first.back() == '\0') return {first.substr(0, first.size() - 1)};
  return {first, true};
}

}  // namespace

Result<ReadResult> RadosRows::read(PartitionId partition, const Range& range) {
  const bool empty = !range.last.empty() && range.first >= range.last;
  const std::string prefix = rados_common_prefix(range.first, range.last);
  auto start = start_of(range.first, prefix);
  ReadResult result;
  RangeCut cut(range.rows_max);
  bool began = false;
  while (true) {
    auto part = std::make_shared<Part>();
    librados::ObjectReadOperation operation;
    if (start.by_name) {
      operation.omap_get_vals_by_keys({start.after}, &part->named, &part->rc_named);
    }
    const size_t asked = rows_to_ask(range.first, range.rows_max - result.rows.size());
    if (!empty) {
      operation.omap_get_vals2(start.after, prefix, asked, &part->ranged, &part->more,
                               &part->rc_ranged);
    }
    TRY(fetch(partition, part, operation));
    if (began && part->look.head.version != result.version) {
      result.more = true;  // what has been read is of one version
      return result;
    }
    began = true;
    result.version = part->look.head.version;
    size_t octets = 0;
    for (const auto& [key, value] : part->ranged) octets += key.size() + value.length();
    learn_size(range.first, part->ranged.size(), octets);
    part->named.merge(part->ranged);
    for (const auto& [key, value] : part->named) {
      if (!range.last.empty() && key >= range.last) return result;
      if (!cut.add(result, key, value.to_str())) return result;
    }
    if (!part->more) return result;
    start = {part->named.empty() ? start.after : part->named.rbegin()->first, false};
  }
}

void RadosRows::look(RadosKind kind, PartitionId partition,
                     std::function<void(Result<RadosLook>)> done) {
  auto buffers = std::make_shared<RadosLookBuffers>();
  librados::ObjectReadOperation operation;
  buffers->add_to(operation);
  const auto instance = client_.connection()->instance;
  client_.read({.kind = kind, .object = rados_partition_object(partition), .partition = partition},
               operation, [this, buffers, instance, partition, done = std::move(done)](int rc) {
                 auto look = buffers->look(rc, instance, client_.micros());
                 if (look) looks_.learn(partition, *look);
                 done(std::move(look));
               });
}

void RadosRows::head(PartitionId partition, std::function<void(Result<Version>)> done) {
  if (auto admitted = client_.admit(partition); !admitted) {
    return done(tl::unexpected(std::move(admitted).error()));
  }
  // Shared by the answer and the deadline; the first of them calls.
  auto once = std::make_shared<std::atomic<bool>>(false);
  auto buffers = std::make_shared<RadosLookBuffers>();
  librados::ObjectReadOperation operation;
  buffers->add_to(operation);
  const auto instance = client_.connection()->instance;
  RadosTarget target{
      .kind = RadosKind::head, .object = rados_partition_object(partition), .partition = partition};
  target.late = [once, done] {
    if (!once->exchange(true)) done(fail(Code::unavailable, "a partition does not answer"));
  };
  client_.read(std::move(target), operation,
               [this, buffers, instance, partition, once, done](int rc) {
                 const auto look = buffers->look(rc, instance, client_.micros());
                 if (look) looks_.learn(partition, *look);
                 if (once->exchange(true)) return;
                 if (!look) return done(tl::unexpected(look.error()));
                 done(look->head.version);
               });
}

}  // namespace eilpost::engine
