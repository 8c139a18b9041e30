// The connection to the Ceph cluster, for the parts of the RADOS engine: sends operations, counts
// them, knows which of them wait for an answer and since when, and from that whether the cluster
// answers at all. Nothing here blocks but connect(), close() and Waiter. An operation has no
// timeout: librados sends it again until it is answered, and says "blocklisted" when this instance
// may never write again; then a fresh instance is connected. Thread safe; callbacks run on a thread
// of librados or of the timer and must not block.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <rados/librados.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/rados/rados.h"
#include "engine/rados/timer.h"

namespace eilpost::engine {

// What an operation is for; the label of its metrics.
enum class RadosKind {
  commit,
  read,
  head,
  turn,
  fence,
  remove,
  registry,
  watch,
  notify,
  probe,
  blob_write,
  blob_read,
  blob_remove,
  blob_scan,
};
inline constexpr size_t rados_kinds = static_cast<size_t>(RadosKind::blob_scan) + 1;

enum class RadosPool { index, blobs };

using RadosDone = std::function<void(int)>;  // what librados returned: 0 or more, or -errno

// One librados instance with its two pools. Shared by the client and by every operation under way.
struct RadosConnection {
  librados::Rados rados;
  librados::IoCtx index;
  librados::IoCtx blobs;
  uint64_t instance = 0;  // how the cluster's lists of watchers name it

  librados::IoCtx& pool(RadosPool which) { return which == RadosPool::index ? index : blobs; }
};

// -errno of librados as an Error; `what` names the operation.
Error rados_error(int rc, std::string_view what);

// A fresh instance, connected. `op_timeout_seconds`: 0 for none.
Result<std::shared_ptr<RadosConnection>> rados_connect(const RadosOptions& options,
                                                       int op_timeout_seconds);

// Where an operation goes and what is to be known of it.
struct RadosTarget {
  RadosKind kind = RadosKind::read;
  RadosPool pool = RadosPool::index;
  std::string object;
  PartitionId partition;       // refused while its object does not answer; zero: none
  uint64_t bytes = 0;          // payload sent
  std::function<void()> late;  // called once when there is no answer for the stall time
};

class RadosClient {
 public:
  RadosClient(const RadosOptions& options, std::shared_ptr<RadosConnection> connection);
  ~RadosClient();
  RadosClient(const RadosClient&) = delete;
  RadosClient& operator=(const RadosClient&) = delete;

  // Sends whatever reachable() says. `done` is called exactly once, unless close() gave up first.
  void write(RadosTarget target, librados::ObjectWriteOperation& operation, int flags,
             RadosDone done);
  // What `operation` writes into must live until `done` is destroyed.
  void read(RadosTarget target, librados::ObjectReadOperation& operation, RadosDone done);
  // Any other asynchronous call of librados: `start` gets the connection and the completion.
  using Start = std::function<int(RadosConnection&, librados::AioCompletion*)>;
  void call(RadosTarget target, const Start& start, RadosDone done);

  // An error when calls about the partition (zero: about anything) are refused at once.
  Result<> admit(PartitionId partition) const;
  bool reachable() const { return reachable_; }
  bool closed() const { return closed_; }
  void received(uint64_t bytes);
  std::shared_ptr<RadosConnection> connection() const;
  // Moves when a fresh instance has replaced a blocklisted one.
  uint64_t generation() const { return generation_; }
  // Called with no lock held after each reconnect, perhaps when that instance, too, is already
  // blocklisted. Set before anything is sent.
  void on_reconnect(std::function<void()> what) { reconnected_ = std::move(what); }

  // Steady, by the clock of the options.
  int64_t micros() const { return clock_.steady_micros(); }
  RadosTimer& timer() { return timer_; }
  const RadosOptions& options() const { return options_; }

  // Refuses from here on.
  void refuse() { closed_ = true; }
  // Waits for the answers that writes are owed, at most so long; false: some are owed still.
  bool drain(int milliseconds);
  // Ends the timer and librados. What is still under way is dropped without a call.
  void shutdown();

 private:
  void settle();
  struct Operation;
  using Operations = std::list<std::unique_ptr<Operation>>;
  struct Meters;

  Operation* enter(RadosTarget target, RadosDone done);
  void finish(Operation* operation, int rc);
  static void completed(librados::completion_t completion, void* argument);
  void tick();
  void probe();
  void judge(int64_t now);
  void blocklisted(const RadosConnection* of);
  void run_reconnector();
  void reconnect();
  void end_retired();

  RadosOptions options_;
  SystemClock system_clock_;
  const Clock& clock_;
  std::unique_ptr<Meters> meters_;
  std::function<void()> reconnected_;

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::shared_ptr<RadosConnection> connection_;
  // Instances that were blocklisted, until nothing names them: librados must not be ended on one of
  // its own threads.
  std::vector<std::shared_ptr<RadosConnection>> retired_;
  Operations operations_;                        // the oldest first
  size_t owed_ = 0;                              // those of them that drain() waits for
  std::unordered_map<PartitionId, int> silent_;  // late operations of a partition
  int64_t last_answer_ = 0;                      // steady microseconds
  int64_t last_probe_ = 0;
  int probes_ = 0;
  uint64_t probe_number_ = 0;
  bool reconnecting_ = false;  // connection_ is blocklisted
  std::condition_variable reconnector_called_;
  std::thread reconnector_;  // from the first blocklisting to shutdown()

  std::atomic<bool> reachable_{true};
  std::atomic<bool> closed_{false};
  std::atomic<uint64_t> generation_{0};
  RadosTimer timer_;
};

// Waits for one answer, with a deadline; whoever gives up leaves the answer's memory to `done`.
class RadosWaiter {
 public:
  RadosWaiter();
  RadosDone done() const;
  // What done() was called with; -ETIMEDOUT when it was not in time.
  int wait(int milliseconds);

 private:
  struct State;
  // Shared with the callback, which may come after the wait has ended.
  std::shared_ptr<State> state_;
};

}  // namespace eilpost::engine
