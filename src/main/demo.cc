#include "main/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "main/admin/client.h"
#include "main/demo_mail.h"
#include "main/server.h"
#include "store/mutations.h"

namespace eilpost {

namespace {

constexpr std::string_view domain = "example.org";
constexpr std::string_view password = "pass";

ListenerConfig listener(Protocol protocol, int port) {
  ListenerConfig out;
  out.protocol = protocol;
  out.address = "127.0.0.1";
  out.port = port;
  out.plaintext_login = true;
  return out;
}

// Nobody wants to read at each login to a demo that it is not encrypted.
void quiet_alerts(Config& config) {
  for (size_t i = 0; i < server::alert_kind_count; ++i) {
    server::AlertRule rule;
    rule.kind = static_cast<server::AlertKind>(i);
    rule.frequency = server::AlertFrequency::never;
    config.settings.alerts.rules.push_back(rule);
  }
}

// Over what the file of --config says, which is read again at SIGHUP.
Config demo_config(const DemoOptions& options, Config config) {
  std::error_code error;
  config.data_dir = std::filesystem::absolute(options.data_dir, error).string();
  config.engine = options.engine;
  config.rados.ceph_conf = options.ceph_conf;
  config.rados.name_space = options.name_space;
  config.node.name = options.node.empty() ? system_hostname() : options.node;
  config.node.address = fmt::format("127.0.0.1:{}", options.base_port + 143);
  config.memory_mb = 256;
  config.settings.hostname = "localhost";
  if (!options.empty) config.settings.default_mailboxes = standard_mailboxes();
  config.accounts.names.default_domain = domain;
  // The password is known to everybody; many accounts are to be made quickly.
  config.accounts.passwords.cost = {.memory_kib = 64, .iterations = 1, .parallelism = 1};
  config.accounts.scram_iterations = 4096;
  config.tls.certificates = {{config.data_dir + "/certificate.pem", config.data_dir + "/key.pem"}};
  config.listeners = {listener(Protocol::imap, options.base_port + 143),
                      listener(Protocol::imaps, options.base_port + 993),
                      listener(Protocol::lmtp, options.base_port + 24),
                      listener(Protocol::http, options.base_port + 80)};
  // All tests and their wrong passwords come from here.
  config.abuse.exempt_networks = {net::Network::parse("127.0.0.0/8").value()};
  if (options.config_file.empty()) quiet_alerts(config);
  config.log.level = log::Level::warn;
  if (options.log_level == "debug") config.log.level = log::Level::debug;
  if (options.log_level == "info") config.log.level = log::Level::info;
  return config;
}

Result<> make_certificate(const Config& config) {
  const net::TlsCertificate& files = config.tls.certificates[0];
  std::error_code ignored;
  std::filesystem::create_directories(config.data_dir, ignored);
  if (std::filesystem::exists(files.chain_file) && std::filesystem::exists(files.key_file)) {
    const auto context = net::TlsContext::server(config.tls);
    if (context && (*context)->expires() > SystemClock().now()) return {};
  }
  net::SelfSignedOptions options;
  options.now = SystemClock().now();
  return net::write_self_signed(options, files);
}

std::string address_of(int number) {
  return fmt::format("user{}@{}", number, domain);
}

// In their order, so that equal demos have equal ids.
Result<std::vector<PartitionId>> make_logins(Node& node, int count) {
  std::vector<PartitionId> out;
  for (int number = 1; number <= count; ++number) {
    directory::NewAccount account;
    account.name = address_of(number);
    auto found = node.accounts().resolve(account.name);
    if (!found && found.error().code == Code::not_found) {
      account.password = password;
      account.display_name = fmt::format("User {}", number);
      found = node.accounts().add(account);
      // Another demo over the same cluster may have been first.
      if (!found && found.error().code == Code::already_exists) {
        found = node.accounts().resolve(account.name);
      }
    }
    if (!found) return wrap(std::move(found).error(), account.name);
    out.push_back(found->partition());
  }
  return out;
}

// Some at once, since each waits for the disk most of the time.
Result<> make_mailboxes(server::ServerWorld& world, const std::vector<PartitionId>& partitions) {
  constexpr size_t threads_max = 8;
  const server::SettingsPtr settings = world.settings.get();
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Result<> outcome;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < std::min(partitions.size(), threads_max); ++t) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < partitions.size(); i = next++) {
        const auto made = server::open_account_wait(world.store, partitions[i], *settings);
        if (made) continue;
        std::lock_guard lock(mutex);
        outcome = tl::unexpected(made.error());
        return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcome;
}

Result<> fill_first(Node& node) {
  const auto account = TRY(node.accounts().resolve(address_of(1)));
  return fill_with_mail(node.world(), account);
}

void print_help(const DemoOptions& options, const Config& config) {
  const int imap = options.base_port + 143;
  const int imaps = options.base_port + 993;
  fmt::print(
      "Eilpost demo: on this machine only; the data: {}\n"
      "\n"
      "  accounts   user1@example.org to user{}@example.org, password: pass\n"
      "  IMAP       127.0.0.1:{} (plain or STARTTLS), 127.0.0.1:{} (TLS)\n"
      "  LMTP       127.0.0.1:{}\n"
      "  HTTP       http://127.0.0.1:{}/health and /metrics\n"
      "  certificate, self-signed: {}\n"
      "\n"
      "  curl -u user1@example.org:pass imap://127.0.0.1:{}/INBOX\n"
      "  mutt -f imap://user1@example.org:pass@127.0.0.1:{}/INBOX\n"
      "  Thunderbird: new account, user1@example.org, configure manually: 127.0.0.1, port {},\n"
      "  no encryption, normal password\n"
      "\n",
      describe_store(config), options.accounts, imap, imaps, options.base_port + 24,
      options.base_port + 80, config.tls.certificates[0].chain_file, imap, imap, imap);
}

Result<std::unique_ptr<Server>> prepare(const DemoOptions& options, const Config& config) {
  TRY(make_certificate(config));
  auto server = TRY(Server::open(config));
  const auto partitions = TRY(make_logins(server->node(), options.accounts));
  TRY(make_mailboxes(server->node().world(), partitions));
  if (!options.empty) TRY(fill_first(server->node()));
  return server;
}

}  // namespace

int run_demo(const DemoOptions& options) {
  block_signals();
  Config given;
  if (!options.config_file.empty()) {
    CommandLine line;
    line.config_file = options.config_file;
    auto loaded = load_config(line);
    if (!loaded) return 1;
    given = std::move(*loaded);
    given.settings.default_mailboxes.clear();
  }
  const Config config = demo_config(options, std::move(given));
  log::configure(config.log);
  raise_descriptor_limit();
  auto server = prepare(options, config);
  if (!server) {
    fmt::print(stderr, "eilpost demo: {}\n", server.error().detail);
    return 1;
  }
  return (*server)->run([&] {
    print_help(options, config);
    fmt::print("ready\n");
    std::fflush(stdout);
  });
}

}  // namespace eilpost
