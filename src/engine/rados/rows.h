// Reading partitions over RADOS: heads, rows by key, rows by range. Each RADOS operation is atomic
// and carries the head; a range that takes several is cut where the version moved. head() and
// look() do not block, read() does, at most for the deadline of the options. Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/rados/client.h"
#include "engine/rados/look.h"

namespace eilpost::engine {

class RadosRows {
 public:
  RadosRows(RadosClient& client, RadosLooks& looks) : client_(client), looks_(looks) {}

  Result<ReadResult> read(PartitionId partition, const std::vector<std::string>& keys);
  Result<ReadResult> read(PartitionId partition, const Range& range);
  // Answers within the deadline of the options.
  void head(PartitionId partition, std::function<void(Result<Version>)> done);
  // Asks the object itself, whatever it takes, and remembers what it says.
  void look(RadosKind kind, PartitionId partition, std::function<void(Result<RadosLook>)> done);

 private:
  struct Part;
  Result<std::shared_ptr<Part>> fetch(PartitionId partition, std::shared_ptr<Part> part,
                                      librados::ObjectReadOperation& operation);
  size_t rows_to_ask(const std::string& first, size_t left);
  void learn_size(const std::string& first, size_t rows, size_t octets);

  RadosClient& client_;
  RadosLooks& looks_;
  std::mutex mutex_;
  // How large rows are whose keys begin so, to ask for about as many as a read may hold.
  std::unordered_map<std::string, double> row_octets_;
};

// The longest prefix that every key of [first, last) has; `last` empty: no end.
std::string rados_common_prefix(std::string_view first, std::string_view last);

}  // namespace eilpost::engine
