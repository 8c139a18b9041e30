#include "main/node.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "main/directories.h"

#ifndef EILPOST_VERSION
#define EILPOST_VERSION "unknown"
#endif

namespace eilpost {

namespace {

const log::Source source{"main", ""};

size_t cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

uint64_t mebibytes(uint64_t count) {
  return count * 1024 * 1024;
}

}  // namespace

Node::Node(const Config& config)
    : config_(config),
      random_(Random::from_os()),
      settings_(config.settings),
      sessions_(random_),
      io_(config.io_threads),
      disk_({.name = "disk", .threads = config.disk_threads}),
      directory_pool_({.name = "directory", .threads = 4 + outside_callers_max(config)}),
      hashing_({.name = "hashing", .threads = cores() + outside_callers_max(config)}),
      batch_({.name = "batch", .threads = 2}) {
  sessions_.set_per_account_max(config.settings.connections_per_account_max);
}

Result<std::unique_ptr<Node>> Node::open(const Config& config, NodeRole role) {
  std::unique_ptr<Node> node(new Node(config));
  TRY(node->open_storage(role));
  TRY(node->open_directory(config));
  node->open_indexes(role);
  server::AuditSettings audit = config.audit;
  if (!config.audit_off && audit.file.empty()) {
    audit.file = config.data_dir + "/audit.log";
  }
  // A command beside a cluster has no directory of its own.
  if (config.engine == EngineKind::rados && role == NodeRole::tool) audit.file = config.audit.file;
  node->audit_ = TRY(server::AuditLog::open(std::move(audit), node->clock_));
  node->build_world(config);
  if (node->cluster_ && role == NodeRole::tool) {
    node->ticks_.emplace(std::chrono::seconds(1), [raw = node.get()] { raw->store_->tick(); });
  }
  return node;
}

Result<> Node::open_storage(NodeRole role) {
  // A command on a cluster needs no directory of its own on this machine.
  if (config_.engine != EngineKind::rados || role == NodeRole::server) {
    TRY(make_directory(config_.data_dir));
  }
  if (config_.engine == EngineKind::memory) {
    source.warn("engine=memory: mail is gone when this process ends");
  }
  // Half for the engine's cache, a quarter for mailboxes; the rest is for sessions and buffers.
  engine_ = TRY(open_engine(config_, {clock_, metrics_, mebibytes(config_.memory_mb) / 2}));
  if (config_.engine != EngineKind::rados) return {};
  store::ClusterOptions options;
  if (role == NodeRole::server) options.name = config_.node.name;
  options.address = config_.node.address.empty() ? config_.node.name : config_.node.address;
  options.release = EILPOST_VERSION;
  cluster_.emplace(*engine_.gate, clock_, random_, std::move(options), [this](AccountId account) {
    const size_t ended = sessions_.end_account(account);
    if (ended > 0) source.info("another node ends sessions account={}", account.value);
  });
  return {};
}

Result<> Node::open_directory(const Config& config) {
  directory_ =
      TRY(directory::BuiltinDirectory::open(*engine_.gate, clock_, random_, config.accounts));
  account_rows_.emplace(*engine_.gate, random_);
  delays_.emplace(config.abuse, clock_, random_);
  grants_.emplace(*account_rows_);
  outside_hasher_.emplace(config.accounts.passwords, random_);
  auto outside = TRY(make_directories(config, directory_->names(), clock_, *outside_hasher_));
  directories_.emplace(*directory_, std::move(outside), clock_, random_);
  authenticator_.emplace(*directories_, *delays_, directory_->names(),
                         directory::Delegation{&*grants_, &clock_});
  app_passwords_.emplace(*account_rows_, clock_, random_);
  authenticator_->set_app_passwords(*app_passwords_);
  if (config.accounts.scram_sha_1 && !directory_->holds_sha_1_verifiers()) {
    source.warn(
        "SCRAM-SHA-1 is not offered: {} accounts have no verifier for it before their "
        "password is set again",
        TRY(directory_->without_sha_1_verifier()));
  }
  authenticator_->set_mechanisms(TRY(make_mechanisms(config)));
  return {};
}

void Node::build_world(const Config& config) {
  store::Services services{*engine_.gate, clock_, random_, [this](std::function<void()> job) {
                             // Refused only after stop(), when nobody waits for it any more.
                             (void)disk_.post_reserved(std::move(job));
                           }};
  services.single_node = !cluster_;
  // A cluster has its caches elsewhere: theirs goes to mailboxes.
  const uint64_t cache = mebibytes(config.memory_mb) / (cluster_ ? 2 : 4);
  const uint64_t orders = cache / 4;
  orders_.emplace(orders, random_.next());
  store_.emplace(std::move(services), store::StoreOptions{cache - orders});
  world_.emplace(server::ServerWorld{
      *engine_.gate, *store_, *directories_, *authenticator_, config.accounts.names, io_, disk_,
      directory_pool_, hashing_, batch_, clock_, random_, metrics_, sessions_, settings_,
      *account_rows_, cluster(), indexes_ ? &*indexes_ : nullptr, &*orders_});
  world_->audit = audit_.get();
  world_->traces = &traces_;
  alerts_.emplace(*account_rows_, clock_);
  open_places(config);
  world_->alerts = &*alerts_;
}

void Node::open_places(const Config& config) {
  const auto opened = alerts_->open_places(config.settings.alerts.geo_database);
  if (!opened) source.error("alerts.geo_database: {}", opened.error().detail);
}

Result<std::shared_ptr<directory::Mechanisms>> Node::make_mechanisms(const Config& config) {
  auto options = config.mechanisms;
  const auto asks = [](const ListenerConfig& listener) { return !listener.client_ca.empty(); };
  options.certificates = !config.tls.client_ca_file.empty() ||
                         std::any_of(config.listeners.begin(), config.listeners.end(), asks);
  return directory::Mechanisms::create(std::move(options), clock_);
}

void Node::open_indexes(NodeRole role) {
  if (!config_.search.index || !search::xapian_available()) return;
  search::IndexOptions options;
  options.directory = config_.search.directory;
  if (options.directory.empty()) options.directory = config_.data_dir + "/index";
  options.message_text_max = config_.search.message_text_bytes;
  options.helpers = config_.search.helpers;
  // What another process has indexed of other mail.
  std::error_code ignored;
  if (config_.engine == EngineKind::memory && role == NodeRole::server) {
    std::filesystem::remove_all(options.directory, ignored);
  }
  indexes_.emplace(std::move(options), metrics_);
}

void Node::apply(const Config& config) {
  auto mechanisms = make_mechanisms(config);
  if (mechanisms) {
    authenticator_->set_mechanisms(std::move(*mechanisms));
  } else {
    source.error("mechanisms stay as they were: {}", mechanisms.error().detail);
  }
  settings_.set(config.settings);
  delays_->set_options(config.abuse);
  open_places(config);
  sessions_.set_per_account_max(config.settings.connections_per_account_max);
}

void Node::stop() {
  if (std::exchange(stopped_, true)) return;
  ticks_.reset();
  for (net::DiskPool* pool : {&batch_, &hashing_, &directory_pool_, &disk_}) pool->stop();
  if (indexes_) indexes_->close();
  if (engine_.gate) engine_.gate->close();
}

Node::~Node() {
  stop();
}

}  // namespace eilpost
