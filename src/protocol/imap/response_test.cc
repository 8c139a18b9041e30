#include "protocol/imap/response.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

std::string printed(const Response& response, WriteStyle style = {}) {
  std::string out;
  append_response(out, response, style);
  return out;
}

// Each line is what printing its value gives.
TEST(Response, RoundTrips) {
  for (std::string_view text : {
           "* OK [ALERT] System shutdown in 10 minutes\r\n",
           "* PREAUTH [CAPABILITY IMAP4rev2 IDLE] ready\r\n",
           "* BYE [TOOBIG] see you\r\n",
           "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited\r\n",
           "* OK [UIDVALIDITY 3857529045] UIDs valid\r\n",
           "* OK [HIGHESTMODSEQ 715194045007] ok\r\n",
           "* OK [MAILBOXID (F2212ea87-6097-4256-9d51-71338625)] ok\r\n",
           "a NO [BADCHARSET (UTF-8 \"x y\")] no\r\n",
           "a NO [BADCHARSET] no\r\n",
           "a OK [APPENDUID 38505 3955] done\r\n",
           "a OK [COPYUID 38505 304,319:320 3956:3958] done\r\n",
           "a OK [MODIFIED 7,9] done\r\n",
           "a NO [X-FOO bar (baz)] done\r\n",
           "a NO [BADURL \"/INBOX/;UID=9/;section=1.5\"] one is gone\r\n",
           "* OK [INPROGRESS (\"A001\" 454 1000)] still working\r\n",
           "* OK [INPROGRESS (NIL 999 NIL)] still working\r\n",
           "* OK [INPROGRESS (\"A001\" NIL NIL)] still working\r\n",
           "* OK [INPROGRESS] still working\r\n",
           "a OK [MESSAGELIMIT 1000 23221] in part\r\n",
           "a NO [MESSAGELIMIT 1000] too many\r\n",
           "a NO [TOOFEW] no\r\n",
           "a NO [TOOMANY] no\r\n",
           "a BAD [UIDREQUIRED] no\r\n",
           "* UIDBATCHES (TAG \"A143\") 215295:99696,99695:20351,20350:7830,7829:1\r\n",
           "* UIDBATCHES (TAG \"A143\")\r\n",
           "a BAD expected a tag at column 1\r\n",
           "+ idling\r\n",
           "+ \r\n",
           "* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\n",
           "* ENABLED CONDSTORE\r\n",
           "* ENABLED\r\n",
           "* FLAGS (\\Answered $Forwarded)\r\n",
           "* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendete Elemente\"\r\n",
           "* LIST (\\Noselect) NIL \"\"\r\n",
           "* LIST () \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
           "* LIST () \"/\" Foo (\"OLDNAME\" (Bar))\r\n",
           "* LSUB () \"\\\\\" INBOX\r\n",
           "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 MAILBOXID (F1) APPENDLIMIT NIL)\r\n",
           "* STATUS \"NIL\" ()\r\n",
           "* SEARCH\r\n",
           "* SEARCH 2 84 882 (MODSEQ 917162500)\r\n",
           "* ESEARCH (TAG \"A285\") UID MIN 7 MAX 3800 COUNT 15 ALL 7,9:12 MODSEQ 5\r\n",
           "* ESEARCH\r\n",
           "* 23 EXISTS\r\n",
           "* 5 RECENT\r\n",
           "* 44 EXPUNGE\r\n",
           "* VANISHED (EARLIER) 41,43:116\r\n",
           "* VANISHED 405\r\n",
           "* ID NIL\r\n",
           "* ID (\"name\" \"Eilpost\" \"os\" NIL)\r\n",
           "* NAMESPACE ((\"\" \"/\")) NIL ((\"#shared/\" \"/\")(\"#public/\" NIL))\r\n",
       }) {
    std::optional<Response> response = test::response_of(text);
    ASSERT_TRUE(response) << text;
    EXPECT_FALSE(std::holds_alternative<UnknownData>(*response)) << text;
    EXPECT_EQ(text, printed(*response));
  }
}

TEST(Response, FetchRoundTrips) {
  for (std::string_view text : {
           "* 12 FETCH (UID 40 FLAGS (\\Seen $Junk) INTERNALDATE \"17-Jul-1996 02:44:25 "
           "-0700\")\r\n",
           "* 1 FETCH (UID 4294967295 RFC822.SIZE 44827 MODSEQ (9223372036854775807))\r\n",
           "* 25996 UIDFETCH (FLAGS (\\Seen) MODSEQ (7))\r\n",
           "* 1 FETCH (EMAILID (M1) THREADID (T1) SAVEDATE NIL PREVIEW \"a \\\"b\\\"\")\r\n",
           "* 1 FETCH (THREADID NIL SAVEDATE \" 1-Feb-2024 00:00:00 +0000\" PREVIEW NIL)\r\n",
           "* 1 FETCH (BODY[]<100> {5}\r\nab\r\nc BODY[1.HEADER.FIELDS (From)] NIL)\r\n",
           "* 1 FETCH (RFC822 {1}\r\nx RFC822.HEADER {1}\r\ny RFC822.TEXT {0}\r\n)\r\n",
           "* 1 FETCH (BINARY[1.2] {2}\r\nxy BINARY.SIZE[1.2] 2)\r\n",
           "* 1 FETCH (ENVELOPE (\"d\" \"s\" ((\"n\" NIL \"m\" \"h\")(NIL NIL \"g\" NIL)) NIL NIL "
           "NIL NIL NIL NIL \"<id>\"))\r\n",
           "* 1 FETCH (BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" "
           "1152 23 NIL (\"attachment\" (\"filename\" \"x\")) (\"de\" \"en\") NIL))\r\n",
           "* 1 FETCH (BODY ((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)(\"IMAGE\" \"PNG\" NIL "
           "\"<i>\" \"d\" \"BASE64\" 9) \"MIXED\"))\r\n",
           "* 1 FETCH (BODYSTRUCTURE (\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 9 (NIL NIL NIL "
           "NIL "
           "NIL NIL NIL NIL NIL NIL) (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1 NIL NIL NIL NIL) "
           "4 "
           "NIL NIL NIL NIL))\r\n",
       }) {
    std::optional<Response> response = test::response_of(text);
    ASSERT_TRUE(response) << text;
    ASSERT_TRUE(std::holds_alternative<FetchData>(*response)) << text;
    EXPECT_TRUE(std::get<FetchData>(*response).skipped.empty()) << text;
    EXPECT_EQ(text, printed(*response));
  }
}

TEST(Response, TextNeverBreaksTheLine) {
  std::string out;
  append_tagged(out, "a", Condition::no, {}, "one\r\n* BYE two");
  append_untagged(out, Condition::ok, ResponseCode(CodeName::closed), "");
  append_untagged(out, Condition::ok, {}, "x\ty");
  EXPECT_EQ("a NO one\r\n* OK [CLOSED] done\r\n* OK x y\r\n", out);
}

TEST(Response, MailboxNamesByStyle) {
  ListData list;
  list.mailbox = "Entwürfe & mehr";
  std::string out;
  append_list(out, list, WriteStyle{});
  append_list(out, list, WriteStyle{.utf8 = true});
  EXPECT_EQ("* LIST () \"/\" \"Entw&APw-rfe &- mehr\"\r\n* LIST () \"/\" \"Entwürfe & mehr\"\r\n",
            out);
}

TEST(Response, StringsByStyle) {
  auto string = [](std::string_view text, WriteStyle style) {
    std::string out;
    append_string(out, text, style);
    return out;
  };
  EXPECT_EQ("\"a\\\"b\\\\\"", string("a\"b\\", {}));
  EXPECT_EQ("{2}\r\nä", string("ä", {}));
  EXPECT_EQ("\"ä\"", string("ä", {.utf8 = true}));
  EXPECT_EQ("{1}\r\n\xff", string("\xff", {.utf8 = true}));
  EXPECT_EQ("{3}\r\na\nb", string("a\nb", {}));
  EXPECT_EQ(std::string("~{1}\r\n\0", 7), string(std::string_view("\0", 1), {}));
  EXPECT_EQ("{2000}\r\n", string(std::string(2000, 'x'), {}).substr(0, 8));
}

TEST(Response, FetchWriterByBits) {
  std::string out;
  FetchWriter writer(out, Seq(7));
  EXPECT_TRUE(writer.empty());
  writer.uid(Uid(9)).flags(flag_seen | flag_answered | flag_recent, {"$a", "b"});
  EXPECT_FALSE(writer.empty());
  writer.modseq(ModSeq(5)).wire("ENVELOPE", "(NIL)").finish();
  FetchWriter(out, Seq(8)).flags(0, {"$a"}).finish();
  FetchWriter(out, Seq(8)).flags(0, {}).finish();
  EXPECT_EQ(
      "* 7 FETCH (UID 9 FLAGS (\\Answered \\Seen \\Recent $a b) MODSEQ (5) ENVELOPE (NIL))\r\n"
      "* 8 FETCH (FLAGS ($a))\r\n* 8 FETCH (FLAGS ())\r\n",
      out);
}

TEST(Response, BodyNamesLeaveOutPeekAndLength) {
  FetchItem item;
  item.kind = FetchKind::body_section;
  item.peek = true;
  item.partial = Partial{10, 20};
  item.section.text = SectionText::text;
  std::string out;
  FetchWriter(out, Seq(1)).body(item, "xy").finish();
  EXPECT_EQ("* 1 FETCH (BODY[TEXT]<10> {2}\r\nxy)\r\n", out);
}

TEST(Response, Numbers) {
  for (uint64_t value :
       {0ULL, 9ULL, 10ULL, 99ULL, 100ULL, 101ULL, 12345ULL, 123456ULL, 18446744073709551615ULL}) {
    std::string out;
    append_number(out, value);
    EXPECT_EQ(std::to_string(value), out);
  }
}

TEST(Response, SearchFromASet) {
  IntervalSet set;
  set.add(2, 4);
  set.add(9);
  std::string out;
  append_search(out, set, 7);
  EXPECT_EQ("* SEARCH 2 3 4 9 (MODSEQ 7)\r\n", out);
}

TEST(ResponseCode, BadUrlHoldsNothingThatEndsIt) {
  std::string out;
  append_response_code(out, ResponseCode::bad_url("/a]b\"c d\r\n\x80"));
  EXPECT_EQ("[BADURL \"/a%5Db%22c%20d%0D%0A%80\"] ", out);
}

TEST(ResponseCode, ProgressThatCannotBeIsOther) {
  for (const char* text : {"* OK [INPROGRESS (\"a\" NIL 5)] x\r\n", "* OK [INPROGRESS a] x\r\n",
                           "* OK [INPROGRESS (\"a\" 1)] x\r\n", "* OK [MESSAGELIMIT 0] x\r\n"}) {
    std::optional<Response> response = test::response_of(text);
    ASSERT_TRUE(response) << text;
    EXPECT_EQ(CodeName::other, std::get<StatusResponse>(*response).code.name) << text;
  }
}

TEST(ResponseCode, EveryErrorHasAReply) {
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    ErrorReply reply = error_reply(static_cast<Code>(code));
    EXPECT_FALSE(reply.text.empty());
    std::string out;
    append_untagged(out, reply.condition, ResponseCode(reply.code), reply.text);
    EXPECT_TRUE(test::response_of(out)) << out;
  }
}

}  // namespace
}  // namespace eilpost::imap
