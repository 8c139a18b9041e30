#include "directory/records.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "directory/testing.h"

namespace eilpost::directory {
namespace {

AccountRecord full_record() {
  AccountRecord out;
  out.account = {.id = AccountId(100),
                 .login_name = "bob@example.org",
                 .primary_address = "bob@example.org",
                 .aliases = {"a@x", "b@x"},
                 .display_name = "Bob",
                 .quota = {.bytes = 1ULL << 40, .messages = 5, .mailboxes = 70},
                 .disabled = true,
                 .admin = true,
                 .hidden_capabilities = {"QRESYNC", "XLIST"},
                 .extra_capabilities = {"UIDONLY"},
                 .created = Timestamp{-5}};
  out.password_hash = "$argon2id$...";
  out.verifier = sasl::ScramVerifier{
      .salt = "salt", .iterations = 4096, .stored_key = "stored", .server_key = "server"};
  out.removed = Timestamp{77};
  out.purged = true;
  return out;
}

TEST(Records, RoundTrips) {
  EXPECT_EQ(parse_account(print_account(full_record())).value(), full_record());
  EXPECT_EQ(parse_account(print_account({})).value(), AccountRecord{});
  const HeadRecord head{.next_id = 7, .secret = "s", .commit_ids = {"one", "two"}};
  EXPECT_EQ(parse_head(print_head(head)).value(), head);
  EXPECT_EQ(parse_name(print_name(AccountId(5))).value(), AccountId(5));
  EXPECT_EQ(parse_account_key(account_key(AccountId(1ULL << 40))).value(), AccountId(1ULL << 40));
  EXPECT_FALSE(parse_account_key(head_key()).has_value());
}

TEST(Records, KeysSortByIdAndFit) {
  EXPECT_LT(account_key(AccountId(255)), account_key(AccountId(256)));
  EXPECT_LE(name_key(std::string(name_octets_max, 'x')).size(), 250U);
}

TEST(Records, EveryDamageIsCorrupt) {
  const auto value = print_account(full_record());
  for (size_t i = 0; i < value.size(); ++i) {
    auto changed = value;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    EXPECT_EQ(code_of(parse_account(changed)), Code::corrupt) << i;
    EXPECT_EQ(code_of(parse_account(value.substr(0, i))), Code::corrupt) << i;
  }
  // With a right checksum, too.
  const auto payload = std::string(unseal_value(value).value().payload);
  for (size_t i = 0; i < payload.size(); ++i) {
    EXPECT_EQ(code_of(parse_account(seal_value(1, payload.substr(0, i)))), Code::corrupt) << i;
  }
  EXPECT_EQ(code_of(parse_account(seal_value(1, payload + "x"))), Code::corrupt);
  EXPECT_EQ(code_of(parse_account(seal_value(3, payload))), Code::corrupt);
}

AccountRecord outside_record() {
  auto out = full_record();
  out.account.directory = "ad";
  out.account.outside_key = "0123-4567";
  return out;
}

TEST(Records, FormatTwoIsWrittenOnlyWhereItIsNeeded) {
  EXPECT_EQ(unseal_value(print_account(full_record())).value().format, 1);
  const auto value = print_account(outside_record());
  EXPECT_EQ(unseal_value(value).value().format, 2);
  EXPECT_EQ(parse_account(value).value(), outside_record());
  AccountRecord small;
  small.account.directory = "pam";
  EXPECT_EQ(parse_account(print_account(small)).value(), small);
}

TEST(Records, FieldsOfLaterReleasesAreKept) {
  auto record = full_record();
  record.other_fields = {{1000, "later"}, {1000, ""}, {7777, std::string("\0x", 2)}};
  EXPECT_EQ(parse_account(print_account(record)).value(), record);
}

TEST(Records, EveryDamageOfFormatTwoIsCorrupt) {
  const auto payload = std::string(unseal_value(print_account(outside_record())).value().payload);
  for (size_t i = 0; i < payload.size(); ++i) {
    EXPECT_EQ(code_of(parse_account(seal_value(2, payload.substr(0, i)))), Code::corrupt) << i;
  }
  EXPECT_EQ(code_of(parse_account(seal_value(2, payload + "x"))), Code::corrupt);
}

TEST(Records, OutsideKeysFitAndDiffer) {
  const std::string longest(1000, 'k');
  EXPECT_LE(outside_row_key("ad", longest).size(), 250U);
  EXPECT_NE(outside_row_key("ad", longest), outside_row_key("ad", longest + "k"));
  EXPECT_NE(outside_row_key("a", "bc"), outside_row_key("ab", "c"));
}

}  // namespace
}  // namespace eilpost::directory
