#include "protocol/imap/sequence_set.h"

#include <gtest/gtest.h>

namespace eilpost::imap {
namespace {

std::string resolved(std::string_view text, uint32_t max) {
  return parse_sequence_set(text)->resolve(max).to_string();
}

std::string error(std::string_view text) {
  Result<SequenceSet> set = parse_sequence_set(text);
  return set ? "parsed" : set.error().detail;
}

TEST(SequenceSet, RoundTrip) {
  for (std::string_view text : {"1", "*", "1:*", "*:4", "2,4:7,9,12:*", "5:3", "$", "4294967295"}) {
    Result<SequenceSet> set = parse_sequence_set(text);
    ASSERT_TRUE(set) << text;
    EXPECT_EQ(text, print_sequence_set(*set));
  }
}

TEST(SequenceSet, Resolve) {
  EXPECT_EQ("2,4:7,9,12:15", resolved("2,4:7,9,12:*", 15));  // RFC 9051 9
  EXPECT_EQ("4:7", resolved("*:4,5:7", 5));
  EXPECT_EQ("7:20", resolved("20:*", 7));  // "*" may be below
  EXPECT_EQ("1:9", resolved("7:9,4:6,1:3", 0));
  EXPECT_EQ("", resolved("1:*,*", 0));
  EXPECT_EQ("", resolved("$", 9));
}

TEST(SequenceSet, Errors) {
  EXPECT_EQ("expected a number above 0 or \"*\" at column 1", error(""));
  EXPECT_EQ("expected a number above 0 or \"*\" at column 3", error("1:"));
  EXPECT_EQ("expected a number above 0 or \"*\" at column 3", error("1,0"));
  EXPECT_EQ("expected a number below 4294967296 at column 1", error("4294967296"));
  EXPECT_EQ("expected \",\", \":\" or the end of the set at column 2", error("1;2"));
  EXPECT_EQ("expected \",\", \":\" or the end of the set at column 4", error("1:2:3"));
}

TEST(SequenceSet, TooManyRanges) {
  std::string text = "1";
  for (size_t i = 0; i < 70000; ++i) text += ",1";
  Result<SequenceSet> set = parse_sequence_set(text);
  ASSERT_FALSE(set);
  EXPECT_EQ(Code::too_big, set.error().code);
}

TEST(SequenceSet, Facts) {
  EXPECT_TRUE(parse_sequence_set("1:*")->has_star());
  EXPECT_FALSE(parse_sequence_set("1:7")->has_star());
  EXPECT_EQ(9U, parse_sequence_set("9:2,*")->largest_number());
  IntervalSet set;
  set.add(3, 5);
  set.add(9);
  EXPECT_EQ("3:5,9", print_sequence_set(SequenceSet::of(set)));
}

}  // namespace
}  // namespace eilpost::imap
