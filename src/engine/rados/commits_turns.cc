// Turns and fences of the commits over RADOS. A turn is an attribute that every commit compares and
// the holder's next commit removes; setting it does not touch the version, so that it cannot lose
// to commits. A fence is a write that moves the version and nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/rados/commits.h"
#include "engine/rados/commits_job.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

constexpr int turn_tries = 5;
constexpr int turn_pause_ms_max = 50;
constexpr int fence_pause_ms = 200;

}  // namespace

bool RadosCommits::is_mine(PartitionId partition, const std::string& turn) {
  const std::lock_guard lock(mutex_);
  const auto mine = turns_.find(partition);
  return mine != turns_.end() && mine->second == turn;
}

void RadosCommits::await_turn(const JobPtr& job) {
  auto turn = std::make_shared<Turn>();
  turn->partition = job->partition;
  turn->seen = *job->known;
  turn->since = client_.micros();
  turn->then = [this, job, seen = turn->seen.turn](Result<RadosLook> look, bool passed) {
    if (passed) job->passed_turn = seen;
    looked(job, std::move(look));
  };
  watch_turn(turn);
}

void RadosCommits::watch_turn(const std::shared_ptr<Turn>& turn) {
  client_.timer().after(turn->pause_ms, [this, turn] {
    turn->pause_ms = std::min(turn->pause_ms * 2, turn_pause_ms_max);
    rows_.look(RadosKind::turn, turn->partition, [this, turn](Result<RadosLook> look) {
      const bool same =
          look && look->turn == turn->seen.turn && look->head.version == turn->seen.head.version;
      if (!same) return turn->then(std::move(look), false);
      const int64_t seen_for = client_.micros() - turn->since;
      if (seen_for >= int64_t{client_.options().turn_ms} * 1000) {
        return turn->then(std::move(look), true);
      }
      watch_turn(turn);
    });
  });
}

void RadosCommits::take_turn(PartitionId partition, std::function<void()> go) {
  if (!client_.admit(partition)) return go();
  ask_turn(partition, turn_tries, std::move(go));
}

void RadosCommits::ask_turn(PartitionId partition, int tries, std::function<void()> go) {
  if (tries == 0) return go();
  rows_.look(RadosKind::turn, partition,
             [this, partition, tries, go = std::move(go)](Result<RadosLook> look) {
               if (!look || look->text.empty()) return go();
               if (look->turn.empty()) return set_turn(partition, *look, tries, go);
               if (is_mine(partition, look->turn)) return go();
               auto turn = std::make_shared<Turn>();
               turn->partition = partition;
               turn->seen = *look;
               turn->since = client_.micros();
               turn->then = [this, partition, tries, go](Result<RadosLook> then, bool passed) {
                 if (!then) return go();
                 if (passed || then->turn.empty()) return set_turn(partition, *then, tries, go);
                 ask_turn(partition, tries - 1, go);
               };
               watch_turn(turn);
             });
}

void RadosCommits::set_turn(PartitionId partition, const RadosLook& look, int tries,
                            std::function<void()> go) {
  const std::string mine =
      fmt::format("{}.{:016x}", client_.connection()->instance, random_.next());
  librados::ObjectWriteOperation operation;
  operation.assert_exists();
  operation.cmpxattr(rados_turn_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(look.turn));
  operation.setxattr(rados_turn_attribute, rados_buffer(mine));
  client_.write({.kind = RadosKind::turn,
                 .object = rados_partition_object(partition),
                 .partition = partition,
                 .bytes = mine.size()},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                [this, partition, mine, tries, go = std::move(go)](int rc) {
                  if (rc == -ECANCELED) return ask_turn(partition, tries - 1, go);
                  if (rc >= 0) {
                    {
                      const std::lock_guard lock(mutex_);
                      turns_[partition] = mine;
                    }
                    looks_.forget(partition);
                    client_.timer().after(client_.options().turn_ms,
                                          [this, partition, mine] { drop_turn(partition, mine); });
                  }
                  go();
                });
}

// Nothing was committed in time: others need not wait to find that out.
void RadosCommits::drop_turn(PartitionId partition, const std::string& turn) {
  {
    const std::lock_guard lock(mutex_);
    const auto mine = turns_.find(partition);
    if (mine == turns_.end() || mine->second != turn) return;
    turns_.erase(mine);
  }
  librados::ObjectWriteOperation operation;
  operation.cmpxattr(rados_turn_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(turn));
  operation.rmxattr(rados_turn_attribute);
  client_.write({.kind = RadosKind::turn,
                 .object = rados_partition_object(partition),
                 .partition = partition},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                [](int) {});
}

// Makes sure that the batch never happens if it has not, then answers Unknown. Asks until the
// object answers: an operation that librados gave up may still be on its way.
void RadosCommits::fence(const JobPtr& job) {
  rows_.look(RadosKind::fence, job->partition, [this, job](Result<RadosLook> look) {
    if (!look) return fence_later(job);
    if (look->head.version == job->expected) return fence_with(job, *look);
    answer(job, refused(Error{Code::unknown, "the answer was lost"}));
  });
}

void RadosCommits::fence_with(const JobPtr& job, const RadosLook& look) {
  RadosHead head = look.head;
  ++head.version;
  librados::ObjectWriteOperation operation;
  if (look.text.empty()) {
    operation.create(true);
  } else {
    operation.cmpxattr(rados_head_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(look.text));
  }
  operation.setxattr(rados_head_attribute, rados_buffer(head.text()));
  client_.write({.kind = RadosKind::fence,
                 .object = rados_partition_object(job->partition),
                 .partition = job->partition},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                [this, job](int rc) {
                  if (rc < 0) return fence_later(job);
                  looks_.forget(job->partition);
                  answer(job, refused(Error{Code::unknown, "the answer was lost"}));
                });
}

void RadosCommits::fence_later(const JobPtr& job) {
  client_.timer().after(fence_pause_ms, [this, job] { fence(job); });
}

}  // namespace eilpost::engine
