// What the tests of main share: a directory that goes away, a Node with cheap passwords, and admin
// commands as they are typed, with their output caught.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "main/admin/admin.h"
#include "main/admin/client.h"
#include "main/mail/stager.h"

namespace eilpost::testing {

class TempDir {
 public:
  TempDir() {
    std::string pattern = ::testing::TempDir() + "eilpost-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline Config test_config(const std::string& data_dir, EngineKind engine) {
  Config config = parse_config("", "").config;
  config.data_dir = data_dir;
  config.engine = engine;
  config.memory_mb = 64;
  config.io_threads = 1;
  config.disk_threads = 4;
  config.accounts.passwords.cost = {.memory_kib = 64, .iterations = 1, .parallelism = 1};
  config.accounts.scram_iterations = 4096;
  return config;
}

inline std::unique_ptr<Node> open_node(const std::string& data_dir, EngineKind engine) {
  auto node = Node::open(test_config(data_dir, engine));
  EXPECT_TRUE(node) << (node ? "" : node.error().detail);
  return node ? std::move(*node) : nullptr;
}

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// `eilpost ARGUMENTS`, run on the node.
inline Ran run(Node& node, const std::vector<std::string>& arguments,
               const std::string& password = "") {
  Ran ran;
  Output output;
  output.write = [&](Channel channel, std::string_view text) {
    (channel == Channel::out ? ran.out : ran.err).append(text);
    return true;
  };
  ControlRequest request;
  request.arguments = arguments;
  request.directory = "/";
  request.password = password;
  ran.code = run_control_request(node, request, output);
  return ran;
}

inline store::AccountPtr mail_of(Node& node, const std::string& name) {
  auto who = node.accounts().resolve(name);
  EXPECT_TRUE(who) << name;
  auto opened =
      server::open_account_wait(node.world().store, who->partition(), *node.world().settings.get());
  EXPECT_TRUE(opened);
  return *opened;
}

// Appends a message and answers its uid.
inline Uid put_message(store::Account& account, const std::string& mailbox,
                       const std::string& octets, uint8_t flags = 0,
                       std::vector<std::string> keywords = {}) {
  const store::Author author{"test", "test"};
  auto id = ensure_mailbox(account, author, mailbox, 0);
  auto stager = Stager::begin(account, "test");
  EXPECT_TRUE(id && stager && stager->feed(octets));
  auto message = stager->finish();
  EXPECT_TRUE(message);
  message->flags = flags;
  message->keywords = std::move(keywords);
  message->cold.internal_date = {1'700'000'000, 0};
  store::AppendRequest request;
  request.mailbox = *id;
  request.messages.push_back(std::move(*message));
  auto appended = append_wait(account, author, std::move(request));
  EXPECT_TRUE(appended) << (appended ? "" : appended.error().detail);
  return appended ? appended->uids[0] : Uid(0);
}

// One message of a mailbox as a reader sees it.
struct Seen {
  std::string octets;
  uint8_t flags = 0;
  std::vector<std::string> keywords;
  int64_t seconds = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// All of a mailbox, in the order of uids.
inline std::vector<Seen> read_mailbox(store::Account& account, const std::string& name) {
  std::vector<Seen> out;
  const auto* def = account.folders()->find(name);
  if (def == nullptr) return out;
  const MailboxId id = def->id;
  const auto snapshot = store::open_wait(account, id);
  EXPECT_TRUE(snapshot);
  (*snapshot)->tree.for_pages(Uid(0), [&](Seq, const store::PagePtr& page) {
    const auto data = account.read_page(id, page->page, 0);
    EXPECT_TRUE(data);
    for (const store::HotEntry& entry : page->entries) {
      const auto* message = (*data)->find(entry.slot);
      Seen seen;
      auto octets = account.read_blob(message->cold, 0, message->cold.size);
      seen.octets = octets ? *octets : "unreadable: " + octets.error().detail;
      seen.flags = entry.flags;
      for (const uint16_t k : page->keywords(entry)) {
        seen.keywords.push_back((*snapshot)->keywords->at(k));
      }
      seen.seconds = message->cold.internal_date.seconds;
      out.push_back(std::move(seen));
    }
    return true;
  });
  return out;
}

inline void write_file(const std::string& path, const std::string& octets) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << octets;
}

inline std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

}  // namespace eilpost::testing
