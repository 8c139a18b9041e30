// The engine for many machines: every node of a cluster opens the same two pools of a Ceph cluster
// and sees the same store. A partition is one object of the index pool (rows in its omap, the
// version in an attribute that the same atomic operation compares), a blob one object of the blob
// pool (striped above 4 MiB). What is promised beyond engine.h: a commit whose answer is lost is
// fenced before it is reported as Unknown; while the cluster does not answer, reachable() is false
// and calls are refused at once, and no call blocks for longer than its deadline; a full pool
// refuses writes with Code::io and still takes deletes. A commit that was sent and that close()
// gives up on is Unknown with Code::unknown and may still happen. All threads are librados' own but
// one timer thread and, once blocklisted, one that reconnects; callbacks run on those. Thread safe;
// blob writers are destroyed before it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/metrics.h"
#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

struct RadosOptions {
  std::string ceph_conf = "/etc/ceph/ceph.conf";
  std::string user = "client.admin";
  std::string keyring;  // a file; empty: where ceph.conf says
  std::string index_pool = "eilpost.index";
  std::string blob_pool = "eilpost.blobs";
  // The RADOS namespace of the store in both pools, so that several stores can share them.
  std::string name_space;

  // Its steady time says how long answers take; null: the system's. Both outlive the engine.
  const Clock* clock = nullptr;
  Metrics* metrics = nullptr;

  // Milliseconds; tests set smaller ones.
  int connect_ms = 10'000;                 // open_rados() gives up
  int stall_ms = limits::commit_stall_ms;  // an operation without an answer: unreachable
  int read_ms = 5'000;                     // a read or blob call gives up waiting
  int turn_ms = limits::turn_ms;           // how long another's turn is waited for
  // A comparison that fails later than this after sending may have failed on the commit's own
  // doing.
  int doubt_ms = 500;
  int close_ms = 10'000;  // close() gives up on what is under way
  int probe_ms = 1'000;   // between two looks at an idle cluster
  uint64_t partition_rows_max = limits::partition_rows_max;
  uint64_t partition_bytes_max = limits::partition_bytes_max;
};

// Connects. Code::unavailable: the cluster does not answer in time. Code::not_found: a pool is not
// there. Code::permission: the key is not good enough. Code::invalid: an option or ceph.conf.
Result<std::unique_ptr<Engine>> open_rados(const RadosOptions& options);

}  // namespace eilpost::engine
