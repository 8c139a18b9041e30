#include "net/tls.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::client_context;
using test::handshake;
using test::local_pair;
using test::make_certificate;
using test::Pair;
using test::patience;
using test::read_n;
using test::server_context;
using test::soon;
using test::start_on;

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void spit(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

class Tls : public ::testing::Test {
 protected:
  Pair pair() { return local_pair(io_.executor(0), io_.executor(1)); }
  // A client that trusts `files` and checks names.
  std::shared_ptr<TlsContext> verifying(const TlsCertificate& files) {
    TlsClientSettings settings;
    settings.ca_file = files.chain_file;
    return *TlsContext::client(settings);
  }
  std::optional<std::string> binding(Stream& stream, ChannelBinding kind) {
    return stream.channel_binding(kind);
  }

  IoPool io_{2};
  test::TemporaryDirectory directory_;
};

TEST_F(Tls, InfoAndVersions) {
  auto files = make_certificate(directory_, "localhost", {"localhost"});
  for (bool tls12 : {false, true}) {
    Pair p = pair();
    EXPECT_FALSE(p.a.tls_info().has_value());
    EXPECT_FALSE(p.a.is_private());
    ASSERT_TRUE(handshake(p, server_context(files), client_context(tls12), "localhost"));
    auto info = p.a.tls_info();
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->version, tls12 ? "TLSv1.2" : "TLSv1.3");
    EXPECT_EQ(info->server_name, "localhost");
    EXPECT_EQ(info->cipher, p.b.tls_info()->cipher);
    EXPECT_GE(info->secret_bits, 128);
    EXPECT_TRUE(p.a.is_private());
    EXPECT_FALSE(info->peer.has_value());
    EXPECT_EQ(p.b.tls_info()->peer->dns_names, std::vector<std::string>{"localhost"});
  }
}

TEST_F(Tls, MinimumVersionIsKept) {
  auto files = make_certificate(directory_, "localhost", {"localhost"});
  Pair p = pair();
  auto only13 = server_context(files, TlsVersion::tls13);
  auto a = start_on(p.a.executor(), test::secure(p.a, only13));
  auto b = start_on(p.b.executor(), test::secure(p.b, client_context(true)));
  auto refused = a.get();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_FALSE(b.get().has_value());
}

TEST_F(Tls, ChannelBindingsAreEqualOnBothEnds) {
  auto files = make_certificate(directory_, "localhost", {"localhost"});
  auto server = server_context(files);
  std::string exporters[2];
  for (bool tls12 : {false, true}) {
    Pair p = pair();
    ASSERT_TRUE(handshake(p, server, client_context(tls12)));
    auto exporter = binding(p.a, ChannelBinding::tls_exporter);
    ASSERT_TRUE(exporter.has_value());
    EXPECT_EQ(exporter->size(), 32U);
    EXPECT_EQ(exporter, binding(p.b, ChannelBinding::tls_exporter));
    exporters[tls12] = *exporter;
    auto end_point = binding(p.a, ChannelBinding::tls_server_end_point);
    ASSERT_TRUE(end_point.has_value());
    EXPECT_EQ(end_point, binding(p.b, ChannelBinding::tls_server_end_point));
    // The certificate is signed with ECDSA and SHA-256, so this is its SHA-256.
    EXPECT_EQ(*end_point, p.b.tls_info()->peer->sha256);
    auto unique = binding(p.a, ChannelBinding::tls_unique);
    EXPECT_EQ(unique.has_value(), tls12);
    EXPECT_EQ(unique, binding(p.b, ChannelBinding::tls_unique));
  }
  EXPECT_NE(exporters[0], exporters[1]);
}

TEST_F(Tls, NoBindingInTheClear) {
  Pair p = pair();
  EXPECT_FALSE(binding(p.a, ChannelBinding::tls_exporter).has_value());
}

TEST_F(Tls, ClientVerifiesChainAndName) {
  auto files = make_certificate(directory_, "mail", {"mail.example.org"});
  auto server = server_context(files);
  struct Case {
    const char* name;
    bool good;
  };
  for (const auto& c : {Case{"mail.example.org", true}, Case{"other.example.org", false},
                        Case{"127.0.0.1", true}, Case{"127.0.0.2", false}}) {
    Pair p = pair();
    EXPECT_EQ(handshake(p, server, verifying(files), c.name), c.good) << c.name;
  }
  auto other = make_certificate(directory_, "other", {"mail.example.org"});
  Pair p = pair();
  EXPECT_FALSE(handshake(p, server, verifying(other), "mail.example.org"));
}

TEST_F(Tls, SniChoosesTheCertificate) {
  TlsServerSettings settings;
  settings.certificates = {make_certificate(directory_, "one", {"one.example.org"}),
                           make_certificate(directory_, "two", {"two.example.org"}),
                           make_certificate(directory_, "wild", {"*.example.net"})};
  auto server = TlsContext::server(settings);
  ASSERT_TRUE(server.has_value());
  struct Case {
    const char* asked;
    const char* subject;
  };
  for (const auto& c : {Case{"two.example.org", "CN=two"}, Case{"TWO.example.org", "CN=two"},
                        Case{"a.example.net", "CN=wild"}, Case{"a.b.example.net", "CN=one"},
                        Case{"unknown.example.org", "CN=one"}, Case{"", "CN=one"}}) {
    Pair p = pair();
    ASSERT_TRUE(handshake(p, *server, client_context(), c.asked)) << c.asked;
    EXPECT_EQ(p.b.tls_info()->peer->subject, c.subject) << c.asked;
    EXPECT_EQ(binding(p.a, ChannelBinding::tls_server_end_point),
              binding(p.b, ChannelBinding::tls_server_end_point));
  }
}

TEST_F(Tls, ReloadTakesNewFilesAndKeepsOldOnesWhenTheyAreBad) {
  auto files = make_certificate(directory_, "first", {"localhost"});
  auto server = server_context(files);
  Pair before = pair();
  ASSERT_TRUE(handshake(before, server, client_context()));
  auto replaced = make_certificate(directory_, "second", {"localhost"});
  spit(files.chain_file, slurp(replaced.chain_file));
  // The key does not belong to the certificate: the first certificate stays.
  auto mixed = server->reload();
  ASSERT_FALSE(mixed.has_value());
  EXPECT_EQ(mixed.error().code, Code::invalid);
  Pair between = pair();
  ASSERT_TRUE(handshake(between, server, client_context()));
  EXPECT_EQ(between.b.tls_info()->peer->subject, "CN=first");
  spit(files.key_file, slurp(replaced.key_file));
  ASSERT_TRUE(server->reload().has_value());
  Pair later = pair();
  ASSERT_TRUE(handshake(later, server, client_context()));
  EXPECT_EQ(later.b.tls_info()->peer->subject, "CN=second");
  // The session from before goes on.
  ASSERT_TRUE(block_on(before.a.executor(), before.a.write_all("still here", patience)));
  EXPECT_EQ(block_on(before.b.executor(), read_n(before.b, 10)), "still here");
  EXPECT_EQ(before.b.tls_info()->peer->subject, "CN=first");
}

TEST_F(Tls, BadFilesAreErrors) {
  TlsServerSettings settings;
  EXPECT_FALSE(TlsContext::server(settings).has_value());
  settings.certificates = {{directory_.file("none.crt"), directory_.file("none.key")}};
  auto missing = TlsContext::server(settings);
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().detail.find("none.crt"), std::string::npos);
  settings.certificates = {make_certificate(directory_, "good", {"localhost"})};
  settings.tls12_ciphers = "NO-SUCH-CIPHER";
  EXPECT_FALSE(TlsContext::server(settings).has_value());
}

TEST_F(Tls, SelfSignedFiles) {
  auto files = make_certificate(directory_, "demo", {"localhost"});
  struct stat status {};
  ASSERT_EQ(::stat(files.key_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  auto context = server_context(files);
  int64_t days = (context->expires().seconds() - SystemClock().now().seconds()) / 86400;
  EXPECT_GE(days, 824);
  EXPECT_LE(days, 825);
}

TEST_F(Tls, ClientCertificateIsSeen) {
  auto server_files = make_certificate(directory_, "server", {"localhost"});
  auto client_files = make_certificate(directory_, "user1", {"user1.example.org"});
  auto stranger = make_certificate(directory_, "stranger", {"user1.example.org"});
  TlsServerSettings settings;
  settings.certificates = {server_files};
  settings.client_ca_file = client_files.chain_file;
  auto server = TlsContext::server(settings);
  ASSERT_TRUE(server.has_value());
  for (const auto* files : {&client_files, &stranger}) {
    TlsClientSettings client;
    client.verify = false;
    client.chain_file = files->chain_file;
    client.key_file = files->key_file;
    Pair p = pair();
    ASSERT_TRUE(handshake(p, *server, *TlsContext::client(client)));
    auto info = p.a.tls_info();
    ASSERT_TRUE(info->peer.has_value());
    EXPECT_EQ(info->peer->verified, files == &client_files);
    EXPECT_EQ(info->peer->dns_names, std::vector<std::string>{"user1.example.org"});
    EXPECT_EQ(info->peer->sha256.size(), 32U);
  }
}

// The client of a STARTTLS command, which may send more than it should in the same packet.
Task<std::string> starttls_client(Stream& stream, std::string first,
                                  std::shared_ptr<TlsContext> context) {
  co_await stream.write_all(first, patience);
  auto ok = co_await read_n(stream, 4);
  auto secured = co_await test::secure(stream, std::move(context));
  if (!secured) co_return secured.error().detail;
  co_await stream.write_all("secret", patience);
  auto answer = co_await read_n(stream, 5);
  co_return answer;
}

struct Upgrade {
  std::string plain;  // what the server had read before the handshake
  std::string inside;
};

Task<Upgrade> starttls_server(Stream& stream, std::shared_ptr<TlsContext> context) {
  Upgrade seen;
  while (seen.plain.find("\r\n") == std::string::npos) {
    auto got = co_await stream.read_append(seen.plain, 4096, soon());
    if (!got) co_return seen;
  }
  co_await stream.write_all("OK\r\n", patience);
  auto secured = co_await test::secure(stream, std::move(context));
  if (!secured) co_return seen;
  seen.inside = co_await read_n(stream, 6);
  co_await stream.write_all("fine\n", patience);
  co_return seen;
}

TEST_F(Tls, StartTlsInPlace) {
  auto server = server_context(make_certificate(directory_, "localhost", {"localhost"}));
  Pair p = pair();
  auto a = start_on(p.a.executor(), starttls_server(p.a, server));
  auto b = start_on(p.b.executor(), starttls_client(p.b, "a1 STARTTLS\r\n", client_context()));
  auto seen = a.get();
  EXPECT_EQ(seen.plain, "a1 STARTTLS\r\n");
  EXPECT_EQ(seen.inside, "secret");
  EXPECT_EQ(b.get(), "fine\n");
}

TEST_F(Tls, InjectedPlaintextStaysWithTheCaller) {
  auto server = server_context(make_certificate(directory_, "localhost", {"localhost"}));
  Pair p = pair();
  std::string injected = "a1 STARTTLS\r\na2 LOGIN evil evil\r\n";
  auto a = start_on(p.a.executor(), starttls_server(p.a, server));
  auto b = start_on(p.b.executor(), starttls_client(p.b, injected, client_context()));
  auto seen = a.get();
  // The caller sees it in its own buffer, and nothing of it comes out of the TLS session.
  EXPECT_EQ(seen.plain, injected);
  EXPECT_EQ(seen.inside, "secret");
  b.get();
}

TEST_F(Tls, GarbageInsteadOfAHandshake) {
  auto server = server_context(make_certificate(directory_, "localhost", {"localhost"}));
  Pair p = pair();
  ASSERT_TRUE(block_on(p.b.executor(), p.b.write_all("a1 CAPABILITY\r\n", patience)));
  auto refused = block_on(p.a.executor(), test::secure(p.a, server));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::invalid);
}

TEST_F(Tls, HandshakeDeadline) {
  auto server = server_context(make_certificate(directory_, "localhost", {"localhost"}));
  Pair p = pair();
  TlsStart start;
  start.deadline = after(std::chrono::milliseconds(5));
  auto late = block_on(p.a.executor(), p.a.start_tls(server, start));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Code::timeout);
}

}  // namespace
}  // namespace eilpost::net
