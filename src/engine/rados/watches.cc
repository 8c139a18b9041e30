#include "engine/rados/watches.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

#include "base/log.h"

namespace eilpost::engine {
namespace {

// The partition does not exist yet; its first commit by this instance arms at once.
constexpr int absent_pause_ms = 5'000;
constexpr int error_pause_ms = 1'000;
// A commit does not notify when within this time nobody else was watching. Who arms in between
// compares versions once more after the second, longer time.
constexpr int64_t watchers_fresh_micros = 1'000'000;
constexpr int second_wake_ms = 1'500;
// How long the cluster waits for those that were notified; nobody here does.
constexpr uint64_t notify_timeout_ms = 1'000;
constexpr int notices_max = 8;
constexpr int close_ms = 1'000;

const log::Source logger{.component = "rados", .id = ""};

// 0: of a release that says nothing.
Version version_in(librados::bufferlist& payload) {
  const std::string text = payload.to_str();
  Version version = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), version);
  return parsed.ec == std::errc() ? version : 0;
}

}  // namespace

class RadosWatches::Context final : public librados::WatchCtx2 {
 public:
  explicit Context(RadosWatches& watches) : watches_(watches) {}
  void handle_notify(uint64_t notice, uint64_t handle, uint64_t from,
                     librados::bufferlist& payload) override {
    watches_.heard(notice, handle, from, version_in(payload));
  }
  void handle_error(uint64_t handle, int error) override { watches_.lost(handle, error); }

 private:
  RadosWatches& watches_;
};

class RadosWatches::Handle final : public Watch {
 public:
  Handle(std::weak_ptr<RadosWatches> watches, PartitionId partition, std::unique_ptr<Watch> local)
      : watches_(std::move(watches)), partition_(partition), local_(std::move(local)) {}
  ~Handle() override {
    local_.reset();
    if (const auto watches = watches_.lock()) watches->drop(partition_);
  }

 private:
  std::weak_ptr<RadosWatches> watches_;
  PartitionId partition_;
  std::unique_ptr<Watch> local_;
};

RadosWatches::RadosWatches(RadosClient& client, RadosLooks& looks)
    : client_(client), looks_(looks), context_(std::make_unique<Context>(*this)) {}

RadosWatches::~RadosWatches() = default;

std::unique_ptr<Watch> RadosWatches::add(PartitionId partition, Wake wake) {
  auto local = local_.add(partition, std::move(wake));
  {
    const std::lock_guard lock(mutex_);
    ++posts_[partition].users;
  }
  arm(partition);
  return std::make_unique<Handle>(weak_from_this(), partition, std::move(local));
}

void RadosWatches::drop(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  const auto post = posts_.find(partition);
  if (--post->second.users > 0) return;
  const auto state = post->second.state;
  const auto handle = post->second.handle;
  const auto generation = post->second.generation;
  // One that is being armed is ended when it is.
  if (state != State::arming) posts_.erase(post);
  if (state != State::armed || closed_) return;
  handles_.erase(handle);
  end(handle, generation, [](int) {});
}

void RadosWatches::end(uint64_t handle, uint64_t generation, RadosDone done) {
  // The instance that had it is gone, and its watches with it.
  if (generation != client_.generation()) return done(0);
  client_.call(
      {.kind = RadosKind::watch},
      [&](RadosConnection& to, librados::AioCompletion* completion) {
        return to.index.aio_unwatch(handle, completion);
      },
      std::move(done));
}

void RadosWatches::arm(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  const auto post = posts_.find(partition);
  if (post == posts_.end() || post->second.state != State::idle) return;
  post->second.state = State::arming;
  // Written by librados before aio_watch() returns.
  auto handle = std::make_shared<uint64_t>(0);
  const uint64_t generation = client_.generation();
  client_.call(
      {.kind = RadosKind::watch},
      [&](RadosConnection& to, librados::AioCompletion* completion) {
        return to.index.aio_watch(rados_partition_object(partition), completion, handle.get(),
                                  context_.get());
      },
      [this, partition, handle, generation](int rc) { armed(partition, *handle, generation, rc); });
  if (*handle != 0) handles_[*handle] = partition;
}

void RadosWatches::armed(PartitionId partition, uint64_t handle, uint64_t generation, int rc) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    const auto post = posts_.find(partition);
    const bool wanted = post != posts_.end() && post->second.users > 0;
    if (rc < 0) handles_.erase(handle);
    if (!wanted) {
      if (post != posts_.end()) posts_.erase(post);
      if (rc >= 0) {
        handles_.erase(handle);
        end(handle, generation, [](int) {});
      }
      return;
    }
    const bool stale = generation != client_.generation();
    post->second.state = rc < 0 || stale ? State::idle : State::armed;
    post->second.handle = handle;
    post->second.generation = generation;
    if (stale) rc = -ENOTCONN;
  }
  if (rc < 0) return arm_later(partition, rc == -ENOENT ? absent_pause_ms : error_pause_ms);
  local_.wake(partition, 0);
  client_.timer().after(second_wake_ms, [this, partition] { local_.wake(partition, 0); });
}

void RadosWatches::arm_later(PartitionId partition, int milliseconds) {
  client_.timer().after(milliseconds, [this, partition] { arm(partition); });
}

// On a thread of librados that must not ask it to end a watch.
void RadosWatches::lost(uint64_t handle, int error) {
  logger.debug("a watch was lost: {}", error);
  client_.timer().after(0, [this, handle] {
    PartitionId partition;
    {
      const std::lock_guard lock(mutex_);
      const auto at = handles_.find(handle);
      if (at == handles_.end() || closed_) return;
      partition = at->second;
      const auto post = posts_.find(partition);
      if (post == posts_.end() || post->second.state != State::armed) return;
      handles_.erase(at);
      end(handle, post->second.generation, [](int) {});
      post->second.state = State::idle;
    }
    local_.wake(partition, 0);
    arm(partition);
  });
}

void RadosWatches::heard(uint64_t notice, uint64_t handle, uint64_t from, Version version) {
  PartitionId partition;
  {
    const std::lock_guard lock(mutex_);
    const auto at = handles_.find(handle);
    if (at == handles_.end() || closed_) return;
    partition = at->second;
  }
  const auto connection = client_.connection();
  if (!connection) return;  // shutting down
  librados::bufferlist reply;
  connection->index.notify_ack(rados_partition_object(partition), notice, handle, reply);
  // This instance's own commits have woken its followers already.
  if (from != connection->instance) local_.wake(partition, version);
}

void RadosWatches::rearm_all() {
  std::vector<PartitionId> partitions;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [partition, post] : posts_) {
      if (post.state != State::armed || post.generation == client_.generation()) continue;
      handles_.erase(post.handle);
      post.state = State::idle;
      partitions.push_back(partition);
    }
  }
  for (const auto partition : partitions) arm(partition);
}

void RadosWatches::committed(PartitionId partition, const RadosLook& look) {
  const Version version = look.head.version;
  local_.wake(partition, version);
  if (version == 1) arm(partition);
  const int64_t age = client_.micros() - look.watchers_seen;
  if (look.others_watch || age > watchers_fresh_micros) notify(partition, version);
}

void RadosWatches::removed(PartitionId partition) {
  local_.wake(partition, 0);
}

// Few at a time: watchers that are frozen keep a notice under way until its timeout, and one
// notice tells as much as ten.
void RadosWatches::notify(PartitionId partition, Version version) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    auto& notices = notices_[partition];
    if (notices.under_way >= notices_max) {
      notices.next = std::max(notices.next, version);
      return;
    }
    ++notices.under_way;
  }
  auto reply = std::make_shared<librados::bufferlist>();
  client_.call(
      {.kind = RadosKind::notify},
      [&](RadosConnection& to, librados::AioCompletion* completion) {
        librados::bufferlist payload = rados_buffer(std::to_string(version));
        return to.index.aio_notify(rados_partition_object(partition), completion, payload,
                                   notify_timeout_ms, reply.get());
      },
      [this, partition, reply](int rc) { notified(partition, rc, *reply); });
}

void RadosWatches::notified(PartitionId partition, int rc, librados::bufferlist& reply) {
  const auto connection = client_.connection();
  if (rc >= 0 && connection) {
    std::vector<librados::notify_ack_t> heard;
    std::vector<librados::notify_timeout_t> silent;
    connection->index.decode_notify_response(reply, &heard, &silent);
    bool others = !silent.empty();
    for (const auto& ack : heard) others = others || ack.notifier_id != connection->instance;
    looks_.learn_watchers(partition, others, client_.micros());
  }
  Version next = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto at = notices_.find(partition);
    next = std::exchange(at->second.next, 0);
    if (--at->second.under_way == 0) notices_.erase(at);
  }
  if (next != 0) notify(partition, next);
}

void RadosWatches::close() {
  std::vector<RadosWaiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    for (const auto& [partition, post] : posts_) {
      if (post.state != State::armed) continue;
      waiters.emplace_back();
      end(post.handle, post.generation, waiters.back().done());
    }
    handles_.clear();
  }
  for (auto& waiter : waiters) {
    if (!client_.reachable() || waiter.wait(close_ms) == -ETIMEDOUT) break;
  }
}

}  // namespace eilpost::engine
