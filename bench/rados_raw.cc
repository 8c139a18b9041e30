// What a Ceph cluster gives to a program that does nothing else: the commits of the store (compare
// the head, write it and a few rows, as one atomic operation on a partition's object), with a blob
// before each where messages are appended, and head checks, by so many writers over so many
// objects. The measure that the servers' figures are held against. Prints one JSON line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <rados/librados.hpp>
#include <string>
#include <vector>

#include "bench/report.h"

namespace eilpost::bench {
namespace {

struct Options {
  std::string ceph_conf;
  std::string user = "client.admin";
  std::string keyring;
  std::string index_pool = "eilpost.index";
  std::string blob_pool = "eilpost.blobs";
  int writers = 1;
  int objects = 64;
  int seconds = 10;
  int rows = 4;              // of a commit
  int row_bytes = 120;       // of each
  int kept_rows = 1000;      // an object's rows are overwritten in turn
  size_t blob_bytes = 0;     // before each commit; 0: none
  bool head_checks = false;  // instead of commits
};

librados::bufferlist buffer(const std::string& octets) {
  librados::bufferlist out;
  out.append(octets);
  return out;
}

class Run;

// One writer: each answer starts its next operation, on a thread of librados.
struct Writer {
  Run* run = nullptr;
  int number = 0;
  uint64_t version = 0;
  uint64_t done = 0;
  SteadyTime started;
  Latencies latencies;
  std::map<std::string, librados::bufferlist> seen;
};

class Run {
 public:
  Run(librados::IoCtx& index, librados::IoCtx& blobs, const Options& options)
      : index_(index),
        blobs_(blobs),
        options_(options),
        row_(static_cast<size_t>(options.row_bytes), 'r'),
        blob_(buffer(std::string(options.blob_bytes, 'b'))) {}

  int execute();

 private:
  using Step = void (Run::*)(Writer&);
  struct Call {
    Run* run;
    Writer* writer;
    Step next;
    librados::AioCompletion* completion;
  };

  std::string object_of(const Writer& writer) const {
    return fmt::format("raw.{}", writer.number % options_.objects);
  }
  std::string blob_of(const Writer& writer) const {
    return fmt::format("raw.{}.{}", writer.number, writer.done);
  }
  librados::AioCompletion* call(Writer& writer, Step next);
  static void answered(librados::completion_t completion, void* argument);
  void begin(Writer& writer);
  void commit(Writer& writer);
  void count(Writer& writer);
  void stop();
  void clean();
  void report(double seconds) const;

  librados::IoCtx& index_;
  librados::IoCtx& blobs_;
  const Options& options_;
  std::string row_;
  librados::bufferlist blob_;
  std::vector<std::unique_ptr<Writer>> writers_;
  SteadyTime end_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  int running_ = 0;
  std::atomic<uint64_t> failures_{0};
};

librados::AioCompletion* Run::call(Writer& writer, Step next) {
  auto* call = new Call{this, &writer, next, nullptr};  // deleted by answered()
  call->completion = librados::Rados::aio_create_completion(call, answered);
  return call->completion;
}

void Run::answered(librados::completion_t /*completion*/, void* argument) {
  const std::unique_ptr<Call> call(static_cast<Call*>(argument));
  const int rc = call->completion->get_return_value();
  call->completion->release();
  if (rc < 0) {
    ++call->run->failures_;
    return call->run->stop();
  }
  (call->run->*call->next)(*call->writer);
}

void Run::begin(Writer& writer) {
  writer.started = now();
  if (writer.started >= end_) return stop();
  if (options_.head_checks) {
    librados::ObjectReadOperation operation;
    writer.seen.clear();
    operation.getxattrs(&writer.seen, nullptr);
    index_.aio_operate(object_of(writer), call(writer, &Run::count), &operation, 0, nullptr);
    return;
  }
  if (options_.blob_bytes == 0) return commit(writer);
  blobs_.aio_write_full(blob_of(writer), call(writer, &Run::commit), blob_);
}

void Run::commit(Writer& writer) {
  // Writers that share an object each have a head of their own, so that none loses to another.
  const std::string head = fmt::format("h{}", writer.number / options_.objects);
  librados::ObjectWriteOperation operation;
  if (writer.version > 0) {
    operation.cmpxattr(head.c_str(), LIBRADOS_CMPXATTR_OP_EQ,
                       buffer(std::to_string(writer.version)));
  }
  operation.setxattr(head.c_str(), buffer(std::to_string(++writer.version)));
  std::map<std::string, librados::bufferlist> rows;
  for (int i = 0; i < options_.rows; ++i) {
    const auto at =
        (writer.done * static_cast<uint64_t>(options_.rows) + static_cast<uint64_t>(i)) %
        static_cast<uint64_t>(options_.kept_rows);
    rows[fmt::format("{}.{:08}", head, at)] = buffer(row_);
  }
  operation.omap_set(rows);
  index_.aio_operate(object_of(writer), call(writer, &Run::count), &operation);
}

void Run::count(Writer& writer) {
  writer.latencies.add(writer.started, now());
  ++writer.done;
  begin(writer);
}

void Run::stop() {
  const std::lock_guard lock(mutex_);
  if (--running_ == 0) stopped_.notify_all();
}

void Run::report(double seconds) const {
  Latencies all;
  uint64_t done = 0;
  for (const auto& writer : writers_) {
    done += writer->done;
    all.add_all(writer->latencies);
  }
  JsonLine()
      .text("workload", options_.head_checks ? "raw heads" : "raw commits")
      .count("writers", writers_.size())
      .count("blob_bytes", options_.blob_bytes)
      .count("operations", done)
      .number("per_second", static_cast<double>(done) / seconds)
      .latencies("latency", all)
      .count("errors", failures_)
      .print();
}

// Leaves the pools as they were.
void Run::clean() {
  for (int i = 0; i < options_.objects; ++i) index_.remove(fmt::format("raw.{}", i));
  if (options_.blob_bytes == 0) return;
  for (const auto& writer : writers_) {
    for (uint64_t number = 0; number <= writer->done; ++number) {
      auto* completion = librados::Rados::aio_create_completion();
      blobs_.aio_remove(fmt::format("raw.{}.{}", writer->number, number), completion);
      completion->release();
    }
  }
  blobs_.aio_flush();
}

int Run::execute() {
  for (int i = 0; i < options_.objects; ++i) index_.remove(fmt::format("raw.{}", i));
  const SteadyTime from = now();
  end_ = from + std::chrono::seconds(options_.seconds);
  running_ = options_.writers;
  for (int i = 0; i < options_.writers; ++i) {
    writers_.push_back(std::make_unique<Writer>());
    writers_.back()->run = this;
    writers_.back()->number = i;
  }
  if (options_.head_checks) {
    for (int i = 0; i < options_.objects; ++i) index_.create(fmt::format("raw.{}", i), false);
  }
  for (const auto& writer : writers_) begin(*writer);
  std::unique_lock lock(mutex_);
  stopped_.wait(lock, [this] { return running_ == 0; });
  report(seconds_between(from, now()));
  clean();
  return failures_ == 0 ? 0 : 1;
}

int connect_and_run(const Options& options) {
  librados::Rados rados;
  librados::IoCtx index;
  librados::IoCtx blobs;
  const auto failed = [](int rc, const std::string& what) {
    if (rc < 0) fmt::print(stderr, "rados_raw: {}: error {}\n", what, -rc);
    return rc < 0;
  };
  if (failed(rados.init2(options.user.c_str(), "ceph", 0), options.user)) return 1;
  if (failed(rados.conf_read_file(options.ceph_conf.c_str()), options.ceph_conf)) return 1;
  if (!options.keyring.empty()) rados.conf_set("keyring", options.keyring.c_str());
  if (failed(rados.connect(), "connecting")) return 1;
  if (failed(rados.ioctx_create(options.index_pool.c_str(), index), options.index_pool)) return 1;
  if (failed(rados.ioctx_create(options.blob_pool.c_str(), blobs), options.blob_pool)) return 1;
  index.set_namespace("raw");
  blobs.set_namespace("raw");
  Run run(index, blobs, options);
  const int status = run.execute();
  index.close();
  blobs.close();
  rados.shutdown();
  return status;
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--ceph-conf", options.ceph_conf)->required();
  app.add_option("--user", options.user)->capture_default_str();
  app.add_option("--keyring", options.keyring);
  app.add_option("--index-pool", options.index_pool)->capture_default_str();
  app.add_option("--blob-pool", options.blob_pool)->capture_default_str();
  app.add_option("--writers", options.writers)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--objects", options.objects)->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--seconds", options.seconds)->capture_default_str();
  app.add_option("--rows", options.rows, "Of a commit")->capture_default_str();
  app.add_option("--row-bytes", options.row_bytes)->capture_default_str();
  app.add_option("--blob-bytes", options.blob_bytes, "Before each commit; 0: no blob");
  app.add_flag("--heads", options.head_checks, "Head checks instead of commits");
}

}  // namespace
}  // namespace eilpost::bench

int main(int argc, char** argv) {
  CLI::App app("Does what the store does to a Ceph cluster, and nothing else", "rados_raw");
  eilpost::bench::Options options;
  eilpost::bench::add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  return eilpost::bench::connect_and_run(options);
}
