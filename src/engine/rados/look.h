// What the RADOS engine keeps about a partition besides its rows, in attributes of its object: the
// head (version, and an upper estimate of rows and octets) and, now and then, whose turn to write
// it is. Every read of the object looks at both; RadosLooks remembers the last looks, so that a
// commit knows what to compare with. Values, and a thread safe table.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <rados/librados.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "engine/engine.h"

namespace eilpost::engine {

inline constexpr const char* rados_head_attribute = "h";
inline constexpr const char* rados_turn_attribute = "t";

// The name of a partition's object.
std::string rados_partition_object(PartitionId partition);

librados::bufferlist rados_buffer(std::string_view octets);

struct RadosHead {
  Version version = 0;
  uint64_t rows = 0;    // at least as many as there are
  uint64_t octets = 0;  // of keys and values, likewise

  std::string text() const;
  static Result<RadosHead> parse(std::string_view text);
};

struct RadosLook {
  std::string text;  // of the head, as stored; empty: the object is not there
  RadosHead head;
  std::string turn;           // whose turn it is; empty: nobody's in particular
  bool exact = false;         // rows and octets are what there is
  bool others_watch = true;   // another instance may be watching
  int64_t watchers_seen = 0;  // when others_watch was learnt, steady microseconds
};

// Where a read operation leaves what it saw of the object. Lives until the operation is answered.
struct RadosLookBuffers {
  std::map<std::string, librados::bufferlist> attributes;
  std::list<obj_watch_t> watchers;
  int rc_attributes = 0;
  int rc_watchers = 0;

  void add_to(librados::ObjectReadOperation& operation);
  // `rc`: of the operation; `instance`: this one's, which is no other watcher; `now`: the client's
  // micros().
  Result<RadosLook> look(int rc, uint64_t instance, int64_t now) const;
};

class RadosLooks {
 public:
  std::optional<RadosLook> find(PartitionId partition);
  // What the object said. Older than what is known: only its watchers are taken over.
  void learn(PartitionId partition, const RadosLook& look);
  // What a write that is under way will leave.
  void foresee(PartitionId partition, const RadosLook& look);
  void forget(PartitionId partition);
  void learn_watchers(PartitionId partition, bool others, int64_t now);

 private:
  using Order = std::list<std::pair<PartitionId, RadosLook>>;
  RadosLook& place(PartitionId partition);

  std::mutex mutex_;
  Order order_;  // the last used first
  std::unordered_map<PartitionId, Order::iterator> places_;
};

}  // namespace eilpost::engine
