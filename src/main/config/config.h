// The configuration: one TOML file, read whole at start and at reload. Every key is in the table of
// config_keys.cc, with type, default and meaning; a key that is not there, or a value that cannot
// be, is an error with line and column, and all errors of a file are reported at once.
// Values only; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "directory/builtin.h"
#include "directory/failure_delays.h"
#include "directory/mechanisms/mechanisms.h"
#include "engine/rados/rados.h"
#include "main/config/config_value.h"
#include "main/config/directory_config.h"
#include "net/address.h"
#include "net/tls.h"
#include "search/attachments/helpers.h"
#include "server/access/audit_log.h"
#include "server/world.h"

namespace eilpost {

enum class Protocol { imap, imaps, lmtp, http };
std::string_view protocol_name(Protocol protocol);

struct ListenerConfig {
  std::string name;  // empty: the protocol's
  Protocol protocol = Protocol::imap;
  std::string address = "::";
  int port = -1;  // -1: the protocol's
  bool starttls = true;
  bool plaintext_login = false;
  bool scram_without_tls = false;
  std::string client_ca;  // empty: that of [tls]
  std::string client_crl;
  std::vector<net::Network> proxy_networks;
  int socket_mode = 0660;
  ConfigPlace place;

  // Its name, or the protocol's.
  std::string called() const { return name.empty() ? std::string(protocol_name(protocol)) : name; }
  // What it offers before any [[policy]].
  directory::AuthPolicy auth() const;
};

enum class EngineKind { rocksdb, memory, rados };
std::string_view engine_name(EngineKind engine);

// How this process is called among those that share a cluster.
struct NodeConfig {
  std::string name;     // this machine's name
  std::string address;  // what it tells the others; empty: the name
};

// Text indexes, which this process keeps beside its data.
struct SearchConfig {
  bool index = true;
  std::string directory;  // empty: DATA/index
  uint64_t message_text_bytes = 4 * 1024 * 1024;
  std::vector<search::Helper> helpers;  // [[search.helper]]
};

struct Config {
  std::string file;  // empty: made by a command
  std::string data_dir = "/var/lib/eilpost";
  EngineKind engine = EngineKind::rocksdb;
  engine::RadosOptions rados;
  NodeConfig node;
  uint64_t memory_mb = 512;
  size_t io_threads = 0;
  size_t disk_threads = 16;
  std::vector<ListenerConfig> listeners;  // empty in the file: those of default_listeners()
  net::TlsServerSettings tls;
  server::Settings settings;
  directory::BuiltinOptions accounts;
  directory::MechanismOptions mechanisms;
  std::vector<DirectoryConfig> directories;  // in the order in which they are asked
  uint64_t connections_max = limits::connections_max;
  uint64_t connections_per_address_max = limits::connections_per_address_max;
  directory::FailureDelays::Options abuse;
  log::Settings log;
  SearchConfig search;
  server::AuditSettings audit;  // an empty file: DATA/audit.log
  bool audit_off = false;
};

struct ConfigOutcome {
  Config config;
  std::vector<ConfigProblem> problems;  // not empty: the configuration cannot be used
};

// `file` appears in nothing but Config::file.
ConfigOutcome parse_config(std::string_view text, const std::string& file);
// Code::not_found, Code::io.
Result<ConfigOutcome> read_config(const std::string& file);
std::string print_problem(const std::string& file, const ConfigProblem& problem);
// Every key as `eilpost config keys` shows it.
std::string print_config_keys();

// config_keys.cc: gives the table's values to `config`; what is wrong goes to `problems`.
void apply_config(const ConfigTable& table, Config& config, std::vector<ConfigProblem>& problems);
// Drafts, Sent, Junk, Trash and Archive.
std::vector<server::DefaultMailbox> standard_mailboxes();
int default_port(Protocol protocol);
// Where `serve` listens when the configuration does not say.
std::vector<ListenerConfig> default_listeners(const Config& config);
// This machine's name, as greetings show it.
std::string system_hostname();

}  // namespace eilpost
