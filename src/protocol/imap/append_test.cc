#include "protocol/imap/append.h"

#include <gtest/gtest.h>

#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

TEST(Append, FlagsDateAndSeveralMessages) {
  Append append = test::body_of<Append>(
      "a APPEND saved (\\seen $x) \"17-Jul-1996 02:44:25 -0700\" {3+}\r\nabc ~{2+}\r\n" +
      std::string("\0y", 2));
  EXPECT_EQ("saved", append.mailbox);
  ASSERT_EQ(2U, append.messages.size());
  EXPECT_EQ((FlagList{"\\Seen", "$x"}), append.messages[0].flags);
  EXPECT_EQ((DateTime{837596665, -420}), append.messages[0].date);
  EXPECT_EQ("abc", append.messages[0].octets);
  EXPECT_FALSE(append.messages[0].literal8);
  EXPECT_TRUE(append.messages[1].literal8);
  EXPECT_EQ(2U, append.messages[1].size);
}

TEST(Append, RoundTrip) {
  const char* text = "a APPEND x (\\Seen) \" 1-Feb-2024 00:00:00 +0000\" {3+}\r\nabc {0+}\r\n";
  EXPECT_EQ(text, test::reprinted(text));
}

TEST(Append, Errors) {
  EXPECT_EQ("expected the message as a literal at column 12", test::reprinted("a APPEND x y"));
  EXPECT_EQ("expected a date and time like \"17-Jul-1996 02:44:25 -0700\" at column 12",
            test::reprinted("a APPEND x \"31-Feb-1996 02:44:25 -0700\" {1+}\r\nx"));
  EXPECT_EQ("expected a space at column 1 behind literal 1",
            test::reprinted("a APPEND x {1+}\r\nxyz"));
  EXPECT_EQ("expected a message without NUL at column 12",
            test::reprinted(std::string("a APPEND x {1+}\r\n\0", 18)));
}

Result<std::optional<AppendSoFar>> so_far(std::string_view octets) {
  Framer framer;
  framer.feed(octets);
  for (;;) {
    FramerEvent event = framer.next();
    EXPECT_TRUE(std::holds_alternative<LiteralAnnounced>(event));
    if (framer.buffered() == 0) return parse_append_so_far(framer.pending(), {});
    framer.buffer_literal();
  }
}

TEST(Append, SoFarTellsTheMailboxFromTheMessage) {
  EXPECT_FALSE(so_far("a LOGIN {5}\r\n")->has_value());
  EXPECT_FALSE(so_far("a APPEND {5}\r\n")->has_value());
  auto message = so_far("a append {2+}\r\nxy (\\Seen) {50}\r\n");
  ASSERT_TRUE(message && message->has_value());
  const Append& append = (*message)->append;
  EXPECT_FALSE((*message)->replaces);
  EXPECT_EQ("xy", append.mailbox);
  ASSERT_EQ(1U, append.messages.size());
  EXPECT_EQ(50U, append.messages[0].size);
  EXPECT_EQ(FlagList{"\\Seen"}, append.messages[0].flags);
  auto second = so_far("a APPEND x {1+}\r\ny {50}\r\n");
  ASSERT_TRUE(second && second->has_value());
  EXPECT_EQ(2U, (*second)->append.messages.size());
  EXPECT_FALSE(so_far("a APPEND x \"y\" {50}\r\n"));
}

TEST(Append, SoFarTellsAUrlFromAText) {
  EXPECT_FALSE(so_far("a APPEND x CATENATE (URL {50}\r\n")->has_value());
  auto text = so_far("a APPEND x CATENATE (URL {1+}\r\nu TEXT {2+}\r\nxy URL /z TEXT {50}\r\n");
  ASSERT_TRUE(text && text->has_value());
  ASSERT_EQ(1U, (*text)->append.messages.size());
  const std::vector<CatenatePart>& parts = (*text)->append.messages[0].parts;
  ASSERT_EQ(4U, parts.size());
  EXPECT_EQ("u", parts[0].url);
  EXPECT_EQ(CatenatePart::Kind::text, parts[1].kind);
  EXPECT_EQ("/z", parts[2].url);
  EXPECT_EQ(50U, parts[3].size);
  auto utf8 = so_far("a APPEND x UTF8 (~{50}\r\n");
  ASSERT_TRUE(utf8 && utf8->has_value());
  EXPECT_TRUE((*utf8)->append.messages[0].utf8);
  EXPECT_FALSE(so_far("a APPEND x CATENATE TEXT {50}\r\n"));
  EXPECT_FALSE(so_far("a APPEND x CATENATE (TEXT {1+}\r\nx {50}\r\n"));
}

TEST(Append, SoFarOfReplace) {
  auto replace = so_far("a UID REPLACE 7 x (\\Draft) {50}\r\n");
  ASSERT_TRUE(replace && replace->has_value());
  EXPECT_TRUE((*replace)->replaces);
  EXPECT_EQ("x", (*replace)->append.mailbox);
  EXPECT_FALSE(so_far("a REPLACE 7 {1}\r\n")->has_value());
  EXPECT_FALSE(so_far("a REPLACE 7 x {1+}\r\ny {50}\r\n"));
  EXPECT_FALSE(so_far("a UID APPEND x {50}\r\n")->has_value());
}

TEST(Append, CatenateAndUtf8RoundTrip) {
  for (const char* text :
       {"a APPEND x (\\Seen) CATENATE (URL /INBOX/;UID=1 TEXT {3+}\r\nabc UTF8 (~{1+}\r\nx))",
        "a APPEND x CATENATE (TEXT {0+}\r\n) UTF8 (~{1+}\r\ny) {1+}\r\nz",
        "a REPLACE * x (\\Draft) CATENATE (URL y)", "a UID REPLACE 12 x {1+}\r\nx",
        "a UIDBATCHES 500", "a UIDBATCHES 500 3:2"}) {
    EXPECT_EQ(text, test::reprinted(text));
  }
}

TEST(Append, CatenateErrors) {
  EXPECT_EQ("expected TEXT, UTF8 or URL at column 22", test::reprinted("a APPEND x CATENATE ()"));
  EXPECT_EQ("expected a literal8, \"~{...}\" at column 18",
            test::reprinted("a APPEND x UTF8 ({1+}\r\nx)"));
  EXPECT_EQ("expected a message without NUL at column 27",
            test::reprinted(std::string("a APPEND x CATENATE (TEXT {1+}\r\n\0)", 34)));
  EXPECT_FALSE(test::command_of("a UIDBATCHES 500 0:1\r\n"));
  EXPECT_FALSE(test::command_of("a UIDBATCHES 500 3\r\n"));
}

}  // namespace
}  // namespace eilpost::imap
