// The server's world without its listeners: engine, pools, store, directory, built from a Config
// and taken down in the right order. `serve`, `demo` and the admin commands that find no server all
// work on one. Built and destroyed by one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "directory/builtin.h"
#include "directory/failure_delays.h"
#include "engine/rocksdb/rocksdb.h"
#include "main/config/config.h"
#include "server/world.h"

namespace eilpost {

class Node {
 public:
  // Code::in_use: another process has the data directory.
  static Result<std::unique_ptr<Node>> open(const Config& config);
  // stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  server::ServerWorld& world() { return *world_; }
  directory::BuiltinDirectory& accounts() { return *directory_; }
  // Null with the memory engine.
  engine::EmbeddedEngine* embedded() { return embedded_; }
  const std::string& data_dir() const { return data_dir_; }
  net::IoPool& io() { return io_; }
  // Sessions that begin afterwards see the settings of `config`; the rest of it needs a restart.
  void apply(const Config& config);
  // Pools, then engine. Sessions and jobs have ended before. Idempotent.
  void stop();

 private:
  explicit Node(const Config& config);
  Result<> open_engine(const Config& config);
  Result<> open_directory(const Config& config);
  void build_world(const Config& config);

  std::string data_dir_;
  SystemClock clock_;
  Random random_;
  Metrics metrics_;
  server::SettingsCell settings_;
  server::SessionTable sessions_;
  net::IoPool io_;
  std::unique_ptr<engine::Engine> engine_;
  engine::EmbeddedEngine* embedded_ = nullptr;
  net::DiskPool disk_;
  net::DiskPool directory_pool_;
  net::DiskPool hashing_;
  net::DiskPool batch_;
  std::optional<directory::FailureDelays> delays_;
  std::unique_ptr<directory::BuiltinDirectory> directory_;
  std::optional<directory::Authenticator> authenticator_;
  std::optional<store::Store> store_;
  std::optional<server::ServerWorld> world_;
  bool stopped_ = false;
};

}  // namespace eilpost
