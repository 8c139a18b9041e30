// Durable commits of the embedded engine: so many writers, each with one commit under way, for some
// seconds; rows of 1 KB alone, then with a blob of 16 KB each. Usage: engine_bench DIRECTORY
// [SECONDS] Prints commits/s, latency, and what was written to the disk for each octet given.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "engine/rocksdb/rocksdb.h"

namespace eilpost::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Load {
  size_t writers = 1;
  size_t blob_bytes = 0;
  double seconds = 3;
};

// What this process has caused to be written, from /proc/self/io.
uint64_t written_bytes() {
  std::ifstream io("/proc/self/io");
  std::string name;
  uint64_t value = 0;
  while (io >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  return 0;
}

void run_writer(Engine& engine, PartitionId partition, const Load& load,
                std::vector<double>& latencies) {
  Random random(partition.value);
  const std::string blob = random.octets(load.blob_bytes);
  const std::string row = random.octets(1000);
  const auto end = SteadyClock::now() + std::chrono::duration<double>(load.seconds);
  Version version = *head_wait(engine, partition);
  while (SteadyClock::now() < end) {
    const auto begin = SteadyClock::now();
    Batch batch;
    if (!blob.empty()) {
      auto writer = engine.stage_blob(partition, Timestamp{1}, "INBOX");
      if (!writer || !(*writer)->append(blob)) std::abort();
      batch.sync_blobs.push_back(*(*writer)->finish());
    }
    batch.puts.emplace_back("row" + std::to_string(version), row);
    const auto result = commit_wait(engine, partition, version, std::move(batch));
    if (result.outcome != Outcome::done) std::abort();
    version = result.version;
    latencies.push_back(std::chrono::duration<double>(SteadyClock::now() - begin).count());
  }
}

void run(Engine& engine, const Load& load) {
  std::vector<std::vector<double>> latencies(load.writers);
  const uint64_t before = written_bytes();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < load.writers; ++i) {
    threads.emplace_back([&, i] { run_writer(engine, PartitionId(i + 1), load, latencies[i]); });
  }
  for (auto& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& one : latencies) all.insert(all.end(), one.begin(), one.end());
  std::sort(all.begin(), all.end());
  const double octets = static_cast<double>(all.size()) * (1000.0 + load.blob_bytes);
  fmt::print(
      "{:3} writers, {:5} octet blobs: {:8.0f} commits/s, median {:6.2f} ms, p99 {:6.2f} ms, "
      "{:.2f} octets on disk for one\n",
      load.writers, load.blob_bytes, all.size() / load.seconds, all[all.size() / 2] * 1e3,
      all[all.size() * 99 / 100] * 1e3, (written_bytes() - before) / octets);
}

// A store's runner does not wait: many commits under way from one thread.
void run_async(Engine& engine, double seconds) {
  std::atomic<uint64_t> done{0};
  std::atomic<int64_t> waiting{0};
  const std::string row(1000, 'r');
  const auto end = SteadyClock::now() + std::chrono::duration<double>(seconds);
  for (uint64_t i = 0; SteadyClock::now() < end; ++i) {
    while (waiting >= 2000) std::this_thread::sleep_for(std::chrono::microseconds(50));
    Batch batch;
    batch.puts.emplace_back("row", row);
    ++waiting;
    engine.commit(PartitionId(1'000'000 + i % 5000), i / 5000, std::move(batch),
                  [&](CommitResult result) {
                    done += result.outcome == Outcome::done;
                    --waiting;
                  });
  }
  while (waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  fmt::print("2000 commits under way, no blobs: {:8.0f} commits/s\n", done / seconds);
}

void read_large(Engine& engine) {
  auto writer = engine.stage_blob(PartitionId(1), Timestamp{1}, "INBOX");
  const std::string piece(1 << 20, 'x');
  const auto begin = SteadyClock::now();
  for (int i = 0; i < 50; ++i) {
    if (!(*writer)->append(piece)) std::abort();
  }
  const BlobId id = *(*writer)->finish();
  const auto middle = SteadyClock::now();
  uint64_t sum = 0;
  for (uint64_t at = 0; at < 50 << 20; at += 256 << 10) {
    sum += engine.read_blob(id, at, 256 << 10)->size();
  }
  const std::chrono::duration<double, std::milli> write_time = middle - begin;
  const std::chrono::duration<double, std::milli> read_time = SteadyClock::now() - middle;
  fmt::print(
      "50 MiB blob: written and durable in {:.0f} ms, {} octets read by ranges in {:.1f} ms\n",
      write_time.count(), sum, read_time.count());
}

}  // namespace
}  // namespace eilpost::engine

int main(int argc, char** argv) {
  using namespace eilpost::engine;
  if (argc < 2) {
    fmt::print("usage: engine_bench DIRECTORY [SECONDS]\n");
    return 2;
  }
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  const std::string path = std::string(argv[1]) + "/engine_bench";
  std::filesystem::remove_all(path);
  {
    auto engine = open_rocksdb({.path = path});
    if (!engine) {
      fmt::print("{}\n", engine.error().detail);
      return 1;
    }
    for (const size_t blob_bytes : {size_t{0}, size_t{16'000}}) {
      for (const size_t writers : {size_t{1}, size_t{16}, size_t{64}}) {
        run(**engine, {.writers = writers, .blob_bytes = blob_bytes, .seconds = seconds});
      }
    }
    run_async(**engine, seconds);
    read_large(**engine);
  }
  std::filesystem::remove_all(path);
  return 0;
}
