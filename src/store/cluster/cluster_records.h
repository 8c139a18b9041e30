// What the nodes of a cluster tell each other, as rows of one reserved partition: who is there, who
// does which job, whose sessions are to end. The number of rows is bounded by nodes and jobs, never
// by accounts. Values with encode and decode; any thread.
//   01 'N' name        a node
//   01 'J' job         the buckets of a job: who holds which, and when each was last done
//   01 'E' id(be64)    sessions of this account are to end
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::store {

inline constexpr PartitionId cluster_partition{2};
// Accounts are spread over so many buckets; a job of all accounts is leased by bucket.
inline constexpr uint32_t cluster_buckets = 256;
inline constexpr size_t node_name_octets_max = 200;

struct NodeRow {
  std::string name;
  std::string address;
  std::string release;
  uint64_t incarnation = 0;  // drawn at each start
  Timestamp started;         // both by the node's own clock
  Timestamp beat;
  uint64_t beats = 0;
  engine::Version seen = 0;  // the version of this partition that the node has acted on
  uint64_t sessions = 0;
};

struct JobBucket {
  std::string holder;  // a node's name; empty: nobody works on it
  uint64_t incarnation = 0;
  Timestamp since;
  Timestamp done;  // 0: never
};

struct JobRow {
  std::string job;
  std::vector<JobBucket> buckets;  // the bucket is the index; missing ones were never touched
};

struct EndingRow {
  AccountId account;
  Timestamp at;
};

namespace cluster_keys {
std::string node(std::string_view name);
std::string job(std::string_view job);
std::string ending(AccountId account);
}  // namespace cluster_keys

std::string encode(const NodeRow& row);
Result<NodeRow> decode_node(std::string_view value);
std::string encode(const JobRow& row);
Result<JobRow> decode_job(std::string_view value);
std::string encode(const EndingRow& row);
Result<EndingRow> decode_ending(std::string_view value);

// The whole partition at one version.
struct ClusterState {
  engine::Version version = 0;
  std::vector<NodeRow> nodes;  // by name
  std::vector<JobRow> jobs;
  std::vector<EndingRow> endings;

  const NodeRow* node(std::string_view name) const;
  // Made if absent.
  JobRow& job(const std::string& name);
};
// Blocks on the engine. Code::conflict: it changed all the time.
Result<ClusterState> read_cluster(engine::Engine& engine);

// Where accounts belong by rendezvous hashing: each bucket to one of the names, and when a name
// goes only its buckets move. A hint. "" without names.
uint32_t bucket_of(AccountId account);
std::string_view rendezvous(const std::vector<std::string_view>& names, uint32_t bucket);

}  // namespace eilpost::store
