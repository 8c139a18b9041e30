#include "engine/rados/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace eilpost::engine {
namespace {

constexpr const char* kind_names[rados_kinds] = {
    "commit", "read",   "head",  "turn",       "fence",     "remove",      "registry",
    "watch",  "notify", "probe", "blob_write", "blob_read", "blob_remove", "blob_scan"};

// librados' word for "this instance may never write again".
constexpr int blocklisted_rc = -ESHUTDOWN;
constexpr int probes_max = 8;
constexpr int probe_objects = 64;
constexpr int reconnect_pause_ms = 500;
constexpr int reconnect_pause_ms_max = 30'000;
constexpr int retired_look_ms = 1'000;

const log::Source logger{.component = "rados", .id = ""};

}  // namespace

struct RadosClient::Operation {
  Operations::iterator self;
  RadosClient* client = nullptr;
  std::shared_ptr<RadosConnection> connection;
  librados::AioCompletion* completion = nullptr;
  RadosTarget target;
  RadosDone done;
  int64_t started = 0;
  bool late = false;
  bool owed = false;
};

struct RadosClient::Meters {
  struct Kind {
    Counter* operations;
    Histogram* seconds;
  };
  Kind kinds[rados_kinds];
  Counter* in;
  Counter* out;
  Gauge* reachable;

  explicit Meters(Metrics& metrics) {
    for (size_t i = 0; i < rados_kinds; ++i) {
      const Labels labels{{"op", kind_names[i]}};
      kinds[i].operations =
          &metrics.counter("eilpost_rados_operations_total", "RADOS operations sent.", labels);
      kinds[i].seconds = &metrics.histogram(
          "eilpost_rados_operation_seconds", "From sending a RADOS operation to its answer.",
          {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10}, labels);
    }
    const std::string help = "Payload of RADOS operations.";
    in = &metrics.counter("eilpost_rados_bytes_total", help, {{"direction", "in"}});
    out = &metrics.counter("eilpost_rados_bytes_total", help, {{"direction", "out"}});
    reachable = &metrics.gauge("eilpost_rados_reachable", "1 while the Ceph cluster answers.");
    reachable->set(1);
  }
};

Error rados_error(int rc, std::string_view what) {
  const int number = rc < 0 ? -rc : rc;
  Code code = Code::io;
  std::string text = std::strerror(number);
  switch (number) {
    case ENOENT: code = Code::not_found; break;
    case ETIMEDOUT:
      code = Code::unavailable;
      text = "the cluster does not answer";
      break;
    case ENOSPC:
    case EDQUOT: text = "the pool is full"; break;
    case ENOTCONN:
    case EAGAIN:
    case ECANCELED: code = Code::unavailable; break;
    case ESHUTDOWN:
      code = Code::unavailable;
      text = "the cluster has blocklisted this instance";
      break;
    case EPERM:
    case EACCES: code = Code::permission; break;
    case EINVAL: code = Code::invalid; break;
    default: break;
  }
  return Error{code, fmt::format("{}: {}", what, text)};
}

namespace {

Result<> checked(int rc, std::string_view what) {
  if (rc < 0) return tl::unexpected(rados_error(rc, what));
  return {};
}

// What the engine needs librados to be, whatever ceph.conf says.
Result<> configure(librados::Rados& rados, const RadosOptions& options, int op_timeout_seconds) {
  const std::string connect = std::to_string(std::max(1, options.connect_ms / 1000));
  const std::pair<const char*, std::string> settings[] = {
      {"client_mount_timeout", connect},
      {"rados_mon_op_timeout", connect},
      {"rados_osd_op_timeout", std::to_string(op_timeout_seconds)},
      // A full throttle would block whoever sends; the engine has bounds of its own.
      {"objecter_inflight_ops", "0"},
      {"objecter_inflight_op_bytes", "0"},
      // How often every watch is pinged: half as often as by default, a third of its timeout.
      {"objecter_tick_interval", "10"},
  };
  for (const auto& [name, value] : settings) {
    TRY(checked(rados.conf_set(name, value.c_str()), name));
  }
  if (!options.keyring.empty()) {
    TRY(checked(rados.conf_set("keyring", options.keyring.c_str()), "keyring"));
  }
  return {};
}

Result<> open_pool(librados::Rados& rados, const std::string& pool, const std::string& name_space,
                   librados::IoCtx& out) {
  TRY(checked(rados.ioctx_create(pool.c_str(), out), "pool " + pool));
  out.set_namespace(name_space);
  return {};
}

}  // namespace

Result<std::shared_ptr<RadosConnection>> rados_connect(const RadosOptions& options,
                                                       int op_timeout_seconds) {
  auto connection = std::make_shared<RadosConnection>();
  auto& rados = connection->rados;
  TRY(checked(rados.init2(options.user.c_str(), "ceph", 0), options.user));
  if (const int rc = rados.conf_read_file(options.ceph_conf.c_str()); rc < 0) {
    return fail(Code::invalid, options.ceph_conf + ": " + std::strerror(-rc));
  }
  TRY(configure(rados, options, op_timeout_seconds));
  TRY(checked(rados.connect(), "connecting with " + options.ceph_conf));
  TRY(open_pool(rados, options.index_pool, options.name_space, connection->index));
  TRY(open_pool(rados, options.blob_pool, options.name_space, connection->blobs));
  connection->instance = rados.get_instance_id();
  return connection;
}

namespace {

// Not on one of its own threads. The pools go last: the answer to a notify that comes meanwhile
// still goes through its pool.
void end_connection(RadosConnection& connection) {
  connection.rados.shutdown();
  connection.index.close();
  connection.blobs.close();
}

}  // namespace

RadosClient::RadosClient(const RadosOptions& options, std::shared_ptr<RadosConnection> connection)
    : options_(options),
      clock_(options.clock != nullptr ? *options.clock : system_clock_),
      connection_(std::move(connection)),
      last_answer_(micros()) {
  if (options_.metrics != nullptr) meters_ = std::make_unique<Meters>(*options_.metrics);
  timer_.after(options_.probe_ms, [this] { tick(); });
}

RadosClient::~RadosClient() {
  shutdown();
}

std::shared_ptr<RadosConnection> RadosClient::connection() const {
  const std::lock_guard lock(mutex_);
  return connection_;
}

void RadosClient::received(uint64_t bytes) {
  if (meters_) meters_->in->add(static_cast<double>(bytes));
}

Result<> RadosClient::admit(PartitionId partition) const {
  if (closed_) return fail(Code::closed, "the engine is closed");
  if (!reachable_) return fail(Code::unavailable, "the cluster does not answer");
  if (!partition) return {};
  const std::lock_guard lock(mutex_);
  if (silent_.contains(partition)) {
    return fail(Code::unavailable, fmt::format("partition {} does not answer", partition.value));
  }
  return {};
}

RadosClient::Operation* RadosClient::enter(RadosTarget target, RadosDone done) {
  auto operation = std::make_unique<Operation>();
  operation->client = this;
  operation->target = std::move(target);
  operation->done = std::move(done);
  operation->started = micros();
  const auto kind = operation->target.kind;
  operation->owed =
      kind != RadosKind::watch && kind != RadosKind::notify && kind != RadosKind::probe;
  operation->completion = librados::Rados::aio_create_completion(operation.get(), completed);
  if (meters_) {
    meters_->kinds[static_cast<size_t>(kind)].operations->add();
    meters_->out->add(static_cast<double>(operation->target.bytes));
  }
  const std::lock_guard lock(mutex_);
  operation->connection = connection_;
  if (operation->owed) ++owed_;
  operations_.push_back(std::move(operation));
  auto& entered = operations_.back();
  entered->self = std::prev(operations_.end());
  return entered.get();
}

void RadosClient::call(RadosTarget target, const Start& start, RadosDone done) {
  Operation* operation = enter(std::move(target), std::move(done));
  // Kept besides: the operation may have ended before start() returns.
  const auto connection = operation->connection;
  const int rc = start(*connection, operation->completion);
  // Never inline: the caller may hold a lock that `done` takes.
  if (rc < 0) timer_.after(0, [this, operation, rc] { finish(operation, rc); });
}

void RadosClient::write(RadosTarget target, librados::ObjectWriteOperation& operation, int flags,
                        RadosDone done) {
  const auto pool = target.pool;
  const std::string object = target.object;
  call(
      std::move(target),
      [&](RadosConnection& to, librados::AioCompletion* completion) {
        return to.pool(pool).aio_operate(object, completion, &operation, flags);
      },
      std::move(done));
}

void RadosClient::read(RadosTarget target, librados::ObjectReadOperation& operation,
                       RadosDone done) {
  const auto pool = target.pool;
  const std::string object = target.object;
  call(
      std::move(target),
      [&](RadosConnection& to, librados::AioCompletion* completion) {
        return to.pool(pool).aio_operate(object, completion, &operation, 0, nullptr);
      },
      std::move(done));
}

void RadosClient::completed(librados::completion_t /*completion*/, void* argument) {
  auto* operation = static_cast<Operation*>(argument);
  operation->client->finish(operation, operation->completion->get_return_value());
}

void RadosClient::finish(Operation* operation, int rc) {
  const int64_t now = micros();
  std::unique_ptr<Operation> ended;
  {
    const std::lock_guard lock(mutex_);
    ended = std::move(*operation->self);
    operations_.erase(ended->self);
    if (ended->late && ended->target.partition) {
      const auto at = silent_.find(ended->target.partition);
      if (--at->second == 0) silent_.erase(at);
    }
    if (ended->target.kind == RadosKind::probe) --probes_;
    if (rc != blocklisted_rc) {
      last_answer_ = now;
      if (!reachable_ && !reconnecting_) {
        reachable_ = true;
        logger.info("the cluster answers again");
        if (meters_) meters_->reachable->set(1);
      }
    }
  }
  ended->completion->release();
  if (meters_) {
    const auto kind = static_cast<size_t>(ended->target.kind);
    meters_->kinds[kind].seconds->observe(static_cast<double>(now - ended->started) / 1e6);
  }
  if (rc == blocklisted_rc) blocklisted(ended->connection.get());
  ended->done(rc);
  const bool owed = ended->owed;
  ended.reset();
  // Only here, so that what drain() waited for has had its effects.
  const std::lock_guard lock(mutex_);
  if (owed) --owed_;
  answered_.notify_all();
}

void RadosClient::judge(int64_t now) {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    const int64_t stall = int64_t{options_.stall_ms} * 1000;
    for (const auto& operation : operations_) {
      if (now - operation->started <= stall) break;
      if (operation->late || operation->target.kind == RadosKind::notify) continue;
      operation->late = true;
      if (operation->target.partition) ++silent_[operation->target.partition];
      if (operation->target.late) calls.push_back(operation->target.late);
    }
    const bool waits = !operations_.empty() && now - operations_.front()->started > stall;
    if (reachable_ && waits && now - last_answer_ > stall) {
      reachable_ = false;
      logger.warn("the cluster does not answer ({} operations wait)", operations_.size());
      if (meters_) meters_->reachable->set(0);
    }
  }
  for (const auto& late : calls) late();
}

void RadosClient::tick() {
  const int64_t now = micros();
  judge(now);
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    const int64_t pause = int64_t{options_.probe_ms} * 1000;
    wanted = now - std::max(last_answer_, last_probe_) >= pause && probes_ < probes_max;
    if (wanted) {
      last_probe_ = now;
      ++probes_;
    }
  }
  if (wanted) probe();
  const int pause = std::clamp(std::min(options_.stall_ms / 10, options_.probe_ms), 5, 250);
  timer_.after(pause, [this] { tick(); });
}

// Looks at objects that are not there, each time at another one, so that one silent OSD is not
// taken for a silent cluster.
void RadosClient::probe() {
  librados::ObjectReadOperation operation;
  operation.assert_exists();
  read({.kind = RadosKind::probe,
        .object = fmt::format("probe.{}", probe_number_++ % probe_objects)},
       operation, [](int) {});
}

void RadosClient::blocklisted(const RadosConnection* of) {
  const std::lock_guard lock(mutex_);
  if (of != connection_.get() || reconnecting_ || closed_) return;
  reconnecting_ = true;
  reachable_ = false;
  if (meters_) meters_->reachable->set(0);
  logger.error("the cluster has blocklisted this instance; connecting a fresh one");
  if (!reconnector_.joinable()) reconnector_ = std::thread([this] { run_reconnector(); });
  reconnector_called_.notify_one();
}

// Pauses before every attempt, longer each time until an instance has lasted for a while.
void RadosClient::run_reconnector() {
  int pause_ms = reconnect_pause_ms;
  int64_t tried = micros();  // when the last attempt ended
  while (!closed_) {
    bool wanted = false;
    {
      std::unique_lock lock(mutex_);
      const auto called = [this] { return closed_ || reconnecting_; };
      // Nobody tells when a retired instance is done with.
      if (retired_.empty()) {
        reconnector_called_.wait(lock, called);
      } else {
        reconnector_called_.wait_for(lock, std::chrono::milliseconds(retired_look_ms), called);
      }
      wanted = reconnecting_;
      const bool lasted = micros() - tried > int64_t{reconnect_pause_ms_max} * 1000;
      if (wanted && lasted) pause_ms = reconnect_pause_ms;
      if (wanted) {
        reconnector_called_.wait_for(lock, std::chrono::milliseconds(pause_ms),
                                     [this] { return closed_.load(); });
      }
    }
    if (closed_) return;
    if (wanted) {
      reconnect();
      tried = micros();
      pause_ms = std::min(pause_ms * 2, reconnect_pause_ms_max);
    }
    end_retired();
  }
}

void RadosClient::reconnect() {
  auto fresh = rados_connect(options_, 0);
  if (!fresh) {
    logger.error("cannot connect again: {}", fresh.error().detail);
    return;
  }
  const uint64_t instance = (*fresh)->instance;
  {
    const std::lock_guard lock(mutex_);
    retired_.push_back(std::move(connection_));
    connection_ = std::move(*fresh);
    last_answer_ = micros();
    reconnecting_ = false;
    reachable_ = true;
    ++generation_;
    if (meters_) meters_->reachable->set(1);
  }
  logger.info("connected again, as instance {}", instance);
  if (reconnected_) reconnected_();
}

// Those that no operation and nobody else names; connection_ is another by now, so that nobody
// can begin to.
void RadosClient::end_retired() {
  std::vector<std::shared_ptr<RadosConnection>> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::partition(retired_.begin(), retired_.end(),
                                   [](const auto& retired) { return retired.use_count() > 1; });
    ended.assign(std::make_move_iterator(at), std::make_move_iterator(retired_.end()));
    retired_.erase(at, retired_.end());
  }
  for (const auto& connection : ended) end_connection(*connection);
}

bool RadosClient::drain(int milliseconds) {
  std::unique_lock lock(mutex_);
  return answered_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                            [this] { return owed_ == 0; });
}

// librados may crash when it is shut down while a notify is under way: its answer finds the
// session gone. A notify takes a second at most, so that is waited for; what a silent cluster owes
// is not.
void RadosClient::settle() {
  constexpr std::chrono::milliseconds settle_time{1'500};
  std::unique_lock lock(mutex_);
  if (!reachable_) return;
  answered_.wait_for(lock, settle_time, [this] { return operations_.empty() || !reachable_; });
}

void RadosClient::shutdown() {
  std::shared_ptr<RadosConnection> last;
  std::vector<std::shared_ptr<RadosConnection>> retired;
  std::thread reconnector;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    reconnector = std::move(reconnector_);
    reconnector_called_.notify_one();
    answered_.notify_all();
  }
  if (reconnector.joinable()) reconnector.join();
  timer_.stop();
  settle();
  {
    const std::lock_guard lock(mutex_);
    last = std::move(connection_);
    retired = std::move(retired_);
  }
  if (last) retired.push_back(std::move(last));
  for (const auto& connection : retired) end_connection(*connection);
  // librados' threads have ended; nobody else knows of what is left.
  Operations left;
  const std::lock_guard lock(mutex_);
  left.swap(operations_);
}

struct RadosWaiter::State {
  std::mutex mutex;
  std::condition_variable arrived;
  bool there = false;
  int rc = 0;
};

RadosWaiter::RadosWaiter() : state_(std::make_shared<State>()) {}

RadosDone RadosWaiter::done() const {
  return [state = state_](int rc) {
    const std::lock_guard lock(state->mutex);
    state->there = true;
    state->rc = rc;
    state->arrived.notify_one();
  };
}

int RadosWaiter::wait(int milliseconds) {
  std::unique_lock lock(state_->mutex);
  const bool in_time = state_->arrived.wait_for(lock, std::chrono::milliseconds(milliseconds),
                                                [this] { return state_->there; });
  return in_time ? state_->rc : -ETIMEDOUT;
}

}  // namespace eilpost::engine
