// Commits over RADOS, all of it asynchronous. A commit is one write operation that compares the
// partition's head and turn and replaces the head; what it has to know for that comes from the last
// look at the object. Commits of one partition are sent in the order in which they were asked for,
// without waiting for each other's answers. An answer that may be wrong (a lost one, a comparison
// that failed long after sending) ends as Unknown, once a fence has made sure that the batch can
// not happen any more. Thread safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/metrics.h"
#include "base/random.h"
#include "engine/rados/client.h"
#include "engine/rados/look.h"
#include "engine/rados/rows.h"

namespace eilpost::engine {

// What the commits need of the engine's other parts.
struct RadosCommitNeeds {
  // Calls back, perhaps inline, when the blobs are durable, or why they are not.
  std::function<void(const std::vector<BlobId>&, std::function<void(Result<>)>)> blobs_durable;
  // Lists the partition in the registry.
  std::function<void(PartitionId, std::function<void(Result<>)>)> register_partition;
  // After a commit has happened and its callback has run.
  std::function<void(PartitionId, const RadosLook&)> committed;
};

class RadosCommits {
 public:
  RadosCommits(RadosClient& client, RadosLooks& looks, RadosRows& rows, RadosCommitNeeds needs);
  ~RadosCommits();

  void commit(PartitionId partition, Version expected, Batch batch, CommitCallback done);
  // Calls `go` within two turns' time, whatever the cluster does.
  void take_turn(PartitionId partition, std::function<void()> go);

  // Waits until every commit has been answered, at most so long. The rest is answered with Unknown:
  // Code::unknown where the commit was sent and may still happen, Code::closed where it never will.
  // Call after the client refuses. Answers how many those were.
  size_t close(int milliseconds);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;  // shared by the steps of a commit, each a callback
  struct Lane {
    std::deque<JobPtr> waiting;
    bool busy = false;  // one of them is being prepared
  };
  struct Scan;
  struct Turn;
  struct Asking;
  using AskingPtr = std::shared_ptr<Asking>;  // shared by the steps of taking a turn
  struct Meters;

  void pump(PartitionId partition);
  void release(const JobPtr& job);
  void refuse(const JobPtr& job, Error error);
  void answer(const JobPtr& job, CommitResult result);
  void deliver(const JobPtr& job, CommitResult result);
  bool given_up(const JobPtr& job);
  void check_stalls();

  // The steps before a commit is sent.
  void advance(const JobPtr& job);
  void sync_blobs(const JobPtr& job);
  void list_partition(const JobPtr& job);
  void look(const JobPtr& job);
  void looked(const JobPtr& job, Result<RadosLook> look);
  void await_turn(const JobPtr& job);
  bool fit(const JobPtr& job);
  void read_for(const JobPtr& job, const std::shared_ptr<Scan>& scan,
                librados::ObjectReadOperation& operation, std::function<void()> then);
  void measure(const JobPtr& job, const std::shared_ptr<Scan>& scan);
  void measure_named(const JobPtr& job);
  bool may_send(const JobPtr& job);
  void send(const JobPtr& job);

  // The steps after.
  void sent(const JobPtr& job, int rc);
  void happened(const JobPtr& job);
  void failed_guard(const JobPtr& job);
  void fence(const JobPtr& job);
  void fence_with(const JobPtr& job, const RadosLook& look);
  void fence_later(const JobPtr& job);

  // Looks until the turn `seen` of the partition has ended or was looked at for turn_ms.
  void watch_turn(const std::shared_ptr<Turn>& turn);
  void ask_turn(const AskingPtr& asking);
  void set_turn(const AskingPtr& asking, const RadosLook& look);
  void turn_set(const AskingPtr& asking, const std::string& mine);
  void drop_turn(PartitionId partition, const std::string& turn);
  bool is_mine(PartitionId partition, const std::string& turn);

  RadosClient& client_;
  RadosLooks& looks_;
  RadosRows& rows_;
  RadosCommitNeeds needs_;
  std::unique_ptr<Meters> meters_;
  Random random_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_map<PartitionId, Lane> lanes_;
  std::list<JobPtr> jobs_;  // unanswered, the oldest first
  size_t queued_bytes_ = 0;
  std::unordered_map<PartitionId, std::string> turns_;  // held by this engine
};

}  // namespace eilpost::engine
