// The table of all keys, and how a file's values go through it.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "main/config/config_key.h"
#include "protocol/imap/search.h"

namespace eilpost {

namespace {

std::string proxy_networks(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return expected("an array of networks such as \"192.0.2.0/24\"");
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr) return expected("networks as strings");
    const auto network = net::Network::parse(*given);
    if (!network) return fmt::format("\"{}\" is not a network", *given);
    config.listeners.back().proxy_networks.push_back(*network);
  }
  return "";
}

std::string hide_capabilities(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return expected("an array of capabilities such as \"UNAUTHENTICATE\"");
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    if (given == nullptr || given->empty()) return expected("capabilities as strings");
    config.settings.hidden_capabilities.push_back(*given);
  }
  return "";
}

// "urgent FLAGGED UNSEEN": a name and the keys of a search (RFC 5466).
std::string named_searches(const ConfigValue& value, Config& config) {
  const auto* items = std::get_if<ConfigArray>(&value.value);
  if (items == nullptr) return expected("an array of searches such as \"urgent FLAGGED UNSEEN\"");
  for (const ConfigValue& item : *items) {
    const auto* given = std::get_if<std::string>(&item.value);
    const size_t space = given == nullptr ? std::string::npos : given->find(' ');
    if (space == std::string::npos) return expected("searches such as \"urgent FLAGGED UNSEEN\"");
    server::NamedSearch search{given->substr(0, space), given->substr(space + 1)};
    const auto named = imap::parse_stored_search("FILTER " + search.name);
    if (!named || named->op != imap::SearchOp::filter) {
      return fmt::format("\"{}\" is no name of a search", search.name);
    }
    const auto keys = imap::parse_stored_search(search.keys);
    if (!keys) return fmt::format("\"{}\" is no search: {}", search.keys, keys.error().detail);
    config.settings.filters.push_back(std::move(search));
  }
  return "";
}

std::string socket_mode(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr) return expected("an octal mode as a string, such as \"0660\"");
  int mode = 0;
  for (const char c : *given) {
    if (c < '0' || c > '7' || mode > 0777) return expected("an octal mode such as \"0660\"");
    mode = mode * 8 + (c - '0');
  }
  if (given->empty() || mode > 0777) return expected("an octal mode such as \"0660\"");
  config.listeners.back().socket_mode = mode;
  return "";
}

std::string mailbox_name(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->empty()) return expected("a mailbox name");
  if (given->front() == '/' || given->back() == '/' || given->find("//") != std::string::npos) {
    return "the levels of a name are parted by single slashes";
  }
  config.settings.default_mailboxes.back().name = *given;
  return "";
}

std::string data_dir(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->empty() || given->front() != '/') {
    return expected("an absolute path");
  }
  config.data_dir = *given;
  return "";
}

std::string address(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr) return expected("an address or the path of a socket");
  const bool path = !given->empty() && given->front() == '/';
  if (!path && !net::Address::parse(*given, 0)) {
    return fmt::format("\"{}\" is neither an IP address nor an absolute path", *given);
  }
  config.listeners.back().address = *given;
  return "";
}

std::vector<Key> store_keys() {
  return {
      {"", "data_dir", "string", "\"/var/lib/eilpost\"",
       "Where everything lies: mail, accounts, text index, audit log, the control socket. With "
       "engine = \"rados\" mail and accounts are in the cluster, the rest is here.",
       data_dir},
      {"", "engine", "string", "\"rocksdb\"",
       "\"rocksdb\" keeps mail on this machine's disk, \"rados\" in a Ceph cluster that several "
       "nodes serve at once, \"memory\" forgets it at the end (for tests).",
       choice<EngineKind>({{"rocksdb", EngineKind::rocksdb},
                           {"rados", EngineKind::rados},
                           {"memory", EngineKind::memory}},
                          [](Config& c) -> EngineKind& { return c.engine; })},
      {"", "hostname", "string", "this machine's name", "The name in greetings.",
       text([](Config& c) -> std::string& { return c.settings.hostname; })},
      {"", "admin_contact", "string", "mailto:postmaster@ and the hostname",
       "A URI by which users reach you: the IMAP METADATA entry /shared/admin of the server.",
       text([](Config& c) -> std::string& { return c.settings.admin_contact; })},
      {"", "comment", "string", "none",
       "Words to all users: the IMAP METADATA entry /shared/comment of the server.",
       text([](Config& c) -> std::string& { return c.settings.server_comment; })},
      {"", "memory_mb", "integer", "512",
       "Memory for the engine's and the mailboxes' caches, in MiB. Sessions come on top.",
       number<uint64_t>(64, 1 << 20, [](Config& c) -> uint64_t& { return c.memory_mb; })},
      {"", "io_threads", "integer", "0", "Threads that serve connections; 0: one per core.",
       number<size_t>(0, 1024, [](Config& c) -> size_t& { return c.io_threads; })},
      {"", "disk_threads", "integer", "16", "Threads that read from and write to the disk.",
       number<size_t>(2, 1024, [](Config& c) -> size_t& { return c.disk_threads; })},
      {"store", "recoverable_days", "integer", "30",
       "What was expunged or deleted is kept for so many days.",
       number<int>(0, 36500, [](Config& c) -> int& { return c.settings.recoverable_days; })},
      {"store", "log_days", "integer", "30",
       "For so many days back a client can resynchronize quickly (QRESYNC).",
       number<int>(1, 36500, [](Config& c) -> int& { return c.settings.log_days; })},
  };
}

std::string not_empty(const ConfigValue& value, std::string& field) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->empty()) return expected("a string that is not empty");
  field = *given;
  return "";
}

std::string node_name(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  const bool fits = given != nullptr && !given->empty() && given->size() <= 200 &&
                    std::all_of(given->begin(), given->end(), [](char c) {
                      return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
                    });
  if (!fits) return expected("a name without blanks, of 200 octets at most");
  config.node.name = *given;
  return "";
}

std::string ceph_user(const ConfigValue& value, Config& config) {
  const auto* given = std::get_if<std::string>(&value.value);
  if (given == nullptr || given->substr(0, 7) != "client." || given->size() == 7) {
    return expected("a Ceph user such as \"client.eilpost\"");
  }
  config.rados.user = *given;
  return "";
}

std::vector<Key> cluster_keys() {
  return {
      {"node", "name", "string", "this machine's name",
       "How this node is called among those of the cluster; no two may have the same.", node_name},
      {"node", "address", "string", "the name",
       "Where the others and `eilpost cluster status` say that it is.",
       text([](Config& c) -> std::string& { return c.node.address; })},
      {"rados", "ceph_conf", "string", "\"/etc/ceph/ceph.conf\"",
       "The Ceph configuration, with the monitors. This section is for engine = \"rados\".",
       [](const ConfigValue& v, Config& c) { return not_empty(v, c.rados.ceph_conf); }},
      {"rados", "user", "string", "\"client.admin\"", "As whom to connect.", ceph_user},
      {"rados", "keyring", "string", "where ceph.conf says", "The file with the user's key.",
       text([](Config& c) -> std::string& { return c.rados.keyring; })},
      {"rados", "index_pool", "string", "\"eilpost.index\"",
       "The replicated pool for accounts and mailboxes.",
       [](const ConfigValue& v, Config& c) { return not_empty(v, c.rados.index_pool); }},
      {"rados", "blob_pool", "string", "\"eilpost.blobs\"", "The pool for the octets of messages.",
       [](const ConfigValue& v, Config& c) { return not_empty(v, c.rados.blob_pool); }},
      {"rados", "namespace", "string", "\"\"",
       "The RADOS namespace in both pools; several stores can share pools by it.",
       text([](Config& c) -> std::string& { return c.rados.name_space; })},
  };
}

std::vector<Key> listener_keys() {
  return {
      {"listener", "protocol", "string", "must be given",
       "\"imap\", \"imaps\" (TLS from the start), \"lmtp\", or \"http\" (/health and /metrics). "
       "Without any [[listener]]: imap, imaps if there is a certificate, lmtp and http on "
       "127.0.0.1.",
       choice<Protocol>({{"imap", Protocol::imap},
                         {"imaps", Protocol::imaps},
                         {"lmtp", Protocol::lmtp},
                         {"http", Protocol::http}},
                        [](Config& c) -> Protocol& { return c.listeners.back().protocol; })},
      {"listener", "address", "string", "\"::\"",
       "An IP address (\"::\" listens on all, IPv4 too), or the path of a Unix socket.", address},
      {"listener", "port", "integer", "143, 993, 24, 9143", "The TCP port; 0: any free one.",
       number<int>(0, 65535, [](Config& c) -> int& { return c.listeners.back().port; })},
      {"listener", "name", "string", "the protocol's", "How log and metrics call it.",
       text([](Config& c) -> std::string& { return c.listeners.back().name; })},
      {"listener", "starttls", "boolean", "true",
       "Offer STARTTLS (imap), if there is a certificate.",
       boolean([](Config& c) -> bool& { return c.listeners.back().starttls; })},
      {"listener", "plaintext_login", "boolean", "false",
       "Take passwords without TLS. For loopback and trusted networks only.",
       boolean([](Config& c) -> bool& { return c.listeners.back().plaintext_login; })},
      {"listener", "scram_without_tls", "boolean", "false",
       "Take SCRAM logins without TLS: no password is shown on the way, but all mail is.",
       boolean([](Config& c) -> bool& { return c.listeners.back().scram_without_tls; })},
      {"listener", "client_ca", "string", "that of [tls]",
       "PEM file: this listener asks clients for a certificate of these authorities.",
       text([](Config& c) -> std::string& { return c.listeners.back().client_ca; })},
      {"listener", "client_crl", "string", "that of [tls], unless client_ca is given",
       "PEM file: what they have revoked.",
       text([](Config& c) -> std::string& { return c.listeners.back().client_crl; })},
      {"listener", "proxy_networks", "array of strings", "[]",
       "Balancers whose connections begin with a PROXY protocol v2 header.", proxy_networks},
      {"listener", "socket_mode", "string", "\"0660\"", "Permissions of a Unix socket, octal.",
       socket_mode},
  };
}

std::vector<Key> tls_keys() {
  return {
      {"tls.certificate", "chain", "string", "must be given",
       "PEM file: the server's certificate and those that lead to its authority.",
       text([](Config& c) -> std::string& { return c.tls.certificates.back().chain_file; })},
      {"tls.certificate", "key", "string", "must be given",
       "PEM file with the private key. Further [[tls.certificate]] are chosen by name (SNI).",
       text([](Config& c) -> std::string& { return c.tls.certificates.back().key_file; })},
      {"tls", "version_min", "string", "\"1.2\"", "The oldest TLS that is taken.",
       choice<net::TlsVersion>({{"1.2", net::TlsVersion::tls12}, {"1.3", net::TlsVersion::tls13}},
                               [](Config& c) -> net::TlsVersion& { return c.tls.version_min; })},
      {"tls", "tls12_ciphers", "string", "forward secrecy and AEAD", "OpenSSL's list for TLS 1.2.",
       text([](Config& c) -> std::string& { return c.tls.tls12_ciphers; })},
      {"tls", "tls13_ciphersuites", "string", "OpenSSL's", "OpenSSL's list for TLS 1.3.",
       text([](Config& c) -> std::string& { return c.tls.tls13_ciphersuites; })},
      {"tls", "client_ca", "string", "none",
       "PEM file: clients are asked for a certificate of these authorities (SASL EXTERNAL).",
       text([](Config& c) -> std::string& { return c.tls.client_ca_file; })},
      {"tls", "client_crl", "string", "none",
       "PEM file: what these authorities have revoked. A certificate whose authority has no list "
       "in "
       "it, or an old one, is not taken either.",
       text([](Config& c) -> std::string& { return c.tls.client_crl_file; })},
  };
}

std::vector<Key> limit_keys() {
  constexpr int64_t big = std::numeric_limits<int64_t>::max();
  return {
      {"limits", "message_bytes", "integer", "104857600",
       "The largest message that is taken, by APPEND or LMTP.",
       number<uint64_t>(1024, big,
                        [](Config& c) -> uint64_t& { return c.settings.message_bytes_max; })},
      {"limits", "connections", "integer", "50000", "Connections in all.",
       number<uint64_t>(1, 10'000'000, [](Config& c) -> uint64_t& { return c.connections_max; })},
      {"limits", "connections_per_address", "integer", "1000",
       "Connections of one client address (IPv6: of one /64).",
       number<uint64_t>(1, 10'000'000,
                        [](Config& c) -> uint64_t& { return c.connections_per_address_max; })},
      {"limits", "connections_per_account", "integer", "100", "Sessions of one account.",
       number<size_t>(1, 1'000'000,
                      [](Config& c) -> size_t& { return c.settings.connections_per_account_max; })},
      {"limits", "preauth_seconds", "integer", "60", "Time to log in.",
       number<int>(5, 3600, [](Config& c) -> int& { return c.settings.preauth_seconds; })},
      {"limits", "session_idle_seconds", "integer", "1800",
       "A session without a command for so long is ended; RFC 9051 asks for 30 minutes at least.",
       number<int>(1800, 86400 * 7,
                   [](Config& c) -> int& { return c.settings.idle_session_seconds; })},
      {"limits", "idle_keepalive_seconds", "integer", "120",
       "How often IDLE says that it still lives, so that routers do not forget it; 0: never.",
       number<int>(0, 1740, [](Config& c) -> int& { return c.settings.idle_keepalive_seconds; })},
  };
}

std::vector<Key> account_keys() {
  constexpr int64_t big = std::numeric_limits<int64_t>::max();
  return {
      {"accounts", "default_domain", "string", "none",
       "Logins and recipients without a domain are in this one.",
       text([](Config& c) -> std::string& { return c.accounts.names.default_domain; })},
      {"accounts", "subaddress_delimiters", "string", "\"+\"",
       "user+detail is delivered to user. Any of these characters begins a detail; \"\": none.",
       text([](Config& c) -> std::string& { return c.accounts.names.subaddress_delimiters; })},
      {"accounts", "subaddress_folder", "boolean", "true",
       "Mail for user+detail goes to the mailbox \"detail\" if the user has it.",
       boolean([](Config& c) -> bool& { return c.settings.subaddress_folder; })},
      {"accounts", "quota_bytes", "integer", "0",
       "Storage of an account that has no quota of its own; 0: no limit.",
       number<uint64_t>(0, big,
                        [](Config& c) -> uint64_t& { return c.settings.default_quota.bytes; })},
      {"accounts", "quota_messages", "integer", "0", "The same for the number of messages.",
       number<uint64_t>(0, big,
                        [](Config& c) -> uint64_t& { return c.settings.default_quota.messages; })},
      {"accounts", "quota_mailboxes", "integer", "0", "The same for the number of mailboxes.",
       number<uint64_t>(0, big,
                        [](Config& c) -> uint64_t& { return c.settings.default_quota.mailboxes; })},
      {"accounts", "hide_capabilities", "array of strings", "[]",
       "IMAP capabilities that nobody gets to see after login, such as \"UNAUTHENTICATE\"; for one "
       "account: eilpost account set --hide.",
       hide_capabilities},
      {"accounts", "argon2_memory_kib", "integer", "19456",
       "What checking a password costs, in KiB of memory; for passwords set from here on.",
       number<uint32_t>(
           64, 4 << 20,
           [](Config& c) -> uint32_t& { return c.accounts.passwords.cost.memory_kib; })},
      {"accounts", "argon2_iterations", "integer", "2", "The same in passes over that memory.",
       number<uint32_t>(
           1, 100, [](Config& c) -> uint32_t& { return c.accounts.passwords.cost.iterations; })},
      {"accounts", "scram_iterations", "integer", "10000", "Cost of SCRAM verifiers.",
       number<uint32_t>(4096, 10'000'000,
                        [](Config& c) -> uint32_t& { return c.accounts.scram_iterations; })},
      {"accounts", "scram_sha_1", "boolean", "false",
       "Passwords that are set get a verifier for SCRAM-SHA-1 too, for clients that know no "
       "better; "
       "it is offered when every account has one.",
       boolean([](Config& c) -> bool& { return c.accounts.scram_sha_1; })},
      {"accounts", "password_cache_seconds", "integer", "600",
       "A password that was right is remembered (as a hash) for so long; 0: not at all.",
       number<int64_t>(0, 86400,
                       [](Config& c) -> int64_t& { return c.accounts.cache.lifetime_seconds; })},
      {"accounts.mailbox", "name", "string", "must be given",
       "A mailbox that accounts have from the beginning; [[accounts.mailbox]] replaces the list "
       "Drafts, Sent, Junk, Trash, Archive.",
       mailbox_name},
      {"accounts.mailbox", "use", "string", "none",
       "Its special use: \"archive\", \"drafts\", \"junk\", \"sent\", \"trash\", \"flagged\", "
       "\"important\", \"all\".",
       choice<uint16_t>(
           {{"archive", store::use_archive},
            {"drafts", store::use_drafts},
            {"junk", store::use_junk},
            {"sent", store::use_sent},
            {"trash", store::use_trash},
            {"flagged", store::use_flagged},
            {"important", store::use_important},
            {"all", store::use_all}},
           [](Config& c) -> uint16_t& { return c.settings.default_mailboxes.back().special_use; })},
  };
}

std::vector<Key> imap_keys() {
  return {
      {"imap", "message_limit", "integer", "1000",
       "How many messages one command works on (MESSAGELIMIT), for accounts that were offered it "
       "with `eilpost account set --offer`.",
       number<uint32_t>(100, 1'000'000,
                        [](Config& c) -> uint32_t& { return c.settings.message_limit; })},
      {"imap", "filters", "array of strings", "[]",
       "Searches that every client may name (FILTERS), each as its name and its keys: \"urgent "
       "FLAGGED UNSEEN\". An account's own of the same name go first.",
       named_searches},
      {"imap", "refuse_utf8_headers", "boolean", "false",
       "Refuse messages with UTF-8 in their header from clients that have not enabled UTF8=ACCEPT, "
       "as RFC 6855 4 asks for; tools that move mail then lose such messages.",
       boolean([](Config& c) -> bool& { return c.settings.refuse_utf8_headers; })},
  };
}

std::vector<Key> log_keys() {
  using log::Format;
  using log::Level;
  return {
      {"log", "level", "string", "\"info\"", "\"debug\", \"info\", \"warn\" or \"error\".",
       choice<Level>({{"debug", Level::debug},
                      {"info", Level::info},
                      {"warn", Level::warn},
                      {"error", Level::error}},
                     [](Config& c) -> Level& { return c.log.level; })},
      {"log", "format", "string", "\"text\"", "\"text\" or \"json\".",
       choice<Format>({{"text", Format::text}, {"json", Format::json}},
                      [](Config& c) -> Format& { return c.log.format; })},
      {"log", "file", "string", "standard error", "A file to append to.",
       text([](Config& c) -> std::string& { return c.log.file; })},
  };
}

const std::vector<Key>& keys() {
  static const std::vector<Key> table = [] {
    std::vector<Key> all;
    for (auto part : {store_keys(), cluster_keys(), listener_keys(), tls_keys(), limit_keys(),
                      account_keys(), directory_keys(), auth_keys(), imap_keys(), search_keys(),
                      policy_keys(), abuse_keys(), log_keys(), audit_keys(), alert_keys()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return table;
}

std::string dotted(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
}

const std::vector<ArraySection>& array_sections() {
  static const std::vector<ArraySection> all = [] {
    std::vector<ArraySection> out = {
        {"listener",
         [](Config& config, ConfigPlace place) {
           config.listeners.emplace_back();
           config.listeners.back().place = place;
         }},
        {"tls.certificate",
         [](Config& config, ConfigPlace) { config.tls.certificates.emplace_back(); }},
        {"directory",
         [](Config& config, ConfigPlace place) {
           config.directories.emplace_back();
           config.directories.back().place = place;
         }},
        {"accounts.mailbox",
         [](Config& config, ConfigPlace) { config.settings.default_mailboxes.emplace_back(); }},
    };
    for (auto& section : auth_sections()) out.push_back(std::move(section));
    for (const ArraySection& section : policy_sections()) out.push_back(section);
    for (const ArraySection& section : alert_sections()) out.push_back(section);
    for (const ArraySection& section : search_sections()) out.push_back(section);
    return out;
  }();
  return all;
}

const ArraySection* array_section(std::string_view name) {
  for (const ArraySection& section : array_sections()) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

bool is_array(std::string_view section) {
  return array_section(section) != nullptr;
}

bool is_section(std::string_view name) {
  return std::any_of(keys().begin(), keys().end(), [&](const Key& k) { return k.section == name; });
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// What the writer of `wrong` may have meant: a key of the same spelling elsewhere, or a near one.
std::string suggestion(std::string_view section, std::string_view name) {
  const std::string wrong = dotted(section, name);
  std::string best;
  size_t best_distance = 4;
  for (const Key& key : keys()) {
    const std::string right = dotted(key.section, key.name);
    const size_t d = key.name == name ? 1 : distance(wrong, right);
    if (d < best_distance || (d == best_distance && key.section == section)) {
      best = right;
      best_distance = d;
    }
    const size_t of_section = distance(wrong, key.section);
    if (!key.section.empty() && of_section < best_distance) {
      best = key.section;
      best_distance = of_section;
    }
  }
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

class Applier {
 public:
  Applier(Config& config, std::vector<ConfigProblem>& problems)
      : config_(config), problems_(problems) {}

  // Sections within sections are at most two levels deep: the table of keys bounds this.
  void table(std::string_view section, const ConfigTable& entries) {
    for (const ConfigEntry& entry : entries) {
      const std::string name = dotted(section, entry.key);
      if (is_section(name)) {
        subsection(name, entry);
      } else {
        key(section, entry);
      }
    }
  }

 private:
  void complain(ConfigPlace place, std::string name, std::string what) {
    problems_.push_back({place, std::move(name), std::move(what)});
  }

  void subsection(const std::string& name, const ConfigEntry& entry) {
    const auto* array = std::get_if<ConfigArray>(&entry.value.value);
    const auto* one = std::get_if<ConfigTable>(&entry.value.value);
    if (!is_array(name)) {
      if (one == nullptr) return complain(entry.place, name, "expected a section [" + name + "]");
      return table(name, *one);
    }
    const std::string form = fmt::format("expected sections [[{}]]", name);
    if (array == nullptr) return complain(entry.place, name, form);
    if (name == "accounts.mailbox") config_.settings.default_mailboxes.clear();
    for (const ConfigValue& item : *array) {
      const auto* fields = std::get_if<ConfigTable>(&item.value);
      if (fields == nullptr) {
        complain(item.place, name, form);
        continue;
      }
      array_section(name)->begin(config_, item.place);
      required(name, item.place, *fields);
      table(name, *fields);
    }
  }

  void required(std::string_view section, ConfigPlace place, const ConfigTable& fields) {
    for (const Key& key : keys()) {
      if (key.section != section || key.fallback != "must be given") continue;
      const bool given = std::any_of(fields.begin(), fields.end(),
                                     [&](const ConfigEntry& e) { return e.key == key.name; });
      if (!given) complain(place, dotted(section, key.name), "must be given");
    }
  }

  void key(std::string_view section, const ConfigEntry& entry) {
    const auto at = std::find_if(keys().begin(), keys().end(), [&](const Key& k) {
      return k.section == section && k.name == entry.key;
    });
    const std::string name = dotted(section, entry.key);
    if (at == keys().end()) {
      return complain(entry.place, name, "unknown key" + suggestion(section, entry.key));
    }
    const std::string wrong = at->apply(entry.value, config_);
    if (!wrong.empty()) complain(entry.value.place, name, wrong);
  }

  Config& config_;
  std::vector<ConfigProblem>& problems_;
};

void check_listeners(const Config& config, std::vector<ConfigProblem>& problems) {
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.protocol == Protocol::imaps && config.tls.certificates.empty()) {
      problems.push_back({listener.place, "listener", "imaps needs a [[tls.certificate]]"});
    }
  }
}

}  // namespace

void apply_config(const ConfigTable& table, Config& config, std::vector<ConfigProblem>& problems) {
  Applier(config, problems).table("", table);
  check_listeners(config, problems);
  finish_auth(config, problems);
  check_directories(config, problems);
  finish_policy(config, problems);
  check_search(config, problems);
}

std::string print_config_keys() {
  std::string out;
  std::string_view section;
  for (const Key& key : keys()) {
    if (key.section != section) {
      section = key.section;
      out +=
          is_array(section) ? fmt::format("\n[[{}]]\n", section) : fmt::format("\n[{}]\n", section);
    }
    out += fmt::format("{}\n    {}, default: {}\n    {}\n", key.name, key.type, key.fallback,
                       key.meaning);
  }
  return out;
}

std::string_view engine_name(EngineKind engine) {
  switch (engine) {
    case EngineKind::rocksdb: return "rocksdb";
    case EngineKind::memory: return "memory";
    case EngineKind::rados: return "rados";
  }
  return "";
}

std::string_view protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::imap: return "imap";
    case Protocol::imaps: return "imaps";
    case Protocol::lmtp: return "lmtp";
    case Protocol::http: return "http";
  }
  return "";
}

int default_port(Protocol protocol) {
  switch (protocol) {
    case Protocol::imap: return 143;
    case Protocol::imaps: return 993;
    case Protocol::lmtp: return 24;
    case Protocol::http: return 9143;
  }
  return 0;
}

directory::AuthPolicy ListenerConfig::auth() const {
  directory::AuthPolicy out;
  out.plaintext_without_tls = plaintext_login;
  out.scram_without_tls = scram_without_tls || plaintext_login;
  return out;
}

std::vector<ListenerConfig> default_listeners(const Config& config) {
  std::vector<ListenerConfig> out;
  ListenerConfig listener;
  out.push_back(listener);
  if (!config.tls.certificates.empty()) {
    listener.protocol = Protocol::imaps;
    out.push_back(listener);
  }
  listener.protocol = Protocol::lmtp;
  listener.address = "127.0.0.1";
  out.push_back(listener);
  listener.protocol = Protocol::http;
  out.push_back(listener);
  return out;
}

std::vector<server::DefaultMailbox> standard_mailboxes() {
  return {{"Drafts", store::use_drafts},
          {"Sent", store::use_sent},
          {"Junk", store::use_junk},
          {"Trash", store::use_trash},
          {"Archive", store::use_archive}};
}

std::string system_hostname() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace eilpost
