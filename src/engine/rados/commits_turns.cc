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
  auto asking = std::make_shared<Asking>();
  asking->partition = partition;
  asking->tries = turn_tries;
  asking->go = std::move(go);
  // Any step may wait for a cluster that has gone away. Twice: a holder that died is passed over
  // after the first turn's time.
  client_.timer().after(client_.options().turn_ms * 2, [asking] { asking->end(); });
  ask_turn(asking);
}

void RadosCommits::ask_turn(const AskingPtr& asking) {
  if (asking->tries == 0) return asking->end();
  rows_.look(RadosKind::turn, asking->partition, [this, asking](Result<RadosLook> look) {
    if (asking->ended) return;
    if (!look || look->text.empty()) return asking->end();
    if (look->turn.empty()) return set_turn(asking, *look);
    if (is_mine(asking->partition, look->turn)) return asking->end();
    auto turn = std::make_shared<Turn>();
    turn->partition = asking->partition;
    turn->seen = *look;
    turn->since = client_.micros();
    turn->then = [this, asking](Result<RadosLook> then, bool passed) {
      if (asking->ended) return;
      if (!then) return asking->end();
      if (passed || then->turn.empty()) return set_turn(asking, *then);
      --asking->tries;
      ask_turn(asking);
    };
    watch_turn(turn);
  });
}

void RadosCommits::set_turn(const AskingPtr& asking, const RadosLook& look) {
  const std::string mine =
      fmt::format("{}.{:016x}", client_.connection()->instance, random_.next());
  librados::ObjectWriteOperation operation;
  operation.assert_exists();
  operation.cmpxattr(rados_turn_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(look.turn));
  operation.setxattr(rados_turn_attribute, rados_buffer(mine));
  client_.write({.kind = RadosKind::turn,
                 .object = rados_partition_object(asking->partition),
                 .partition = asking->partition,
                 .bytes = mine.size()},
                operation, librados::OPERATION_FULL_TRY | librados::OPERATION_FULL_FORCE,
                [this, asking, mine](int rc) {
                  if (rc == -ECANCELED && !asking->ended) {
                    --asking->tries;
                    return ask_turn(asking);
                  }
                  if (rc >= 0) turn_set(asking, mine);
                  asking->end();
                });
}

// A turn that comes after its asker has gone on is given back at once.
void RadosCommits::turn_set(const AskingPtr& asking, const std::string& mine) {
  {
    const std::lock_guard lock(mutex_);
    turns_[asking->partition] = mine;
  }
  looks_.forget(asking->partition);
  const int lasts_ms = asking->ended ? 0 : client_.options().turn_ms;
  client_.timer().after(
      lasts_ms, [this, partition = asking->partition, mine] { drop_turn(partition, mine); });
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
