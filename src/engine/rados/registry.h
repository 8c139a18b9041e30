// Which partitions there are, as RADOS cannot list objects in order: rows of objects in the index
// pool, one object for each 65,536 ids, and one that names those. A partition is listed before its
// first commit, so a listed one may not exist: list() looks. Partition ids are handed out in
// ascending order; ids far apart cost an object each. Thread safe; list() and remove() block.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/rados/client.h"
#include "engine/rados/rows.h"

namespace eilpost::engine {

class RadosRegistry {
 public:
  RadosRegistry(RadosClient& client, RadosRows& rows) : client_(client), rows_(rows) {}

  void add(PartitionId partition, std::function<void(Result<>)> done);
  Result<> remove(PartitionId partition);
  // Ascending from `after` (exclusive), at most `count`.
  Result<std::vector<PartitionId>> list(PartitionId after, size_t count);

 private:
  void write_row(const std::string& object, const std::string& key, RadosDone done);
  Result<std::vector<uint64_t>> keys(const std::string& object, const std::string& after);
  Result<> keep_existing(const std::vector<PartitionId>& listed, size_t count,
                         std::vector<PartitionId>& out);

  RadosClient& client_;
  RadosRows& rows_;
  std::mutex mutex_;
  std::unordered_set<uint64_t> shards_;  // known to be named
};

}  // namespace eilpost::engine
