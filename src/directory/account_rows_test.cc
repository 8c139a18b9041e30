#include "directory/account_rows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/bytes.h"
#include "base/limits.h"
#include "directory/testing.h"
#include "engine/faulty.h"

namespace eilpost::directory {
namespace {

constexpr AccountId bob{100};
constexpr AccountId eve{101};

struct Rows {
  engine::MemoryEngine engine;
  Random random{7};
  AccountRows rows{engine, random};

  Result<> put(AccountId id, RowKind kind, std::string key, std::string payload) {
    return rows.edit(id, kind, [&](RowMap& map) -> Result<> {
      map[key] = {.format = 3, .payload = payload};
      return {};
    });
  }
};

TEST(AccountRows, NothingIsWrittenBeforeTheFirstRow) {
  Rows t;
  EXPECT_TRUE(t.rows.read(bob, RowKind::grant).value().empty());
  ASSERT_TRUE(t.rows.edit(bob, RowKind::grant, [](RowMap&) -> Result<> { return {}; }));
  EXPECT_EQ(engine::head_wait(t.engine, account_rows_partition(bob)).value(), 0U);
  EXPECT_TRUE(t.engine.partitions({}).value().empty());
}

TEST(AccountRows, KindsAndAccountsAreApart) {
  Rows t;
  ASSERT_TRUE(t.put(bob, RowKind::grant, "x", "one"));
  ASSERT_TRUE(t.put(bob, RowKind::device, "x", "two"));
  ASSERT_TRUE(t.put(eve, RowKind::grant, "y", ""));
  EXPECT_EQ(t.rows.read(bob, RowKind::grant).value(), (RowMap{{"x", {3, "one"}}}));
  EXPECT_EQ(t.rows.read(bob, RowKind::device).value(), (RowMap{{"x", {3, "two"}}}));
  EXPECT_EQ(t.rows.read(eve, RowKind::grant).value(), (RowMap{{"y", {3, ""}}}));
  ASSERT_TRUE(t.rows.edit(bob, RowKind::grant, [](RowMap& map) -> Result<> {
    map.clear();
    return {};
  }));
  EXPECT_TRUE(t.rows.read(bob, RowKind::grant).value().empty());
  EXPECT_EQ(t.rows.read(bob, RowKind::device).value().size(), 1U);
  ASSERT_TRUE(t.rows.remove(bob));
  EXPECT_TRUE(t.rows.read(bob, RowKind::device).value().empty());
  EXPECT_EQ(t.rows.read(eve, RowKind::grant).value().size(), 1U);
}

TEST(AccountRows, LimitsAreRefusedBeforeAnythingIsWritten) {
  Rows t;
  EXPECT_EQ(code_of(t.put(bob, RowKind::grant, "", "x")), Code::invalid);
  EXPECT_EQ(code_of(t.put(bob, RowKind::grant, std::string(201, 'x'), "x")), Code::invalid);
  const std::string longest(limits::account_row_bytes_max, 'x');
  EXPECT_EQ(code_of(t.put(bob, RowKind::grant, "x", longest + "x")), Code::too_big);
  EXPECT_TRUE(t.put(bob, RowKind::grant, "x", longest));
  const auto many = [](RowMap& map) -> Result<> {
    for (size_t i = 0; i <= limits::account_rows_max; ++i) map[std::to_string(i)];
    return {};
  };
  EXPECT_EQ(code_of(t.rows.edit(bob, RowKind::grant, many)), Code::limit);
  const auto refuse = [](RowMap&) -> Result<> { return fail(Code::already_exists, ""); };
  EXPECT_EQ(code_of(t.rows.edit(bob, RowKind::grant, refuse)), Code::already_exists);
  EXPECT_EQ(t.rows.read(bob, RowKind::grant).value().size(), 1U);
}

// More than one read takes, so that pages are put together.
TEST(AccountRows, ManyLargeRowsAreOneMap) {
  Rows t;
  const std::string payload(60'000, 'x');
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(t.put(bob, RowKind::device, std::to_string(i), payload));
  }
  EXPECT_EQ(t.rows.read(bob, RowKind::device).value().size(), 40U);
  engine::MemoryEngine target;
  ASSERT_TRUE(copy_account_rows(t.engine, target, bob));
  AccountRows copied(target, t.random);
  EXPECT_EQ(copied.read(bob, RowKind::device).value(), t.rows.read(bob, RowKind::device).value());
  const auto version = engine::head_wait(target, account_rows_partition(bob)).value();
  ASSERT_TRUE(copy_account_rows(t.engine, target, bob));
  EXPECT_EQ(engine::head_wait(target, account_rows_partition(bob)).value(), version);
  ASSERT_TRUE(t.rows.edit(bob, RowKind::device, [](RowMap& map) -> Result<> {
    map.erase("7");
    return {};
  }));
  ASSERT_TRUE(copy_account_rows(t.engine, target, bob));
  EXPECT_EQ(copied.read(bob, RowKind::device).value().size(), 39U);
}

TEST(AccountRows, CheckFindsDamage) {
  Rows t;
  EXPECT_TRUE(check_account_rows(t.engine, bob).value().empty());
  ASSERT_TRUE(t.put(bob, RowKind::grant, "x", "one"));
  EXPECT_TRUE(check_account_rows(t.engine, bob).value().empty());
  engine::Batch batch;
  batch.puts.emplace_back("\x02gx", "damage");
  batch.puts.emplace_back("\x01gx", "");
  const auto result = engine::commit_wait(t.engine, account_rows_partition(bob), 1, batch);
  ASSERT_EQ(result.outcome, engine::Outcome::done);
  EXPECT_EQ(check_account_rows(t.engine, bob).value().size(), 2U);
  EXPECT_EQ(code_of(t.rows.read(bob, RowKind::grant)), Code::corrupt);
}

// Conflicts, lost answers and failing reads: every edit that answered well happened once, none
// twice.
TEST(AccountRows, EveryEditHappensOnceUnderFaults) {
  auto options = engine::FaultyOptions::unkind(11);
  options.steps_by_itself = true;
  engine::FaultyEngine engine(std::make_unique<engine::MemoryEngine>(), options);
  Random random(5);
  AccountRows rows(engine, random);
  std::atomic<uint64_t> certain{0};
  std::atomic<uint64_t> possible{0};
  const auto work = [&] {
    for (int i = 0; i < 40; ++i) {
      const auto done = rows.edit(bob, RowKind::device, [](RowMap& map) -> Result<> {
        std::string& counter = map["count"].payload;
        uint64_t value = counter.empty() ? 0 : load_u64be(counter);
        counter.clear();
        put_u64be(counter, value + 1);
        return {};
      });
      if (done) ++certain;
      if (done || done.error().code == Code::unknown) ++possible;
    }
  };
  std::thread other(work);
  work();
  other.join();
  engine.set_options({});
  engine.step();
  const auto read = rows.read(bob, RowKind::device);
  ASSERT_TRUE(read);
  const uint64_t counted = read->empty() ? 0 : load_u64be(read->at("count").payload);
  EXPECT_GT(certain.load(), 0U);
  EXPECT_GE(counted, certain.load());
  EXPECT_LE(counted, possible.load());
}

}  // namespace
}  // namespace eilpost::directory
