// What /health says while the storage does not answer, and what a login is told then.
#include <gtest/gtest.h>

#include "engine/faulty.h"
#include "engine/memory.h"
#include "main/testing.h"
#include "server/http/health.h"

namespace eilpost {
namespace {

net::HttpResponse get(const net::HttpHandler& handler, const std::string& path) {
  return handler(net::HttpRequest{path, ""});
}

TEST(Readiness, FollowsTheStorage) {
  const testing::TempDir dir;
  const auto node = testing::open_node(dir.path(), EngineKind::memory);
  engine::FaultyEngine storage(std::make_unique<engine::MemoryEngine>(), {});
  server::ServerWorld& w = node->world();
  server::ServerWorld world{storage,   w.store,    w.directory, w.authenticator,
                            w.names,   w.io,       w.disk,      w.directory_pool,
                            w.hashing, w.batch,    w.clock,     w.random,
                            w.metrics, w.sessions, w.settings,  w.account_rows};
  server::Readiness readiness;
  const auto handler = server::http_handler(world, readiness);
  EXPECT_EQ(get(handler, "/health").status, 503);
  EXPECT_EQ(get(handler, "/live").status, 200);
  readiness.set(true);
  EXPECT_EQ(get(handler, "/health").status, 200);
  storage.set_reachable(false);
  EXPECT_EQ(get(handler, "/health").status, 503);
  EXPECT_EQ(get(handler, "/live").status, 200);
  EXPECT_NE(get(handler, "/metrics").body.find("eilpost_engine_reachable 0"), std::string::npos);
  storage.set_reachable(true);
  EXPECT_EQ(get(handler, "/health").body, "ready\n");
  EXPECT_NE(get(handler, "/metrics").body.find("eilpost_engine_reachable 1"), std::string::npos);
}

TEST(Readiness, AStorageThatDoesNotAnswerIsNoWrongPassword) {
  ManualClock clock{Timestamp{1'700'000'000'000'000}};
  Random random{1};
  engine::FaultyEngine storage(std::make_unique<engine::MemoryEngine>(), {});
  directory::BuiltinOptions options;
  options.passwords.cost = {.memory_kib = 64, .iterations = 1, .parallelism = 1};
  options.scram_iterations = 4096;
  auto accounts = directory::BuiltinDirectory::open(storage, clock, random, options);
  ASSERT_TRUE(accounts);
  directory::NewAccount anna;
  anna.name = "anna@example.org";
  anna.password = "geheim";
  ASSERT_TRUE((*accounts)->add(anna));
  directory::FailureDelays delays({}, clock, random);
  directory::Authenticator authenticator(**accounts, delays, {});
  directory::Attempt attempt;
  attempt.source = "192.0.2.1";
  const auto login = [&] {
    return authenticator.login(attempt, {"anna@example.org", "", "geheim"});
  };
  ASSERT_TRUE(login());
  storage.set_reachable(false);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(login().error().code, Code::unavailable);
  EXPECT_EQ((*accounts)->scram_verifier("anna@example.org").error().code, Code::unavailable);
  EXPECT_EQ((*accounts)->resolve("anna@example.org").error().code, Code::unavailable);
  storage.set_reachable(true);
  // Nor was it counted as a guess.
  EXPECT_EQ(delays.size(), 0U);
  EXPECT_TRUE(login());
}

}  // namespace
}  // namespace eilpost
