// Watches over RADOS. A partition that somebody here follows has one watch on its object; the
// cluster tells all instances that watch it when one of them notifies. A watch that was lost is
// armed again, and wakes when it is, and once more a little later, as what happened in between was
// missed. Commits of this instance wake its own followers directly, and notify the others without
// waiting for them. Thread safe; nothing blocks but close().
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/rados/client.h"
#include "engine/rados/look.h"
#include "engine/watches.h"

namespace eilpost::engine {

class RadosWatches : public std::enable_shared_from_this<RadosWatches> {
 public:
  RadosWatches(RadosClient& client, RadosLooks& looks);
  ~RadosWatches();

  std::unique_ptr<Watch> add(PartitionId partition, Wake wake);
  // After a commit of this instance, which left the object like this.
  void committed(PartitionId partition, const RadosLook& look);
  void removed(PartitionId partition);
  // Every watch again, on the connection that replaced a blocklisted one.
  void rearm_all();
  // Ends the watches in the cluster; Watches that are left do nothing more.
  void close();

 private:
  class Handle;
  class Context;
  enum class State { idle, arming, armed };
  struct Post {
    size_t users = 0;
    State state = State::idle;
    uint64_t handle = 0;
    uint64_t generation = 0;
  };
  struct Notices {
    int under_way = 0;
    Version next = 0;  // to be told of when one of them has ended
  };

  void arm(PartitionId partition);
  void armed(PartitionId partition, uint64_t handle, uint64_t generation, int rc);
  void arm_later(PartitionId partition, int milliseconds);
  void drop(PartitionId partition);
  void end(uint64_t handle, uint64_t generation, RadosDone done);
  void lost(uint64_t handle, int error);
  void heard(uint64_t notice, uint64_t handle, uint64_t from, Version version);
  void notify(PartitionId partition, Version version);
  void notified(PartitionId partition, int rc, librados::bufferlist& reply);

  RadosClient& client_;
  RadosLooks& looks_;
  Watches local_;
  std::unique_ptr<Context> context_;

  std::mutex mutex_;
  bool closed_ = false;
  std::unordered_map<PartitionId, Post> posts_;
  std::unordered_map<uint64_t, PartitionId> handles_;
  std::unordered_map<PartitionId, Notices> notices_;
};

}  // namespace eilpost::engine
