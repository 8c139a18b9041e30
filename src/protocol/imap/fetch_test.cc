#include "protocol/imap/fetch.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

TEST(Fetch, ItemsRoundTrip) {
  for (const char* text : {
           "a FETCH 1 (FLAGS)",
           "a UID FETCH 1:* (ENVELOPE FLAGS INTERNALDATE UID RFC822.SIZE MODSEQ)",
           "a FETCH 1 (EMAILID THREADID SAVEDATE PREVIEW PREVIEW (LAZY))",
           "a FETCH 1 (BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT RFC822.PEEK)",
           "a FETCH 1 (BODY[] BODY.PEEK[]<0.2048> BODY[HEADER] BODY[TEXT]<5.1>)",
           "a FETCH 1 (BODY[1.2.MIME] BODY[3.HEADER] BODY[3.TEXT] BODY.PEEK[4.1])",
           "a FETCH 1 (BODY[HEADER.FIELDS (From To)] BODY[2.HEADER.FIELDS.NOT (To Cc)])",
           "a FETCH 1 (BINARY[1] BINARY.PEEK[1.2]<0.10> BINARY.SIZE[2])",
           "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)",
           "a UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
       }) {
    EXPECT_EQ(text, reprinted(text));
  }
}

TEST(Fetch, MacrosAndSingleItems) {
  EXPECT_EQ("a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)", reprinted("a FETCH 1 fast"));
  EXPECT_EQ("a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", reprinted("a FETCH 1 ALL"));
  EXPECT_EQ("a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)",
            reprinted("a FETCH 1 FULL"));
  EXPECT_EQ("a FETCH 1 (BODY[])", reprinted("a FETCH 1 body[]"));
  EXPECT_EQ("a FETCH 1 (PREVIEW (LAZY))", reprinted("a FETCH 1 PREVIEW (LAZY)"));
  EXPECT_EQ("a FETCH 1 (PREVIEW) (CHANGEDSINCE 5)",
            reprinted("a FETCH 1 PREVIEW (CHANGEDSINCE 5)"));
  EXPECT_EQ("a FETCH 1 (FLAGS UID)", reprinted("a FETCH 1 (FLAGS UID FLAGS)"));
}

TEST(Fetch, Errors) {
  EXPECT_EQ("expected a FETCH item at column 11", reprinted("a FETCH 1 FOO"));
  EXPECT_EQ("expected a FETCH item at column 12", reprinted("a FETCH 1 ()"));
  EXPECT_EQ("expected a FETCH item at column 12", reprinted("a FETCH 1 (ALL)"));
  EXPECT_EQ("expected a part number, HEADER, HEADER.FIELDS or TEXT at column 16",
            reprinted("a FETCH 1 BODY[MIME]"));
  EXPECT_EQ("expected a part number, HEADER, HEADER.FIELDS or TEXT at column 16",
            reprinted("a FETCH 1 BODY[HEADERS]"));
  EXPECT_EQ("expected a part number above 0 at column 16", reprinted("a FETCH 1 BODY[0]"));
  EXPECT_EQ("expected a header field's name at column 31",
            reprinted("a FETCH 1 BODY[HEADER.FIELDS ()]"));
  EXPECT_EQ("expected a header field's name at column 31",
            reprinted("a FETCH 1 BODY[HEADER.FIELDS (\"a b\")]"));
  EXPECT_EQ("expected a part number at column 18", reprinted("a FETCH 1 BINARY[TEXT]"));
  EXPECT_EQ("expected a length above 0 at column 20", reprinted("a FETCH 1 BODY[]<0.0>"));
  EXPECT_EQ("expected \".\" at column 19", reprinted("a FETCH 1 BODY[]<5>"));
  EXPECT_EQ("expected CHANGEDSINCE beside VANISHED at column 21",
            reprinted("a UID FETCH 1 FLAGS (VANISHED)"));
  EXPECT_EQ("expected VANISHED only in UID FETCH at column 42",
            reprinted("a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)"));
}

TEST(Fetch, WhatSetsSeen) {
  auto first = [](std::string_view item) {
    return test::body_of<Fetch>("a FETCH 1 " + std::string(item)).items.at(0);
  };
  for (const char* item : {"BODY[]", "RFC822", "RFC822.TEXT", "BINARY[1]", "BODY[HEADER]"}) {
    EXPECT_TRUE(sets_seen(first(item))) << item;
  }
  for (const char* item : {"BODY.PEEK[]", "RFC822.HEADER", "RFC822.PEEK", "BINARY.SIZE[1]", "BODY",
                           "ENVELOPE", "PREVIEW"}) {
    EXPECT_FALSE(sets_seen(first(item))) << item;
  }
}

}  // namespace
}  // namespace eilpost::imap
