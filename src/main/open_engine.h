// Opens the engine that a Config names: the one place that knows every kind.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "engine/gate.h"
#include "engine/rocksdb/rocksdb.h"
#include "main/config/config.h"

namespace eilpost {

struct OpenedEngine {
  std::unique_ptr<engine::Gate> gate;
  engine::EmbeddedEngine* embedded = nullptr;  // within the gate; null unless it is rocksdb
};

// What the engine may use. Clock and metrics outlive it.
struct EngineRoom {
  const Clock& clock;
  Metrics& metrics;
  uint64_t memory_bytes = 0;
};

// The data directory is there already. Code::in_use: another process has it.
Result<OpenedEngine> open_engine(const Config& config, const EngineRoom& room);

// Makes the directory, readable by its owner only, if it is not there.
Result<> make_directory(const std::string& path);

// "rocksdb in /var/lib/eilpost", for people.
std::string describe_store(const Config& config);

}  // namespace eilpost
