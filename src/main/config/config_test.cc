#include "main/config/config.h"

#include <gtest/gtest.h>

namespace eilpost {
namespace {

// Every problem as it is printed.
std::vector<std::string> problems(const std::string& text) {
  std::vector<std::string> out;
  for (const ConfigProblem& problem : parse_config(text, "f").problems) {
    out.push_back(print_problem("f", problem));
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(Config, EmptyIsFine) {
  const ConfigOutcome out = parse_config("", "f");
  EXPECT_TRUE(out.problems.empty());
  EXPECT_EQ(out.config.data_dir, "/var/lib/eilpost");
  EXPECT_EQ(out.config.settings.default_mailboxes.size(), 5U);
}

TEST(Config, ClusterKeys) {
  const ConfigOutcome out = parse_config(R"(
engine = "rados"
[node]
name = "mail-1"
address = "192.0.2.1"
[rados]
ceph_conf = "/etc/ceph/mail.conf"
user = "client.eilpost"
keyring = "/etc/ceph/key"
index_pool = "i"
blob_pool = "b"
namespace = "n"
)",
                                         "f");
  EXPECT_TRUE(out.problems.empty());
  EXPECT_EQ(out.config.engine, EngineKind::rados);
  EXPECT_EQ(out.config.node.name + " " + out.config.node.address, "mail-1 192.0.2.1");
  const auto& rados = out.config.rados;
  EXPECT_EQ(rados.ceph_conf + " " + rados.user + " " + rados.keyring,
            "/etc/ceph/mail.conf client.eilpost /etc/ceph/key");
  EXPECT_EQ(rados.index_pool + rados.blob_pool + rados.name_space, "ibn");
  EXPECT_FALSE(parse_config("", "f").config.node.name.empty());
  EXPECT_EQ(problems("engine = \"ceph\"\n[node]\nname = \"a b\"\n[rados]\nuser = \"mail\"\n"
                     "blob_pool = \"\"\nindex_pol = \"x\"\n"),
            (Lines{"f:1:10: engine: expected one of \"rocksdb\", \"rados\", \"memory\"",
                   "f:3:8: node.name: expected a name without blanks, of 200 octets at most",
                   "f:5:8: rados.user: expected a Ceph user such as \"client.eilpost\"",
                   "f:6:13: rados.blob_pool: expected a string that is not empty",
                   "f:7:1: rados.index_pol: unknown key; did you mean rados.index_pool?"}));
}

TEST(Config, ReadsEverySection) {
  const ConfigOutcome out = parse_config(R"(
data_dir = "/srv/mail"
engine = "memory"
memory_mb = 1024
[[listener]]
protocol = "imap"
address = "192.0.2.1"
port = 1143
plaintext_login = true
proxy_networks = ["198.51.100.0/24", "2001:db8::/32"]
[[listener]]
protocol = "lmtp"
address = "/run/lmtp.sock"
socket_mode = "0666"
[tls]
version_min = "1.3"
[[tls.certificate]]
chain = "c.pem"
key = "k.pem"
[limits]
message_bytes = 5000000
[store]
recoverable_days = 7
[accounts]
default_domain = "example.org"
subaddress_delimiters = "-+"
[[accounts.mailbox]]
name = "Gesendet"
use = "sent"
[log]
level = "debug"
format = "json"
)",
                                         "f");
  for (const auto& p : out.problems) ADD_FAILURE() << print_problem("f", p);
  const Config& c = out.config;
  EXPECT_EQ(c.data_dir, "/srv/mail");
  EXPECT_EQ(c.engine, EngineKind::memory);
  EXPECT_EQ(c.memory_mb, 1024U);
  ASSERT_EQ(c.listeners.size(), 2U);
  EXPECT_EQ(c.listeners[0].port, 1143);
  EXPECT_TRUE(c.listeners[0].plaintext_login);
  EXPECT_EQ(c.listeners[0].proxy_networks.size(), 2U);
  EXPECT_EQ(c.listeners[1].protocol, Protocol::lmtp);
  EXPECT_EQ(c.listeners[1].socket_mode, 0666);
  EXPECT_FALSE(c.listeners[1].plaintext_login);
  EXPECT_EQ(c.tls.version_min, net::TlsVersion::tls13);
  ASSERT_EQ(c.tls.certificates.size(), 1U);
  EXPECT_EQ(c.tls.certificates[0].key_file, "k.pem");
  EXPECT_EQ(c.settings.message_bytes_max, 5'000'000U);
  EXPECT_EQ(c.settings.recoverable_days, 7);
  EXPECT_EQ(c.accounts.names.subaddress_delimiters, "-+");
  ASSERT_EQ(c.settings.default_mailboxes.size(), 1U);
  EXPECT_EQ(c.settings.default_mailboxes[0].special_use, store::use_sent);
  EXPECT_EQ(c.log.format, log::Format::json);
}

TEST(Config, SyntaxErrorHasLineAndColumn) {
  const Lines found = problems("memory_mb = 100\nengine = \n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].substr(0, 6), "f:2:10") << found[0];
}

TEST(Config, UnknownKeysAreErrorsWithASuggestion) {
  EXPECT_EQ(problems("memory_mb = 100\nmemory = 1\n"),
            (Lines{"f:2:1: memory: unknown key; did you mean memory_mb?"}));
  EXPECT_EQ(problems("[limits]\n  message_byte = 1\n"),
            (Lines{"f:2:3: limits.message_byte: unknown key; did you mean limits.message_bytes?"}));
  // The right word in the wrong place.
  EXPECT_EQ(problems("recoverable_days = 3\n"),
            (Lines{"f:1:1: recoverable_days: unknown key; did you mean store.recoverable_days?"}));
  EXPECT_EQ(problems("[limit]\nconnections = 3\n"),
            (Lines{"f:1:2: limit: unknown key; did you mean limits?"}));
  EXPECT_EQ(problems("xyzzyplugh = 3\n"), (Lines{"f:1:1: xyzzyplugh: unknown key"}));
}

TEST(Config, BadValuesAreErrorsAtTheValue) {
  EXPECT_EQ(problems("memory_mb = \"big\"\n"), (Lines{"f:1:13: memory_mb: expected an integer"}));
  EXPECT_EQ(problems("memory_mb = 1\n"),
            (Lines{"f:1:13: memory_mb: 1 is not between 64 and 1048576"}));
  EXPECT_EQ(problems("engine = \"lmdb\"\n"),
            (Lines{"f:1:10: engine: expected one of \"rocksdb\", \"rados\", \"memory\""}));
  EXPECT_EQ(problems("data_dir = \"mail\"\n"),
            (Lines{"f:1:12: data_dir: expected an absolute path"}));
  EXPECT_EQ(problems("[[listener]]\nprotocol = \"imap\"\naddress = \"localhost\"\n"),
            (Lines{"f:3:11: listener.address: \"localhost\" is neither an IP address nor an "
                   "absolute path"}));
  EXPECT_EQ(problems("[log]\nlevel = 2020-01-01\n"),
            (Lines{"f:2:9: log.level: expected one of \"debug\", \"info\", \"warn\", \"error\""}));
}

TEST(Config, AllProblemsAtOnceInOrder) {
  const Lines found = problems("zzzzzzzzz = 1\nmemory_mb = true\n[log]\nlevel = 1\n");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].substr(0, 5), "f:1:1");
  EXPECT_EQ(found[1].substr(0, 6), "f:2:13");
  EXPECT_EQ(found[2].substr(0, 5), "f:4:9");
}

TEST(Config, WhatMustBeGiven) {
  EXPECT_EQ(problems("[[listener]]\nport = 3\n"),
            (Lines{"f:1:1: listener.protocol: must be given"}));
  EXPECT_EQ(problems("[[listener]]\nprotocol = \"imaps\"\n"),
            (Lines{"f:1:1: listener: imaps needs a [[tls.certificate]]"}));
  EXPECT_EQ(problems("[listener]\nprotocol = \"imap\"\n"),
            (Lines{"f:1:2: listener: expected sections [[listener]]"}));
}

TEST(Config, KeysAreAllDocumented) {
  const std::string keys = print_config_keys();
  for (const char* key : {"data_dir", "[[listener]]", "proxy_networks", "[[tls.certificate]]",
                          "message_bytes", "[[accounts.mailbox]]", "recoverable_days"}) {
    EXPECT_NE(keys.find(key), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace eilpost
