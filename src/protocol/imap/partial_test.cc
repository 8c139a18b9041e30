#include "protocol/imap/partial.h"

#include <gtest/gtest.h>

#include "protocol/imap/fetch.h"
#include "protocol/imap/response.h"
#include "protocol/imap/search.h"
#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

std::string reprinted(std::string_view line) {
  Result<Command> command = test::command_of(std::string(line) + "\r\n");
  if (!command) return command.error().detail;
  std::string printed = print_command(*command, WriteOptions{}).joined();
  printed.resize(printed.size() - 2);
  return printed;
}

std::string page(const IntervalSet& set, PartialRange range) {
  return page_of(set, range).to_string();
}

TEST(Partial, PagesFromEitherEnd) {
  IntervalSet set;
  set.add(10, 19);
  set.add(30, 39);
  EXPECT_EQ("10:14", page(set, {1, 5}));
  EXPECT_EQ("18:19,30", page(set, {9, 11}));
  EXPECT_EQ("18:19,30", page(set, {11, 9}));
  EXPECT_EQ("39", page(set, {20, 25}));
  EXPECT_EQ("", page(set, {21, 25}));
  EXPECT_EQ("39", page(set, {1, 1, true}));
  EXPECT_EQ("19,30:39", page(set, {1, 11, true}));
  EXPECT_EQ("10", page(set, {4294967295, 20, true}));
  EXPECT_EQ("", page(set, {21, 22, true}));
  EXPECT_EQ("", page({}, {1, 1}));
  EXPECT_EQ("10:19,30:39", page(set, {1, 4294967295}));
}

TEST(Partial, IsWrittenAsItWasRead) {
  for (const char* line : {"a UID SEARCH RETURN (PARTIAL 1:500) ALL",
                           "a UID SEARCH RETURN (MIN COUNT PARTIAL -1:-100) ALL",
                           "a UID SEARCH RETURN (SAVE PARTIAL 500:400) ALL",
                           "a UID FETCH 1:* (FLAGS) (PARTIAL -500:-400)",
                           "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5 VANISHED PARTIAL 1:7)"}) {
    EXPECT_EQ(line, reprinted(line));
  }
  EXPECT_EQ("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 5 PARTIAL 1:7)",
            reprinted("a UID FETCH 1:* (FLAGS) (PARTIAL 1:7 CHANGEDSINCE 5)"));
}

TEST(Partial, Errors) {
  EXPECT_EQ("expected one PARTIAL or ALL at column 22",
            reprinted("a SEARCH RETURN (ALL PARTIAL 1:2) ALL"));
  EXPECT_EQ("expected one PARTIAL or ALL at column 30",
            reprinted("a SEARCH RETURN (PARTIAL 1:2 ALL) ALL"));
  EXPECT_EQ("expected one PARTIAL or ALL at column 30",
            reprinted("a SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL"));
  EXPECT_EQ("expected a place above 0 at column 26",
            reprinted("a SEARCH RETURN (PARTIAL 0:2) ALL"));
  EXPECT_EQ("expected \"-\" at column 29", reprinted("a SEARCH RETURN (PARTIAL -1:2) ALL"));
  EXPECT_EQ("expected a place above 0 at column 28",
            reprinted("a SEARCH RETURN (PARTIAL 1:-2) ALL"));
  EXPECT_EQ("expected a place above 0 at column 28",
            reprinted("a SEARCH RETURN (PARTIAL 1:*) ALL"));
  EXPECT_EQ("expected \":\" at column 27", reprinted("a SEARCH RETURN (PARTIAL 1) ALL"));
  EXPECT_EQ("expected a space at column 25", reprinted("a SEARCH RETURN (PARTIAL) ALL"));
  EXPECT_EQ("expected CHANGEDSINCE, VANISHED or one PARTIAL at column 38",
            reprinted("a UID FETCH 1:* (FLAGS) (PARTIAL 1:2 PARTIAL 3:4)"));
  EXPECT_EQ("expected PARTIAL only in UID FETCH at column 34",
            reprinted("a FETCH 1:* (FLAGS) (PARTIAL 1:2)"));
}

TEST(Partial, Responses) {
  for (const char* line : {"* ESEARCH (TAG \"A01\") UID PARTIAL (-1:-100 1,3:9)",
                           "* ESEARCH (TAG \"A04\") UID COUNT 3 PARTIAL (24000:24500 NIL)"}) {
    const auto response = test::response_of(std::string(line) + "\r\n");
    ASSERT_TRUE(response && std::holds_alternative<ESearchData>(*response)) << line;
    std::string printed;
    append_response(printed, *response, WriteStyle{});
    EXPECT_EQ(std::string(line) + "\r\n", printed);
  }
}

}  // namespace
}  // namespace eilpost::imap
