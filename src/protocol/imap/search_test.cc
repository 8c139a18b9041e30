#include "protocol/imap/search.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

TEST(Search, RoundTrips) {
  for (const char* text : {
           "a SEARCH ALL",
           "a UID SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM Smith",
           "a SEARCH RETURN (MIN MAX ALL COUNT SAVE) ANSWERED DELETED DRAFT NEW OLD RECENT SEEN",
           "a SEARCH UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN SAVEDATESUPPORTED",
           "a SEARCH CHARSET UTF-8 BCC x BODY x CC x SUBJECT x TEXT x TO x",
           "a SEARCH HEADER Message-ID \"<a b>\" KEYWORD $Junk UNKEYWORD \\Seen",
           "a SEARCH BEFORE 1-Jan-2024 ON 29-Feb-2024 SENTBEFORE 1-Jan-2024 SENTON 1-Jan-2024",
           "a SEARCH SENTSINCE 1-Jan-2024 SAVEDBEFORE 1-Jan-2024 SAVEDON 1-Jan-2024",
           "a SEARCH SAVEDSINCE 1-Jan-2024 LARGER 0 SMALLER 5000000000 OLDER 1 YOUNGER 3600",
           "a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338 MODSEQ 0",
           "a SEARCH EMAILID M6d99ac3275bb4e THREADID T64b478a75b7ea9",
           "a SEARCH 1:3,* UID 5:* $",
           "a SEARCH OR SEEN OR (FLAGGED DRAFT) NOT (OR NEW OLD UNSEEN)",
           "a SEARCH (SEEN (DRAFT NEW)) ALL",
           "a SEARCH TEXT {2+}\r\n\xc3\xa4",
       }) {
    EXPECT_EQ(text, reprinted(text));
  }
}

TEST(Search, OneFormForEachMeaning) {
  EXPECT_EQ("a SEARCH RETURN (ALL) SEEN", reprinted("a SEARCH RETURN () SEEN"));
  EXPECT_EQ("a SEARCH SEEN", reprinted("a SEARCH ((SEEN))"));
  EXPECT_EQ("a SEARCH OR SEEN OR DRAFT NEW", reprinted("a SEARCH OR SEEN (OR DRAFT NEW)"));
  EXPECT_EQ("a SEARCH OR OR SEEN DRAFT NEW", reprinted("a SEARCH OR (OR SEEN DRAFT) NEW"));
  EXPECT_EQ("a SEARCH ON 1-Feb-2024", reprinted("a search on \"01-feb-2024\""));
}

TEST(Search, LongChainsOfOr) {
  std::string text = "a SEARCH";
  for (int i = 0; i < 1000; ++i) text += " OR FROM x";
  Search search = test::body_of<Search>(text + " SEEN");
  EXPECT_EQ(SearchOp::or_, search.key.op);
  EXPECT_EQ(1001U, search.key.children.size());
  EXPECT_EQ(text + " SEEN", reprinted(text + " SEEN"));
}

TEST(Search, Limits) {
  std::string text = "a SEARCH";
  for (int i = 0; i < 5000; ++i) text += " SEEN";
  Result<Command> command = test::command_of(text + "\r\n");
  ASSERT_FALSE(command);
  EXPECT_EQ(Code::limit, command.error().code);
  EXPECT_EQ(Code::invalid,
            test::command_of("a SEARCH " + std::string(9000, '(') + "\r\n").error().code);
  std::string nots = "a SEARCH";
  for (int i = 0; i < 4000; ++i) nots += " NOT";
  EXPECT_EQ(Code::invalid, test::command_of(nots + " SEEN\r\n").error().code);
}

TEST(Search, Errors) {
  EXPECT_EQ("expected a space at column 9", reprinted("a SEARCH"));
  EXPECT_EQ("expected a search key at column 10", reprinted("a SEARCH FOO"));
  EXPECT_EQ("expected a search key at column 10", reprinted("a SEARCH SEENX"));
  EXPECT_EQ("expected a date like 1-Feb-1994 at column 13", reprinted("a SEARCH ON 30-Feb-1994"));
  EXPECT_EQ("expected a RETURN option at column 18", reprinted("a SEARCH RETURN (FOO) ALL"));
  EXPECT_EQ("expected \")\" at column 15", reprinted("a SEARCH (SEEN"));
  EXPECT_EQ("expected the end of the command at column 14", reprinted("a SEARCH SEEN)"));
  EXPECT_EQ("expected seconds above 0 at column 16", reprinted("a SEARCH OLDER 0"));
}

TEST(Search, Facts) {
  Search search = test::body_of<Search>("a SEARCH OR SEEN NOT (1:3 MODSEQ 5)");
  EXPECT_TRUE(uses(search.key, SearchOp::modseq));
  EXPECT_FALSE(uses(search.key, SearchOp::uid));
  EXPECT_TRUE(uses_sequence_numbers(search.key));
  EXPECT_FALSE(uses_sequence_numbers(test::body_of<Search>("a SEARCH $ UID 5").key));
}

TEST(Search, ExtensionsAreWrittenAsTheyWereRead) {
  for (const char* line :
       {"a SEARCH FILTER on-the-road NOT FUZZY SUBJECT \"IMAP break\"",
        "a UID SEARCH RETURN (UPDATE CONTEXT PARTIAL 1:500) UNDELETED",
        "a SEARCH RETURN (ALL RELEVANCY) FUZZY (TEXT Helo FROM x)",
        "a ESEARCH IN (mailboxes folder1 subtree folder2 personal) RETURN (COUNT) UNSEEN",
        "a ESEARCH IN (mailboxes (a \"b c\") subtree-one c selected) ALL", "a ESEARCH ALL",
        "a CANCELUPDATE \"B01\" \"B02\""}) {
    EXPECT_EQ(line, test::reprinted(line));
  }
  EXPECT_EQ("expected a filter's name without \"/\" at column 17",
            reprinted("a SEARCH FILTER a/b"));
  EXPECT_EQ("expected which mailboxes are meant at column 15", reprinted("a ESEARCH IN (x) ALL"));
}

TEST(Search, StoredSearches) {
  EXPECT_TRUE(parse_stored_search("OR SMALLER 5000 FROM \"boss@example.com\""));
  const auto literal = parse_stored_search("SUBJECT {5}\r\na\r\nbc FLAGGED");
  ASSERT_TRUE(literal);
  EXPECT_EQ("a\r\nbc", literal->children.front().text);
  EXPECT_TRUE(parse_stored_search("SUBJECT \"Gr\xc3\xbc\xc3\x9f\x65\""));
  for (const char* bad :
       {"", "NO SUCH KEY", "ALL\r\nALL", "SUBJECT {5}", "SUBJECT {99999999}\r\nx"}) {
    EXPECT_FALSE(parse_stored_search(bad)) << bad;
  }
}

}  // namespace
}  // namespace eilpost::imap
