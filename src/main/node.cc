#include "main/node.h"

#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "engine/memory.h"

namespace eilpost {

namespace {

const log::Source source{"main", ""};

size_t cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

// Only the owner may look into the directory: it holds everybody's mail.
Result<> make_directory(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) return fail(Code::io, path + ": " + error.message());
  if (made && ::chmod(path.c_str(), 0700) != 0) return fail_errno(path, errno);
  return {};
}

uint64_t mebibytes(uint64_t count) {
  return count * 1024 * 1024;
}

}  // namespace

Node::Node(const Config& config)
    : data_dir_(config.data_dir),
      random_(Random::from_os()),
      settings_(config.settings),
      sessions_(random_),
      io_(config.io_threads),
      disk_({.name = "disk", .threads = config.disk_threads}),
      directory_pool_({.name = "directory", .threads = 4}),
      hashing_({.name = "hashing", .threads = cores()}),
      batch_({.name = "batch", .threads = 2}) {
  sessions_.set_per_account_max(config.settings.connections_per_account_max);
}

Result<std::unique_ptr<Node>> Node::open(const Config& config) {
  std::unique_ptr<Node> node(new Node(config));
  TRY(node->open_engine(config));
  TRY(node->open_directory(config));
  node->build_world(config);
  return node;
}

Result<> Node::open_engine(const Config& config) {
  TRY(make_directory(data_dir_));
  if (config.engine == EngineKind::memory) {
    engine_ = std::make_unique<engine::MemoryEngine>();
    source.warn("engine=memory: mail is gone when this process ends");
    return {};
  }
  engine::RocksdbOptions options;
  options.path = data_dir_ + "/engine";
  // Half for the engine's cache, a quarter for mailboxes; the rest is for sessions and buffers.
  options.memory_bytes = mebibytes(config.memory_mb) / 2;
  options.clock = &clock_;
  options.metrics = &metrics_;
  auto opened = TRY(engine::open_rocksdb(std::move(options)));
  embedded_ = opened.get();
  engine_ = std::move(opened);
  return {};
}

Result<> Node::open_directory(const Config& config) {
  directory_ = TRY(directory::BuiltinDirectory::open(*engine_, clock_, random_, config.accounts));
  delays_.emplace(directory::FailureDelays::Options{}, clock_);
  authenticator_.emplace(*directory_, *delays_, config.accounts.names);
  return {};
}

void Node::build_world(const Config& config) {
  store::Services services{*engine_, clock_, random_, [this](std::function<void()> job) {
                             // Refused only after stop(), when nobody waits for it any more.
                             (void)disk_.post_reserved(std::move(job));
                           }};
  store_.emplace(std::move(services), store::StoreOptions{mebibytes(config.memory_mb) / 4});
  world_.emplace(server::ServerWorld{*engine_, *store_, *directory_, *authenticator_,
                                     config.accounts.names, io_, disk_, directory_pool_, hashing_,
                                     batch_, clock_, random_, metrics_, sessions_, settings_});
}

void Node::apply(const Config& config) {
  settings_.set(config.settings);
  sessions_.set_per_account_max(config.settings.connections_per_account_max);
}

void Node::stop() {
  if (std::exchange(stopped_, true)) return;
  for (net::DiskPool* pool : {&batch_, &hashing_, &directory_pool_, &disk_}) pool->stop();
  if (engine_) engine_->close();
}

Node::~Node() {
  stop();
}

}  // namespace eilpost
