#include "main/open_engine.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "engine/memory.h"
#include "engine/rados/rados.h"

namespace eilpost {

namespace {

Result<std::unique_ptr<engine::EmbeddedEngine>> open_embedded(const Config& config,
                                                              const EngineRoom& room) {
  engine::RocksdbOptions options;
  options.path = config.data_dir + "/engine";
  options.memory_bytes = room.memory_bytes;
  options.clock = &room.clock;
  options.metrics = &room.metrics;
  return engine::open_rocksdb(std::move(options));
}

}  // namespace

// Only the owner may look into the directory: it holds everybody's mail.
Result<> make_directory(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) return fail(Code::io, path + ": " + error.message());
  if (made && ::chmod(path.c_str(), 0700) != 0) return fail_errno(path, errno);
  return {};
}

Result<OpenedEngine> open_engine(const Config& config, const EngineRoom& room) {
  OpenedEngine out;
  std::unique_ptr<engine::Engine> inner;
  switch (config.engine) {
    case EngineKind::memory: inner = std::make_unique<engine::MemoryEngine>(); break;
    case EngineKind::rocksdb: {
      auto embedded = TRY(open_embedded(config, room));
      out.embedded = embedded.get();
      inner = std::move(embedded);
      break;
    }
    case EngineKind::rados: {
      engine::RadosOptions options = config.rados;
      options.clock = &room.clock;
      options.metrics = &room.metrics;
      inner = TRY(engine::open_rados(options));
      break;
    }
  }
  out.gate = std::make_unique<engine::Gate>(std::move(inner), room.clock, room.metrics);
  return out;
}

std::string describe_store(const Config& config) {
  switch (config.engine) {
    case EngineKind::memory: return "memory";
    case EngineKind::rocksdb: return "rocksdb in " + config.data_dir;
    case EngineKind::rados: break;
  }
  std::string out =
      fmt::format("rados in the pools {} and {}", config.rados.index_pool, config.rados.blob_pool);
  if (!config.rados.name_space.empty()) out += ", namespace " + config.rados.name_space;
  return out;
}

}  // namespace eilpost
