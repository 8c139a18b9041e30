// What one commit over RADOS is while it is under way; for rados_commits*.cc alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/rados/commits.h"

namespace eilpost::engine {

struct RadosCommits::Job {
  PartitionId partition;
  Version expected = 0;
  Batch batch;
  CommitCallback done;
  size_t bytes = 0;
  int64_t asked = 0;    // steady microseconds
  int64_t sent_at = 0;  // likewise, the last time it was sent
  std::list<JobPtr>::iterator self;

  // Of the step that runs.
  bool synced = false;
  bool listed = false;
  bool in_lane = true;
  std::optional<RadosLook> known;  // what the object is expected to say
  std::string passed_turn;         // another's turn that has lasted too long
  std::optional<RadosHead> exact;  // what the partition will hold, counted exactly
  RadosLook next;                  // what the object says afterwards

  std::mutex mutex;  // of what follows, and held while `done` hears of a stall
  bool answered = false;
  bool stalled = false;
  bool sent = false;  // it may happen
};

struct RadosCommits::Scan {
  RadosLookBuffers buffers;
  std::map<std::string, librados::bufferlist> rows;
  int rc = 0;
  bool more = false;
  std::string after;
  RadosHead sum;
};

struct RadosCommits::Turn {
  PartitionId partition;
  RadosLook seen;
  int64_t since = 0;  // steady microseconds
  int pause_ms = 5;
  // true: it has lasted for too long and may be passed over
  std::function<void(Result<RadosLook>, bool)> then;
};

// One take_turn().
struct RadosCommits::Asking {
  PartitionId partition;
  int tries = 0;  // left
  std::function<void()> go;
  std::atomic<bool> ended{false};

  void end() {
    if (ended.exchange(true)) return;
    const auto call = std::move(go);
    call();
  }
};

}  // namespace eilpost::engine
