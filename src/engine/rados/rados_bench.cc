// Commits/s of the RADOS engine against raw librados doing the same, in turns on one cluster: so
// many writers, each on a partition of its own with one commit under way; small rows as a flag
// change has them, and with a blob of 16 KB as a delivery has it. Usage: rados_bench CEPH_CONF
// [SECONDS] [ROUNDS]
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/rados/client.h"
#include "engine/rados/look.h"
#include "engine/rados/rados.h"

namespace eilpost::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Load {
  size_t writers = 1;
  size_t blob_octets = 0;
  double seconds = 3;
};

// What a commit of either kind writes: a page, counters and a row of the log.
struct Rows {
  std::string page = std::string(600, 'p');
  std::string counters = std::string(60, 'c');
  std::string log = std::string(150, 'l');
};

// Runs writers until the time is over, and waits for their last commits.
class Run {
 public:
  explicit Run(const Load& load)
      : end_(SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(
                                      std::chrono::duration<double>(load.seconds))),
        running_(load.writers) {}

  // A commit has happened; whether its writer goes on.
  bool next(SteadyClock::time_point began) {
    const auto now = SteadyClock::now();
    const std::lock_guard lock(mutex_);
    latencies_.push_back(std::chrono::duration<double>(now - began).count());
    if (now < end_) return true;
    --running_;
    ended_.notify_one();
    return false;
  }
  std::vector<double> wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
    std::sort(latencies_.begin(), latencies_.end());
    return latencies_;
  }

 private:
  SteadyClock::time_point end_;
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t running_;
  std::vector<double> latencies_;
};

class RawWriter {
 public:
  RawWriter(RadosConnection& to, Run& run, const Load& load, size_t number)
      : to_(to), run_(run), blob_(load.blob_octets, 'b'), number_(number) {}

  void begin() {
    began_ = SteadyClock::now();
    if (blob_.empty()) return commit();
    librados::ObjectWriteOperation operation;
    operation.write_full(rados_buffer(blob_));
    operation.setxattr("r", rados_buffer(rows_.counters));
    send(to_.blobs, fmt::format("raw.{}.{}", number_, version_), operation, blob_written);
  }

 private:
  void commit() {
    librados::ObjectWriteOperation operation;
    operation.setxattr("h", rados_buffer(fmt::format("{:060}", ++version_)));
    operation.omap_set({{"page", rados_buffer(rows_.page)},
                        {"counters", rados_buffer(rows_.counters)},
                        {fmt::format("log{:08}", version_), rados_buffer(rows_.log)}});
    send(to_.index, fmt::format("raw.{}", number_), operation, committed);
  }
  void send(librados::IoCtx& pool, const std::string& object,
            librados::ObjectWriteOperation& operation, librados::callback_t done) {
    auto* completion = librados::Rados::aio_create_completion(this, done);
    if (pool.aio_operate(object, completion, &operation) < 0) std::abort();
    completion->release();
  }
  static void blob_written(librados::completion_t /*completion*/, void* self) {
    static_cast<RawWriter*>(self)->commit();
  }
  static void committed(librados::completion_t /*completion*/, void* argument) {
    auto* self = static_cast<RawWriter*>(argument);
    if (self->run_.next(self->began_)) self->begin();
  }

  RadosConnection& to_;
  Run& run_;
  Rows rows_;
  std::string blob_;
  size_t number_;
  uint64_t version_ = 0;
  SteadyClock::time_point began_;
};

class EngineWriter {
 public:
  EngineWriter(Engine& engine, Run& run, const Load& load, size_t number, Version version)
      : engine_(engine),
        run_(run),
        blob_(load.blob_octets, 'b'),
        partition_(number + 1),
        version_(version) {}

  void begin() {
    began_ = SteadyClock::now();
    Batch batch;
    if (!blob_.empty()) {
      auto writer = engine_.stage_blob(partition_, Timestamp{1}, "INBOX");
      if (!writer || !(*writer)->append(blob_)) std::abort();
      batch.sync_blobs.push_back(*(*writer)->finish());
    }
    batch.puts = {{"page", rows_.page},
                  {"counters", rows_.counters},
                  {fmt::format("log{:08}", version_), rows_.log}};
    engine_.commit(partition_, version_, std::move(batch), [this](CommitResult result) {
      if (result.outcome != Outcome::done) std::abort();
      version_ = result.version;
      if (run_.next(began_)) begin();
    });
  }

 private:
  Engine& engine_;
  Run& run_;
  Rows rows_;
  std::string blob_;
  PartitionId partition_;
  Version version_;
  SteadyClock::time_point began_;
};

template <class Make>
double run(const Load& load, const char* name, const Make& make) {
  Run timing(load);
  using Writer = typename decltype(make(timing, size_t{0}))::element_type;
  std::vector<std::unique_ptr<Writer>> writers;
  for (size_t i = 0; i < load.writers; ++i) writers.push_back(make(timing, i));
  for (const auto& writer : writers) writer->begin();
  const auto all = timing.wait();
  const double rate = static_cast<double>(all.size()) / load.seconds;
  fmt::print(
      "{:6} {:3} writers, {:5} octet blobs: {:7.0f} commits/s, median {:6.2f} ms, "
      "p99 {:6.2f} ms\n",
      name, load.writers, load.blob_octets, rate, all[all.size() / 2] * 1e3,
      all[all.size() * 99 / 100] * 1e3);
  return rate;
}

int bench(int argc, char** argv) {
  RadosOptions options;
  options.ceph_conf = argv[1];
  options.name_space = fmt::format("bench-{:016x}", Random::from_os().next());
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  const auto raw = rados_connect(options, 0);
  auto engine = open_rados(options);
  if (!raw || !engine) {
    fmt::print("{}\n", raw ? engine.error().detail : raw.error().detail);
    return 1;
  }
  for (size_t i = 0; i < 64; ++i) {
    (void)commit_wait(**engine, PartitionId(i + 1), 0, Batch{});
  }
  for (const size_t blob : {size_t{0}, size_t{16'384}}) {
    for (const size_t writers : {size_t{1}, size_t{64}}) {
      const Load load{writers, blob, seconds};
      double raw_sum = 0;
      double engine_sum = 0;
      for (int round = 0; round < rounds; ++round) {
        raw_sum += run(load, "raw", [&](Run& timing, size_t number) {
          return std::make_unique<RawWriter>(**raw, timing, load, number);
        });
        engine_sum += run(load, "engine", [&](Run& timing, size_t number) {
          return std::make_unique<EngineWriter>(**engine, timing, load, number,
                                                *head_wait(**engine, PartitionId(number + 1)));
        });
      }
      fmt::print("{} writers, {} octet blobs: engine {:.0f}% of raw\n", writers, blob,
                 100 * engine_sum / raw_sum);
    }
  }
  (*engine)->close();
  return 0;
}

}  // namespace
}  // namespace eilpost::engine

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("usage: rados_bench CEPH_CONF [SECONDS] [ROUNDS]\n");
    return 2;
  }
  return eilpost::engine::bench(argc, argv);
}
