// The server's world without its listeners: engine, pools, store, directory, built from a Config
// and taken down in the right order. `serve`, `demo` and the admin commands that find no server all
// work on one. Where several processes share the engine, a Node knows of the others but is not one
// of them before somebody calls cluster()->beat(). Built and destroyed by one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "directory/account_rows.h"
#include "directory/builtin.h"
#include "directory/failure_delays.h"
#include "directory/grants.h"
#include "directory/outside/directories.h"
#include "main/config/config.h"
#include "main/open_engine.h"
#include "main/repeat.h"
#include "search/index/text_indexes.h"
#include "search/order/order_cache.h"
#include "server/access/alerts.h"
#include "server/access/audit_log.h"
#include "server/access/traces.h"
#include "server/world.h"

namespace eilpost {

// What a Node is made for: to serve, under its name, or for one command, which others never see.
enum class NodeRole { server, tool };

class Node {
 public:
  // Code::in_use: another process has the data directory. Code::unavailable: the cluster does not
  // answer.
  static Result<std::unique_ptr<Node>> open(const Config& config, NodeRole role = NodeRole::tool);
  // stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  server::ServerWorld& world() { return *world_; }
  directory::FailureDelays& delays() { return *delays_; }
  directory::BuiltinDirectory& accounts() { return *directory_; }
  directory::AppPasswords& app_passwords() { return *app_passwords_; }
  // All of them, the built-in accounts among them: as sessions see them.
  directory::Directories& directories() { return *directories_; }
  directory::Grants& grants() { return *grants_; }
  // Null unless the engine is rocksdb.
  engine::EmbeddedEngine* embedded() { return engine_.embedded; }
  engine::Gate& gate() { return *engine_.gate; }
  // Null unless other processes may have the engine too.
  store::Cluster* cluster() { return cluster_ ? &*cluster_ : nullptr; }
  // As it was opened with.
  const Config& config() const { return config_; }
  const std::string& data_dir() const { return config_.data_dir; }
  net::IoPool& io() { return io_; }
  // Sessions that begin afterwards see the settings of `config`; the rest of it needs a restart.
  void apply(const Config& config);
  // Pools, then engine. Sessions and jobs have ended before. Idempotent.
  void stop();

 private:
  explicit Node(const Config& config);
  Result<> open_storage(NodeRole role);
  Result<> open_directory(const Config& config);
  void open_indexes(NodeRole role);
  void build_world(const Config& config);
  Result<std::shared_ptr<directory::Mechanisms>> make_mechanisms(const Config& config);
  // The database of places, again at each reload: it is replaced every week.
  void open_places(const Config& config);

  const Config config_;
  SystemClock clock_;
  Random random_;
  Metrics metrics_;
  server::SettingsCell settings_;
  server::SessionTable sessions_;
  net::IoPool io_;
  OpenedEngine engine_;
  std::optional<store::Cluster> cluster_;
  net::DiskPool disk_;
  net::DiskPool directory_pool_;
  net::DiskPool hashing_;
  net::DiskPool batch_;
  std::optional<directory::FailureDelays> delays_;
  std::unique_ptr<directory::BuiltinDirectory> directory_;
  std::optional<directory::AccountRows> account_rows_;
  std::optional<directory::AppPasswords> app_passwords_;
  std::optional<directory::Grants> grants_;
  std::optional<directory::PasswordHasher> outside_hasher_;  // for hashes of passwd-files
  std::optional<directory::Directories> directories_;
  std::optional<directory::Authenticator> authenticator_;
  std::optional<search::OrderCache> orders_;
  std::unique_ptr<server::AuditLog> audit_;
  server::Traces traces_;
  std::optional<server::Alerts> alerts_;
  std::optional<store::Store> store_;
  std::optional<search::TextIndexes> indexes_;
  std::optional<server::ServerWorld> world_;
  std::optional<Repeat> ticks_;  // of a tool's store; a server's jobs tick theirs
  bool stopped_ = false;
};

}  // namespace eilpost
