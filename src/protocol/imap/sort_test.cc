#include "protocol/imap/sort.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

TEST(Sort, RoundTrips) {
  for (const char* text : {
           "a SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994",
           "a SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
           "a UID SORT (ARRIVAL CC FROM SIZE TO) US-ASCII TEXT \"not in mailbox\"",
           "a SORT (REVERSE DISPLAYFROM DISPLAYTO) UTF-8 OR SEEN DRAFT",
           "a SORT RETURN (MIN MAX ALL COUNT SAVE) (DATE) UTF-8 1:* $",
           "a SORT (DATE) UTF-8 SUBJECT {2+}\r\n\xc3\xa4",
       }) {
    EXPECT_EQ(text, reprinted(text));
  }
}

TEST(Sort, OneFormForEachMeaning) {
  EXPECT_EQ("a SORT RETURN (ALL) (DATE) utf-8 ALL",
            reprinted("a sort return () (date) \"utf-8\" all"));
  EXPECT_EQ("a SORT (REVERSE DATE SIZE) UTF-8 ALL",
            reprinted("a SORT (REVERSE DATE  SIZE DATE) UTF-8 (ALL)"));
  // RFC 5267 4, RFC 6203 4.
  EXPECT_EQ(
      "a UID SORT RETURN (COUNT UPDATE PARTIAL 1:5) (REVERSE RELEVANCY) UTF-8 ALL",
      reprinted("a uid sort return (partial 1:5 update count) (reverse relevancy) UTF-8 all"));
}

TEST(Sort, Refused) {
  for (const char* text :
       {"a SORT", "a SORT (DATE)", "a SORT (DATE) UTF-8", "a SORT () UTF-8 ALL",
        "a SORT (REVERSE) UTF-8 ALL", "a SORT (DATE REVERSE REVERSE SIZE) UTF-8 ALL",
        "a SORT (DATE)UTF-8 ALL", "a SORT (DATES) UTF-8 ALL", "a SORT RETURN (X) (DATE) UTF-8 ALL",
        "a SORT (DATE) \"\" ALL"}) {
    const auto command = test::command_of(std::string(text) + "\r\n");
    ASSERT_FALSE(command) << text;
    EXPECT_EQ(Code::invalid, command.error().code);
  }
}

TEST(SequenceSetInOrder, KeepsTheOrder) {
  EXPECT_EQ("3:5,2,1,7:8", print_sequence_set(SequenceSet::in_order({3, 4, 5, 2, 1, 7, 8})));
  EXPECT_EQ("4294967295", print_sequence_set(SequenceSet::in_order({4294967295U})));
  EXPECT_TRUE(SequenceSet::in_order({}).ranges.empty());
}

}  // namespace
}  // namespace eilpost::imap
