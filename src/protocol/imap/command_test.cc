#include "protocol/imap/command.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

struct Case {
  const char* input;
  const char* printed;  // nullptr: the same
};

// Every command, its canonical form, and that this form means the same.
TEST(Command, RoundTrips) {
  const Case cases[] = {
      {"a CAPABILITY", nullptr},
      {"a noop  ", "a NOOP"},
      {"a LOGOUT", nullptr},
      {"a STARTTLS", nullptr},
      {"a AUTHENTICATE plain", "a AUTHENTICATE PLAIN"},
      {"a AUTHENTICATE PLAIN =", nullptr},
      {"a AUTHENTICATE PLAIN AHRlc3QAdGVzdA==", nullptr},
      {"a LOGIN \"smith\" sesame", "a LOGIN smith sesame"},
      {"a LOGIN \"a b\" \"q\\\"\\\\\"", nullptr},
      {"a ENABLE condstore X-Y", "a ENABLE CONDSTORE X-Y"},
      {"a SELECT inbox", "a SELECT INBOX"},
      {"a EXAMINE \"Gesendete Elemente\"", nullptr},
      {"a SELECT x (CONDSTORE)", nullptr},
      {"a SELECT x (QRESYNC (67890007 90060115194045000 41,43:211 (1:2 41:42)))", nullptr},
      {"a SELECT x (QRESYNC (67890007 9))", nullptr},
      {"a CREATE x/", nullptr},
      {"a CREATE x (USE (\\drafts))", "a CREATE x (USE (\\Drafts))"},
      {"a DELETE &AOQ-", nullptr},
      {"a RENAME a b", nullptr},
      {"a SUBSCRIBE a]b", nullptr},
      {"a UNSUBSCRIBE NIL", "a UNSUBSCRIBE \"NIL\""},
      {"a LIST \"\" *", "a LIST \"\" \"*\""},
      {"a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"a%\" b) RETURN (CHILDREN STATUS (SIZE))",
       "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"a%\" \"b\") RETURN (CHILDREN STATUS (SIZE))"},
      {"a LIST () \"\" %", "a LIST \"\" \"%\" RETURN ()"},
      {"a LSUB \"#news.\" x*", "a LSUB \"#news.\" \"x*\""},
      {"a NAMESPACE", nullptr},
      {"a STATUS x (messages UIDNEXT DELETED-STORAGE)",
       "a STATUS x (MESSAGES UIDNEXT DELETED-STORAGE)"},
      {"a IDLE", nullptr},
      {"a CHECK", nullptr},
      {"a CLOSE", nullptr},
      {"a UNSELECT", nullptr},
      {"a EXPUNGE", nullptr},
      {"a UID EXPUNGE 3000:3002", nullptr},
      {"a STORE 2:4 +FLAGS (\\deleted)", "a STORE 2:4 +FLAGS (\\Deleted)"},
      {"a UID STORE 7 FLAGS.SILENT (\\Seen)", nullptr},
      {"a STORE 7 -flags $Junk Work", "a STORE 7 -FLAGS ($Junk Work)"},
      {"a STORE 7 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT ()", nullptr},
      {"a UID COPY $ x", nullptr},
      {"a MOVE 2:4,* x", nullptr},
      {"a ID (\"name\" \"x\" \"os\" NIL)", nullptr},
      {"a ID ()", "a ID NIL"},
      {"a id nil", "a ID NIL"},
      {"a XLIST \"\" *", "a XLIST \"\" \"*\""},
      {"a LIST \"\" \"%\" RETURN (MYRIGHTS METADATA (/shared/comment))", nullptr},
      {"a LIST \"\" % RETURN (METADATA (maxsize 9) (/shared/comment \"/private/comment\") "
       "CHILDREN)",
       "a LIST \"\" \"%\" RETURN (CHILDREN METADATA (MAXSIZE 9) (/shared/comment "
       "/private/comment))"},
      {"a GETMETADATA \"\" (/shared/comment)", nullptr},
      {"a GETMETADATA (DEPTH infinity) INBOX (/private)", nullptr},
      {"a SETMETADATA INBOX (/private/comment NIL /shared/comment \"x\")", nullptr},
      {"a GETQUOTA \"\"", nullptr},
      {"a getquota #user/alice", "a GETQUOTA #user/alice"},
      {"a GETQUOTAROOT inbox", "a GETQUOTAROOT INBOX"},
      {"a SETQUOTA \"\" (storage 512 MESSAGE 1000)", "a SETQUOTA \"\" (STORAGE 512 MESSAGE 1000)"},
      {"a SETQUOTA #user/alice ()", nullptr},
      {"a UNAUTHENTICATE", nullptr},
  };
  for (const Case& c : cases) {
    std::string printed = reprinted(c.input);
    EXPECT_EQ(c.printed != nullptr ? c.printed : c.input, printed);
    EXPECT_EQ(test::command_of(std::string(c.input) + "\r\n")->body,
              test::command_of(printed + "\r\n")->body);
  }
}

TEST(Command, ErrorsSayWhatAndWhere) {
  const Case cases[] = {
      {"", "no frame"},
      {"a", "expected a space at column 2"},
      {"+a NOOP", "expected a tag at column 1"},
      {"a ", "expected a command at column 3"},
      {"a FROB", "expected a known command at column 3"},
      {"a UID NOOP",
       "expected FETCH, STORE, SEARCH, SORT, THREAD, COPY, MOVE, REPLACE or EXPUNGE at column 7"},
      {"a NOOP x", "expected the end of the command at column 8"},
      {"a LOGIN x", "expected a space at column 10"},
      {"a LOGIN x \"y", "expected a closing quote for the string at column 11"},
      {"a LOGIN x \"\\y\"", "expected \" or \\ behind the backslash at column 13"},
      {"a SELECT", "expected a space at column 9"},
      {"a SELECT (", "expected a mailbox name at column 10"},
      {"a SELECT &x", "expected a mailbox name in modified UTF-7 at column 10"},
      {"a SELECT \"\xff\"", "expected a string in UTF-8 at column 10"},
      {"a SELECT x (FOO)", "expected CONDSTORE or QRESYNC at column 13"},
      {"a SELECT x (QRESYNC (0 1))", "expected a UIDVALIDITY at column 22"},
      {"a SELECT x (QRESYNC (1 1 1:*))", "expected a set without \"*\" and \"$\" at column 26"},
      {"a STATUS x (FOO)", "expected a known STATUS item at column 13"},
      {"a STATUS x ()", "expected a STATUS item at column 13"},
      {"a LIST (RECURSIVEMATCH) \"\" *", "expected SUBSCRIBED beside RECURSIVEMATCH at column 8"},
      {"a ENABLE", "expected a space at column 9"},
      {"a STORE 1 BAGS x", "expected FLAGS, +FLAGS, -FLAGS or one of them .SILENT at column 11"},
      {"a STORE 0 FLAGS x", "expected a number above 0 or \"*\" at column 9"},
      {"a COPY 1 ", "expected a mailbox name at column 10"},
      {"a ID foo", "expected \"(\" at column 6"},
      {"a CREATE x (FOO (\\Sent))", "expected USE at column 13"},
      {"a SETQUOTA \"\" (STORAGE)", "expected a space at column 23"},
      {"a SETQUOTA \"\" (STORAGE -1)", "expected a limit at column 24"},
      {"a GETQUOTA", "expected a space at column 11"},
      {"a SEARCH FROM {3+}\r\nabc FOO", "expected a search key at column 2 behind literal 1"},
  };
  for (const Case& c : cases) EXPECT_EQ(c.printed, reprinted(c.input)) << c.input;
}

TEST(Command, SecretsStayOutOfErrors) {
  Result<Command> command = test::command_of("a LOGIN user secret extra\r\n");
  ASSERT_FALSE(command);
  EXPECT_EQ(std::string::npos, command.error().detail.find("secret"));
  EXPECT_EQ(std::string::npos, command.error().detail.find("extra"));
}

TEST(Command, SpacesWhereNothingElseIsMeant) {
  EXPECT_EQ("a FETCH 1:2 (FLAGS UID)", reprinted("a  fetch  1:2  ( FLAGS  UID )  "));
  EXPECT_EQ("a COPY 1 x", reprinted("a COPY  1  x "));
}

TEST(Command, MailboxNames) {
  ParseOptions utf8{.utf8_allowed = true, .rev2 = true};
  EXPECT_EQ("Entwürfe", test::body_of<Delete>("a DELETE Entw&APw-rfe").mailbox);
  EXPECT_EQ("Entwürfe", test::body_of<Delete>("a DELETE \"Entwürfe\"").mailbox);
  EXPECT_EQ("Entwürfe", test::body_of<Delete>("a DELETE \"Entwürfe\"", utf8).mailbox);
  EXPECT_EQ("Tom & &-", test::body_of<Delete>("a DELETE \"Tom & &-\"", utf8).mailbox);
  EXPECT_EQ("INBOX/x", test::body_of<Delete>("a DELETE inbox/x").mailbox);
  EXPECT_EQ("a DELETE Entw&APw-rfe", reprinted("a DELETE \"Entwürfe\""));
  EXPECT_EQ("a DELETE \"Entwürfe\"", reprinted("a DELETE \"Entwürfe\"", utf8));
}

TEST(Command, LiteralsServeAsStrings) {
  Login login = test::body_of<Login>("a LOGIN {5+}\r\nus er {2+}\r\np\xc3");
  EXPECT_EQ("us er", login.user);
  EXPECT_EQ("p\xc3", login.password);
  EXPECT_EQ("expected a literal without NUL at column 9",
            reprinted(std::string_view("a LOGIN {2+}\r\n\0x y", 18)));
  EXPECT_EQ("expected a literal without \"~\" at column 9", reprinted("a LOGIN ~{1+}\r\nx y"));
}

TEST(Command, NamesAndUid) {
  EXPECT_EQ("UID FETCH", command_name(*test::command_of("a uid fetch 1 UID\r\n")));
  EXPECT_EQ("EXAMINE", command_name(*test::command_of("a EXAMINE x\r\n")));
  EXPECT_EQ("SELECT", command_name(*test::command_of("a SELECT x\r\n")));
}

TEST(Command, WhatForbidsExpunge) {
  EXPECT_TRUE(forbids_expunge(*test::command_of("a FETCH 1 UID\r\n")));
  EXPECT_FALSE(forbids_expunge(*test::command_of("a UID FETCH 1 UID\r\n")));
  EXPECT_FALSE(forbids_expunge(*test::command_of("a COPY 1 x\r\n")));
  EXPECT_TRUE(line_forbids_expunge("a store 1 FLAGS x"));
  EXPECT_TRUE(line_forbids_expunge("a SEARCH ALL"));
  EXPECT_FALSE(line_forbids_expunge("a UID SEARCH ALL"));
  EXPECT_FALSE(line_forbids_expunge("garbage"));
}

TEST(Command, LiteralPieces) {
  Command command;
  command.tag = "a";
  command.body = Login{"us\ner", "p"};
  WireCommand sync = print_command(command, WriteOptions{});
  ASSERT_EQ(2U, sync.pieces.size());
  EXPECT_EQ("a LOGIN {5}\r\n", sync.pieces[0]);
  EXPECT_EQ("us\ner p\r\n", sync.pieces[1]);
  WriteOptions plus;
  plus.literals = LiteralForm::plus;
  EXPECT_EQ(1U, print_command(command, plus).pieces.size());
  WriteOptions minus;
  minus.literals = LiteralForm::minus;
  EXPECT_EQ("a LOGIN {5+}\r\nus\ner p\r\n", print_command(command, minus).joined());
  command.body = Login{std::string(5000, ' '), "p"};
  EXPECT_EQ(2U, print_command(command, minus).pieces.size());
}

}  // namespace
}  // namespace eilpost::imap
