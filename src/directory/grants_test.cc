#include "directory/grants.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

constexpr AccountId sales{100};
constexpr AccountId bob{101};
constexpr AccountId eve{102};

struct GrantWorld {
  engine::MemoryEngine engine;
  Random random{3};
  AccountRows rows{engine, random};
  Grants grants{rows};
};

TEST(Grants, GivenReplacedTakenAway) {
  GrantWorld w;
  const Timestamp now{1'000'000};
  EXPECT_TRUE(w.grants.list(sales).value().empty());
  ASSERT_TRUE(w.grants.add(sales, {.to = bob, .given = now, .by = "admin"}));
  ASSERT_TRUE(w.grants.add(sales, {.to = eve, .rights = GrantRights::read_only}));
  EXPECT_EQ(w.grants.list(sales).value().size(), 2U);
  EXPECT_TRUE(w.grants.find({sales, bob, now}).value());
  EXPECT_FALSE(w.grants.find({bob, sales, now}).value());
  ASSERT_TRUE(w.grants.add(sales, {.to = bob, .expires = Timestamp{5'000'000}}));
  EXPECT_EQ(w.grants.list(sales).value().size(), 2U);
  EXPECT_TRUE(w.grants.find({sales, bob, Timestamp{4'999'999}}).value());
  EXPECT_FALSE(w.grants.find({sales, bob, Timestamp{5'000'000}}).value());
  ASSERT_TRUE(w.grants.remove(sales, bob));
  EXPECT_EQ(code_of(w.grants.remove(sales, bob)), Code::not_found);
  EXPECT_FALSE(w.grants.find({sales, bob, now}).value());
  EXPECT_EQ(code_of(w.grants.add(sales, {.to = sales})), Code::invalid);
}

TEST(Grants, RoundTripsAndDamage) {
  const Grant grant{.to = bob,
                    .rights = GrantRights::read_only,
                    .expires = Timestamp{-1},
                    .given = Timestamp{7},
                    .by = "somebody"};
  const auto payload = print_grant(grant);
  EXPECT_EQ(parse_grant(payload).value(), grant);
  EXPECT_EQ(parse_grant(print_grant({.to = eve})).value(), Grant{.to = eve});
  for (size_t i = 0; i < payload.size(); ++i) {
    EXPECT_EQ(code_of(parse_grant(payload.substr(0, i))), Code::corrupt) << i;
  }
  EXPECT_EQ(code_of(parse_grant(payload + "x")), Code::corrupt);
}

TEST(Grants, ThereIsALimit) {
  GrantWorld w;
  ASSERT_TRUE(w.rows.edit(sales, RowKind::grant, [](RowMap& rows) -> Result<> {
    for (size_t i = 0; i < limits::grants_per_account_max; ++i) rows[std::to_string(i)];
    return {};
  }));
  EXPECT_EQ(code_of(w.grants.add(sales, {.to = bob})), Code::limit);
}

}  // namespace
}  // namespace eilpost::directory
