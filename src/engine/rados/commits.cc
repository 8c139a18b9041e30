#include "engine/rados/commits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/limits.h"
#include "engine/rados/commits_job.h"
#include "engine/rules.h"

namespace eilpost::engine {
namespace {

constexpr size_t queue_bytes_max = 256ULL * 1024 * 1024;
// What a batch that deletes may put into a full pool, so that expunging works there.
constexpr size_t puts_when_full_max = 64 * 1024;

size_t put_octets(const Batch& batch) {
  size_t octets = 0;
  for (const auto& [key, value] : batch.puts) octets += key.size() + value.size();
  return octets;
}

CommitResult conflict(Version version) {
  return CommitResult{.outcome = Outcome::conflict, .version = version, .error = {}};
}

}  // namespace

struct RadosCommits::Meters {
  Counter& done;
  Counter& conflict;
  Counter& refused;
  Counter& stalled;
  Histogram& seconds;
};

RadosCommits::RadosCommits(RadosClient& client, RadosLooks& looks, RadosRows& rows,
                           RadosCommitNeeds needs)
    : client_(client),
      looks_(looks),
      rows_(rows),
      needs_(std::move(needs)),
      random_(Random::from_os()) {
  if (auto* m = client_.options().metrics; m != nullptr) {
    const std::string name = "eilpost_engine_commits_total";
    const std::string help = "Commits by outcome.";
    meters_ = std::make_unique<Meters>(Meters{
        m->counter(name, help, {{"outcome", "done"}}),
        m->counter(name, help, {{"outcome", "conflict"}}),
        m->counter(name, help, {{"outcome", "refused"}}),
        m->counter(name, help, {{"outcome", "stalled"}}),
        m->histogram("eilpost_engine_commit_seconds", "From asking for a commit to its answer.",
                     {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2})});
  }
  check_stalls();
}

RadosCommits::~RadosCommits() = default;

void RadosCommits::commit(PartitionId partition, Version expected, Batch batch,
                          CommitCallback done) {
  auto admitted = check_batch(batch);
  if (admitted) admitted = client_.admit(partition);
  auto job = std::make_shared<Job>();
  job->bytes = batch.bytes();
  if (admitted) {
    job->partition = partition;
    job->expected = expected;
    job->batch = std::move(batch);
    job->done = done;
    job->asked = client_.micros();
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + job->bytes > queue_bytes_max) {
      admitted = fail(Code::unavailable, "too many commits wait");
    } else {
      queued_bytes_ += job->bytes;
      jobs_.push_back(job);
      job->self = std::prev(jobs_.end());
      lanes_[partition].waiting.push_back(job);
    }
  }
  if (admitted) return pump(partition);
  if (meters_) meters_->refused.add();
  done(refused(std::move(admitted).error()));
}

void RadosCommits::pump(PartitionId partition) {
  while (true) {
    JobPtr job;
    {
      const std::lock_guard lock(mutex_);
      const auto lane = lanes_.find(partition);
      if (lane == lanes_.end() || lane->second.busy) return;
      if (lane->second.waiting.empty()) {
        lanes_.erase(lane);
        return;
      }
      lane->second.busy = true;
      job = std::move(lane->second.waiting.front());
      lane->second.waiting.pop_front();
    }
    advance(job);
  }
}

// The next commit of the partition may be prepared.
void RadosCommits::release(const JobPtr& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!job->in_lane) return;
    job->in_lane = false;
    const auto lane = lanes_.find(job->partition);
    lane->second.busy = false;
    if (lane->second.waiting.empty()) {
      lanes_.erase(lane);
      return;
    }
  }
  client_.timer().after(0, [this, partition = job->partition] { pump(partition); });
}

void RadosCommits::answer(const JobPtr& job, CommitResult result) {
  {
    const std::lock_guard lock(job->mutex);
    if (job->answered) return;
    job->answered = true;
  }
  deliver(job, std::move(result));
}

void RadosCommits::deliver(const JobPtr& job, CommitResult result) {
  if (meters_) {
    const bool done = result.outcome == Outcome::done;
    const bool lost = result.outcome == Outcome::conflict;
    (done ? meters_->done : lost ? meters_->conflict : meters_->refused).add();
    meters_->seconds.observe(static_cast<double>(client_.micros() - job->asked) / 1e6);
  }
  const auto done = std::move(job->done);
  done(std::move(result));
  const std::lock_guard lock(mutex_);
  queued_bytes_ -= job->bytes;
  jobs_.erase(job->self);
  if (jobs_.empty()) idle_.notify_all();
}

void RadosCommits::refuse(const JobPtr& job, Error error) {
  answer(job, refused(std::move(error)));
  release(job);
}

// Whether the commit was answered while a step of it was waited for.
bool RadosCommits::given_up(const JobPtr& job) {
  {
    const std::lock_guard lock(job->mutex);
    if (!job->answered) return false;
  }
  release(job);
  return true;
}

// A commit that has waited for the stall time: sent, its caller hears so; not sent, it is refused.
void RadosCommits::check_stalls() {
  const int64_t before = client_.micros() - int64_t{client_.options().stall_ms} * 1000;
  std::vector<JobPtr> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_) {
      if (job->asked > before) break;
      late.push_back(job);
    }
  }
  for (const auto& job : late) {
    Error error{Code::unavailable, "the cluster does not answer"};
    {
      const std::lock_guard lock(job->mutex);
      if (job->answered || job->stalled) continue;
      (job->sent ? job->stalled : job->answered) = true;
      if (job->sent) {
        if (meters_) meters_->stalled.add();
        job->done({.outcome = Outcome::stalled, .version = 0, .error = std::move(error)});
        continue;
      }
    }
    deliver(job, refused(std::move(error)));
  }
  const int pause = std::clamp(client_.options().stall_ms / 10, 5, 250);
  client_.timer().after(pause, [this] { check_stalls(); });
}

void RadosCommits::advance(const JobPtr& job) {
  if (given_up(job)) return;
  if (!job->synced) return sync_blobs(job);
  if (job->expected == 0 && !job->listed) return list_partition(job);
  if (!job->known) {
    if (job->expected == 0) {
      job->known = RadosLook{};
    } else {
      job->known = looks_.find(job->partition);
      if (!job->known || job->known->head.version != job->expected) return look(job);
    }
  }
  const std::string& turn = job->known->turn;
  if (!turn.empty() && turn != job->passed_turn && !is_mine(job->partition, turn)) {
    return await_turn(job);
  }
  if (!fit(job)) return;
  send(job);
}

void RadosCommits::sync_blobs(const JobPtr& job) {
  job->synced = true;
  if (job->batch.sync_blobs.empty()) return advance(job);
  needs_.blobs_durable(job->batch.sync_blobs, [this, job](Result<> result) {
    if (given_up(job)) return;
    if (!result) return refuse(job, std::move(result).error());
    advance(job);
  });
}

void RadosCommits::list_partition(const JobPtr& job) {
  job->listed = true;
  needs_.register_partition(job->partition, [this, job](Result<> result) {
    if (given_up(job)) return;
    if (!result) return refuse(job, std::move(result).error());
    advance(job);
  });
}

void RadosCommits::look(const JobPtr& job) {
  rows_.look(RadosKind::head, job->partition,
             [this, job](Result<RadosLook> look) { looked(job, std::move(look)); });
}

void RadosCommits::looked(const JobPtr& job, Result<RadosLook> look) {
  if (given_up(job)) return;
  if (!look) return refuse(job, std::move(look).error());
  if (look->head.version != job->expected) {
    answer(job, conflict(look->head.version));
    return release(job);
  }
  // What is known besides (that the sizes are exact) stands in the table.
  job->known = looks_.find(job->partition);
  if (!job->known || job->known->text != look->text) job->known = std::move(*look);
  advance(job);
}

namespace {

// The flags with which a batch is sent: a full pool answers instead of blocking, and takes what
// makes it emptier.
int flags_of(const Batch& batch, size_t puts) {
  const bool frees =
      !batch.deletes.empty() && batch.sync_blobs.empty() && puts <= puts_when_full_max;
  return librados::OPERATION_FULL_TRY | (frees ? librados::OPERATION_FULL_FORCE : 0);
}

void add_guard(librados::ObjectWriteOperation& operation, const RadosLook& known) {
  if (known.text.empty()) {
    operation.create(true);
    return;
  }
  operation.cmpxattr(rados_head_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(known.text));
  operation.cmpxattr(rados_turn_attribute, LIBRADOS_CMPXATTR_OP_EQ, rados_buffer(known.turn));
  if (!known.turn.empty()) operation.rmxattr(rados_turn_attribute);
}

}  // namespace

// From here on the commit may happen, and is no longer refused for having waited too long.
bool RadosCommits::may_send(const JobPtr& job) {
  const std::lock_guard lock(job->mutex);
  job->sent = !job->answered;
  job->sent_at = client_.micros();
  return job->sent;
}

void RadosCommits::send(const JobPtr& job) {
  const RadosLook& known = *job->known;
  const Batch& batch = job->batch;
  const size_t puts = put_octets(batch);
  auto& next = job->next;
  next = known;
  next.turn.clear();
  next.exact = job->exact.has_value() || (known.exact && puts == 0 && batch.deletes.empty());
  next.head.rows += batch.puts.size();
  next.head.octets += puts;
  if (job->exact) next.head = *job->exact;
  next.head.version = job->expected + 1;
  next.text = next.head.text();

  librados::ObjectWriteOperation operation;
  add_guard(operation, known);
  operation.setxattr(rados_head_attribute, rados_buffer(next.text));
  if (!batch.puts.empty()) {
    std::map<std::string, librados::bufferlist> rows;
    for (const auto& [key, value] : batch.puts) rows.emplace(key, rados_buffer(value));
    operation.omap_set(rows);
  }
  if (!batch.deletes.empty()) {
    operation.omap_rm_keys(std::set<std::string>(batch.deletes.begin(), batch.deletes.end()));
  }
  // The object's size is what its rows take: so that the pool's statistics and quota count them,
  // and a full pool refuses what makes them more.
  if (next.head.octets != known.head.octets) operation.truncate(next.head.octets);
  if (!may_send(job)) return release(job);
  looks_.foresee(job->partition, next);
  client_.write({.kind = RadosKind::commit,
                 .object = rados_partition_object(job->partition),
                 .partition = job->partition,
                 .bytes = job->bytes},
                operation, flags_of(batch, puts), [this, job](int rc) { sent(job, rc); });
  release(job);
}

void RadosCommits::sent(const JobPtr& job, int rc) {
  if (rc >= 0) return happened(job);
  looks_.forget(job->partition);
  switch (-rc) {
    case ECANCELED:
    case EEXIST:
    case ENOENT: return failed_guard(job);
    case ENOSPC:
    case EDQUOT:
    case EPERM:
    case EACCES:
    case EINVAL:
    case E2BIG:
    case EFBIG:
    case EMSGSIZE:
    case EOPNOTSUPP: {
      Error error = rados_error(rc, "a commit");
      if (error.code != Code::permission) error.code = Code::io;
      return answer(job, refused(std::move(error)));
    }
    // Lost: it may have happened, and, sent again by librados, may yet.
    default: return fence(job);
  }
}

void RadosCommits::happened(const JobPtr& job) {
  if (!job->known->turn.empty()) {
    const std::lock_guard lock(mutex_);
    const auto mine = turns_.find(job->partition);
    if (mine != turns_.end() && mine->second == job->known->turn) turns_.erase(mine);
  }
  answer(job,
         CommitResult{.outcome = Outcome::done, .version = job->next.head.version, .error = {}});
  needs_.committed(job->partition, job->next);
}

// The head or the turn was not what the commit expected. Whether its own doing can have moved the
// head: an OSD remembers the last operations of a placement group, and answers one that it is sent
// again as before. Only after a long time (a network that was cut) it may have forgotten.
void RadosCommits::failed_guard(const JobPtr& job) {
  const bool doubtful =
      client_.micros() - job->sent_at > int64_t{client_.options().doubt_ms} * 1000;
  rows_.look(RadosKind::head, job->partition, [this, job, doubtful](Result<RadosLook> look) {
    if (!look) {
      looks_.forget(job->partition);
      return doubtful ? fence(job)
                      : answer(job, refused(Error{Code::unknown, "the version is not known"}));
    }
    if (look->head.version != job->expected) {
      if (!doubtful) return answer(job, conflict(look->head.version));
      return answer(job, refused(Error{Code::unknown, "the answer may have been lost"}));
    }
    // Only the turn or the estimate differs.
    job->known = std::move(*look);
    job->exact.reset();
    {
      const std::lock_guard lock(job->mutex);
      job->sent = false;
    }
    advance(job);
  });
}

size_t RadosCommits::close(int milliseconds) {
  std::list<JobPtr> left;
  {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return jobs_.empty(); });
    left = jobs_;
  }
  size_t undecided = 0;
  for (const auto& job : left) {
    Error error{Code::closed, "the engine is closed"};
    {
      const std::lock_guard lock(job->mutex);
      if (job->answered) continue;
      job->answered = true;
      if (job->sent) error = Error{Code::unknown, "closed without an answer; it may still happen"};
    }
    ++undecided;
    deliver(job, refused(std::move(error)));
  }
  return undecided;
}

}  // namespace eilpost::engine
