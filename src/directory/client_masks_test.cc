#include "directory/client_masks.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "engine/memory.h"

namespace eilpost::directory {
namespace {

constexpr AccountId anna = AccountId(100);

ClientMask mask(std::string client, std::string capability, int64_t micros = 1) {
  return {std::move(client), std::move(capability), "it did", Timestamp{micros}};
}

class ClientMasks : public ::testing::Test {
 protected:
  engine::MemoryEngine engine_;
  Random random_{7};
  AccountRows rows_{engine_, random_};
};

TEST_F(ClientMasks, LearnedOnce) {
  EXPECT_TRUE(read_client_masks(rows_, anna)->empty());
  EXPECT_TRUE(*learn_client_mask(rows_, anna, mask("Mailer 1.0", "UIDONLY")));
  EXPECT_FALSE(*learn_client_mask(rows_, anna, mask("Mailer 1.0", "uidonly", 2)));
  EXPECT_TRUE(*learn_client_mask(rows_, anna, mask("", "UIDONLY")));
  const auto known = *read_client_masks(rows_, anna);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[1], mask("Mailer 1.0", "UIDONLY"));
  EXPECT_TRUE(read_client_masks(rows_, AccountId(101))->empty());
}

TEST_F(ClientMasks, LongNamesStayApart) {
  const std::string name(250, 'x');
  EXPECT_TRUE(*learn_client_mask(rows_, anna, mask(name + "1", "NOTIFY")));
  EXPECT_TRUE(*learn_client_mask(rows_, anna, mask(name + "2", "NOTIFY")));
  EXPECT_EQ(read_client_masks(rows_, anna)->size(), 2U);
}

TEST_F(ClientMasks, Forgotten) {
  for (const char* capability : {"UIDONLY", "NOTIFY"}) {
    for (const char* client : {"a", "b"}) {
      EXPECT_TRUE(*learn_client_mask(rows_, anna, mask(client, capability)));
    }
  }
  EXPECT_EQ(*forget_client_masks(rows_, anna, "notify"), 2U);
  EXPECT_EQ(*forget_client_masks(rows_, anna, "NOTIFY"), 0U);
  EXPECT_EQ(*forget_client_masks(rows_, anna, ""), 2U);
  EXPECT_TRUE(read_client_masks(rows_, anna)->empty());
}

TEST_F(ClientMasks, TheOldestGoes) {
  for (size_t i = 0; i <= limits::client_masks_max; ++i) {
    const auto micros = static_cast<int64_t>(i + 1);
    EXPECT_TRUE(*learn_client_mask(rows_, anna, mask(std::to_string(i), "UIDONLY", micros)));
  }
  const auto known = *read_client_masks(rows_, anna);
  EXPECT_EQ(known.size(), limits::client_masks_max);
  for (const ClientMask& one : known) EXPECT_NE(one.client, "0");
}

}  // namespace
}  // namespace eilpost::directory
