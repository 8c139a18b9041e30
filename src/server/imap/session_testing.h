// A session of the real server over a socket pair, and two nodes over one memory engine that counts
// and can fail: what commands answer, what they cost, what others' changes do. Everything
// runs on pools of its own. For tests only.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "directory/builtin.h"
#include "engine/counting_testing.h"
#include "engine/faulty.h"
#include "engine/memory.h"
#include "mime/scanner.h"
#include "server/imap/commands.h"
#include "store/digest.h"
#include "store/mutations.h"

namespace eilpost::server {

inline const store::Author other_node{"other", "other"};

// Stands still until told; with a pace, every look at it takes so long.
class PacedClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp{1'700'000'000'000'000 + steady_}; }
  int64_t steady_micros() const override { return steady_ += pace_micros; }
  void advance_micros(int64_t micros) { steady_ += micros; }
  std::atomic<int64_t> pace_micros = 0;

 private:
  mutable std::atomic<int64_t> steady_ = 0;
};

class TwoNodes {
 public:
  explicit TwoNodes(bool single_node = false, const Settings& settings = {})
      : single_node_(single_node), settings_(settings) {
    log::configure({.level = log::Level::error});
    directory::BuiltinOptions options;
    options.passwords.cost = {.memory_kib = 64, .iterations = 1, .parallelism = 1};
    options.scram_iterations = 4096;
    accounts_ = std::move(*directory::BuiltinDirectory::open(engine, clock_, random_, options));
    delays_.emplace(directory::FailureDelays::Options{}, clock_, random_);
    authenticator_.emplace(*accounts_, *delays_, directory::NameRules{});
    const store::Executor post = [this](std::function<void()> job) {
      (void)disk_.post_reserved(std::move(job));
    };
    store::Services here{counting, clock_, random_, post, single_node_};
    store::Services there{engine, clock_, random_, post, single_node_};
    store_.emplace(here, store::StoreOptions());
    other_.emplace(there, store::StoreOptions());
    world_.emplace(ServerWorld{counting,
                               *store_,
                               *accounts_,
                               *authenticator_,
                               {},
                               io_,
                               disk_,
                               directory_pool_,
                               hashing_,
                               batch_,
                               clock_,
                               random_,
                               metrics_,
                               sessions_,
                               settings_,
                               account_rows_});
    add_account();
    connect();
  }
  ~TwoNodes() {
    (void)command("LOGOUT");
    ::close(client_);
    ended_.get();
    for (net::DiskPool* pool : {&batch_, &hashing_, &directory_pool_, &disk_}) pool->stop();
  }

  // Everything up to the tagged line, which comes last.
  std::string command(const std::string& text) {
    const std::string tag = "t" + std::to_string(++tags_);
    write(tag + " " + text + "\r\n");
    return read_until(tag + " ");
  }
  void write(const std::string& octets) {
    ASSERT_EQ(::send(client_, octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
  }
  // Up to the end of the first line that begins so.
  std::string read_until(const std::string& start) {
    for (;;) {
      const size_t at = heard_.rfind(start, 0) == 0 ? 0 : heard_.find("\r\n" + start);
      const size_t end = at == std::string::npos ? at : heard_.find("\r\n", at + 2);
      if (end != std::string::npos) {
        std::string out = heard_.substr(0, end);
        heard_.erase(0, end + 2);
        return out;
      }
      char buffer[4096];
      const ssize_t got = ::recv(client_, buffer, sizeof buffer, 0);
      if (got <= 0) return heard_ + " (closed)";
      heard_.append(buffer, static_cast<size_t>(got));
    }
  }
  // What the command asked the engine for; it must be answered OK.
  engine::EngineCounts cost(const std::string& text) {
    quiesce();
    counting.take();
    const std::string answer = command(text);
    EXPECT_NE(answer.find(" OK "), std::string::npos) << answer;
    return counting.take();
  }
  // The follower's own questions are done.
  void quiesce() {
    for (int i = 0; i < 1000 && (disk_.queued() > 0 || disk_.running() > 0); ++i) ::usleep(1000);
  }

  void append_elsewhere(const std::string& subject = "x") {
    const std::string octets = "Subject: " + subject + "\r\n\r\n";
    const store::AccountPtr account = *open_account_wait(*other_, partition_, *settings_.get());
    auto writer = account->stage("test");
    ASSERT_TRUE(writer && (*writer)->append(octets));
    store::AppendRequest request;
    request.mailbox = store::inbox_id;
    request.messages.resize(1);
    request.messages[0].cold.blob = *(*writer)->finish();
    request.messages[0].cold.size = octets.size();
    request.messages[0].digest = store::make_digest(mime::scan(octets));
    ASSERT_TRUE(store::mutate_wait<store::AppendResult>(
        *account, other_node, [&](store::Tx& tx) { return store::append(tx, request); }));
  }
  // What `change` does to the INBOX, on the other node.
  template <class R>
  void change_elsewhere(std::function<Result<R>(store::Tx&)> change) {
    const store::AccountPtr account = *open_account_wait(*other_, partition_, *settings_.get());
    ASSERT_TRUE(store::mutate_wait<R>(*account, other_node, std::move(change)));
  }
  // From here on a command takes long.
  void slow_down(int64_t micros) { clock_.pace_micros = micros; }
  void tick() {
    clock_.advance_micros(1'000'000);
    store_->tick();
  }

  engine::FaultyEngine engine{std::make_unique<engine::MemoryEngine>(), {}};
  engine::CountingEngine counting{engine};

 private:
  void add_account() {
    directory::NewAccount account;
    account.name = "a@example.org";
    account.password = "secret";
    const auto added = accounts_->add(account);
    ASSERT_TRUE(added);
    partition_ = added->partition();
  }
  void connect() {
    int fds[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client_ = fds[0];
    ASSERT_EQ(::fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    const timeval patience{20, 0};
    ::setsockopt(client_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ListenerPolicy policy;
    policy.name = "test";
    policy.auth.plaintext_without_tls = true;
    auto promise = std::make_shared<std::promise<void>>();
    ended_ = promise->get_future();
    const net::Executor home = io_.executor(0);
    net::spawn(home, serve(*world_, policy, fds[1], home), [promise] { promise->set_value(); });
    EXPECT_NE(read_until("* OK ").find("OK"), std::string::npos);
    const std::string in = command("LOGIN a@example.org secret");
    EXPECT_NE(in.find(" OK "), std::string::npos) << in;
  }
  static net::Task<> serve(ServerWorld& world, ListenerPolicy policy, int fd, net::Executor home) {
    net::Stream stream(home, fd, net::Address(), net::Address());
    co_await imap_session(world, std::move(policy), std::move(stream));
  }

  bool single_node_;
  PacedClock clock_;
  Random random_{1};
  std::unique_ptr<directory::BuiltinDirectory> accounts_;
  std::optional<directory::FailureDelays> delays_;
  std::optional<directory::Authenticator> authenticator_;
  net::IoPool io_{1};
  net::DiskPool disk_{{.name = "disk", .threads = 2}};
  net::DiskPool directory_pool_{{.name = "directory", .threads = 1}};
  net::DiskPool hashing_{{.name = "hashing", .threads = 1}};
  net::DiskPool batch_{{.name = "batch", .threads = 1}};
  std::optional<store::Store> store_;
  std::optional<store::Store> other_;
  Metrics metrics_;
  SessionTable sessions_{random_};
  SettingsCell settings_;
  directory::AccountRows account_rows_{engine, random_};
  std::optional<ServerWorld> world_;
  PartitionId partition_;
  int client_ = -1;
  std::string heard_;
  int tags_ = 0;
  std::future<void> ended_;
};

}  // namespace eilpost::server
