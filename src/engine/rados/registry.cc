#include "engine/rados/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <future>
#include <map>
#include <set>
#include <utility>

namespace eilpost::engine {
namespace {

constexpr int shard_bits = 16;
constexpr size_t keys_per_operation = 1000;
constexpr size_t looks_at_once = 128;
const std::string root_object = "registry";

uint64_t shard_of(PartitionId partition) {
  return partition.value >> shard_bits;
}

std::string shard_object(uint64_t shard) {
  return fmt::format("registry.{:012x}", shard);
}

std::string key_of(uint64_t number) {
  return fmt::format("{:016x}", number);
}

}  // namespace

void RadosRegistry::write_row(const std::string& object, const std::string& key, RadosDone done) {
  librados::ObjectWriteOperation operation;
  operation.omap_set({{key, librados::bufferlist()}});
  client_.write({.kind = RadosKind::registry, .object = object, .bytes = key.size()}, operation,
                librados::OPERATION_FULL_TRY, std::move(done));
}

void RadosRegistry::add(PartitionId partition, std::function<void(Result<>)> done) {
  const uint64_t shard = shard_of(partition);
  const auto answer = [done = std::move(done)](int rc) {
    if (rc < 0) return done(tl::unexpected(rados_error(rc, "listing a partition")));
    done({});
  };
  bool named = false;
  {
    const std::lock_guard lock(mutex_);
    named = shards_.contains(shard);
  }
  if (named) return write_row(shard_object(shard), key_of(partition.value), answer);
  write_row(root_object, key_of(shard), [this, partition, shard, answer](int rc) {
    if (rc < 0) return answer(rc);
    {
      const std::lock_guard lock(mutex_);
      shards_.insert(shard);
    }
    write_row(shard_object(shard), key_of(partition.value), answer);
  });
}

Result<> RadosRegistry::remove(PartitionId partition) {
  librados::ObjectWriteOperation operation;
  operation.assert_exists();
  operation.omap_rm_keys({key_of(partition.value)});
  RadosWaiter waiter;
  client_.write({.kind = RadosKind::registry, .object = shard_object(shard_of(partition))},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                waiter.done());
  const int rc = waiter.wait(client_.options().read_ms);
  if (rc < 0 && rc != -ENOENT) return tl::unexpected(rados_error(rc, "unlisting a partition"));
  return {};
}

Result<std::vector<uint64_t>> RadosRegistry::keys(const std::string& object,
                                                  const std::string& after) {
  struct Page {
    std::set<std::string> keys;
    bool more = false;
    int rc = 0;
  };
  std::vector<uint64_t> numbers;
  std::string from = after;
  while (true) {
    TRY(client_.admit(PartitionId()));
    auto page = std::make_shared<Page>();
    librados::ObjectReadOperation operation;
    operation.omap_get_keys2(from, keys_per_operation, &page->keys, &page->more, &page->rc);
    RadosWaiter waiter;
    client_.read({.kind = RadosKind::registry, .object = object}, operation,
                 [done = waiter.done(), page](int rc) { done(rc); });
    const int rc = waiter.wait(client_.options().read_ms);
    if (rc == -ENOENT) return numbers;
    if (rc < 0) return tl::unexpected(rados_error(rc, "listing partitions"));
    for (const auto& key : page->keys) {
      uint64_t number = 0;
      const auto parsed = std::from_chars(key.data(), key.data() + key.size(), number, 16);
      if (parsed.ec != std::errc()) return fail(Code::corrupt, "a row of the registry");
      numbers.push_back(number);
    }
    if (!page->more || page->keys.empty()) return numbers;
    from = *page->keys.rbegin();
  }
}

// Adds those that have an object, until `out` has `count`.
Result<> RadosRegistry::keep_existing(const std::vector<PartitionId>& listed, size_t count,
                                      std::vector<PartitionId>& out) {
  for (size_t at = 0; at < listed.size() && out.size() < count; at += looks_at_once) {
    TRY(client_.admit(PartitionId()));
    const size_t end = std::min(listed.size(), at + looks_at_once);
    std::vector<std::future<Result<Version>>> heads;
    for (size_t i = at; i < end; ++i) {
      auto promise = std::make_shared<std::promise<Result<Version>>>();
      heads.push_back(promise->get_future());
      rows_.head(listed[i], [promise](Result<Version> head) { promise->set_value(head); });
    }
    for (size_t i = at; i < end; ++i) {
      const Version version = TRY(heads[i - at].get());
      if (version != 0 && out.size() < count) out.push_back(listed[i]);
    }
  }
  return {};
}

Result<std::vector<PartitionId>> RadosRegistry::list(PartitionId after, size_t count) {
  std::vector<PartitionId> out;
  if (after.value == UINT64_MAX) return out;
  const uint64_t first = shard_of(PartitionId(after.value + 1));
  const auto shards = TRY(keys(root_object, first == 0 ? "" : key_of(first - 1)));
  for (const uint64_t shard : shards) {
    if (out.size() >= count) break;
    std::vector<PartitionId> listed;
    for (const uint64_t id : TRY(keys(shard_object(shard), key_of(after.value)))) {
      listed.emplace_back(id);
    }
    TRY(keep_existing(listed, count, out));
  }
  return out;
}

}  // namespace eilpost::engine
