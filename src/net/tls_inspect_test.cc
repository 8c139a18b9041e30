#include "net/tls_inspect.h"

#include <gtest/gtest.h>

#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::local_pair;
using test::make_certificate;
using test::Pair;
using test::server_context;
using test::soon;
using test::start_on;

Task<Result<TlsInspection>> inspect(Stream& stream, TlsInspectOptions options) {
  auto done = co_await inspect_tls(stream, std::move(options));
  co_return done;
}

class TlsInspect : public ::testing::Test {
 protected:
  Result<TlsInspection> look(std::shared_ptr<TlsContext> server, TlsInspectOptions options) {
    options.deadline = soon();
    Pair pair = local_pair(io_.executor(0), io_.executor(1));
    auto serving = start_on(pair.a.executor(), test::secure(pair.a, std::move(server)));
    auto looking = start_on(pair.b.executor(), inspect(pair.b, std::move(options)));
    auto out = looking.get();
    serving.wait();
    return out;
  }

  IoPool io_{2};
  test::TemporaryDirectory directory_;
};

TEST_F(TlsInspect, TellsOfATrustedCertificate) {
  const auto files = make_certificate(directory_, "mail", {"mail.example.org"});
  TlsInspectOptions options;
  options.server_name = "mail.example.org";
  options.ca_file = files.chain_file;
  const auto seen = look(server_context(files), options);
  ASSERT_TRUE(seen) << seen.error().detail;
  EXPECT_EQ(seen->version, "TLSv1.3");
  EXPECT_TRUE(seen->forward_secrecy);
  EXPECT_EQ(seen->distrust, "");
  EXPECT_TRUE(seen->name_matches);
  ASSERT_EQ(seen->chain.size(), 1U);
  const InspectedCertificate& own = seen->chain.front();
  EXPECT_EQ(own.subject, "CN=mail");
  EXPECT_TRUE(own.self_signed);
  EXPECT_EQ(own.key, "EC 256 bits");
  EXPECT_EQ(own.security_bits, 128);
  EXPECT_FALSE(own.weak_signature);
  EXPECT_EQ(own.names.front(), "mail.example.org");
  EXPECT_GT(own.not_after, own.not_before);
  EXPECT_EQ(own.sha256.size(), 64U);
}

TEST_F(TlsInspect, GoesOnWhereAClientWouldStopAndSaysWhy) {
  const auto files = make_certificate(directory_, "mail", {"mail.example.org"});
  TlsInspectOptions options;
  options.server_name = "other.example.org";
  const auto seen = look(server_context(files), options);
  ASSERT_TRUE(seen) << seen.error().detail;
  EXPECT_NE(seen->distrust, "");
  EXPECT_FALSE(seen->name_matches);
}

TEST_F(TlsInspect, MatchesAddresses) {
  const auto files = make_certificate(directory_, "mail", {"mail.example.org"});
  TlsInspectOptions options;
  options.server_name = "127.0.0.1";
  const auto seen = look(server_context(files), options);
  ASSERT_TRUE(seen) << seen.error().detail;
  EXPECT_TRUE(seen->name_matches);
}

TEST_F(TlsInspect, AsksForOneVersion) {
  const auto files = make_certificate(directory_, "mail", {"mail.example.org"});
  TlsInspectOptions options;
  options.server_name = "mail.example.org";
  options.version = TlsProtocol::tls12;
  const auto older = look(server_context(files), options);
  ASSERT_TRUE(older) << older.error().detail;
  EXPECT_EQ(older->version, "TLSv1.2");
  options.version = TlsProtocol::tls11;
  EXPECT_FALSE(look(server_context(files), options));
  options.version = TlsProtocol::tls12;
  EXPECT_FALSE(look(server_context(files, TlsVersion::tls13), options));
}

}  // namespace
}  // namespace eilpost::net
