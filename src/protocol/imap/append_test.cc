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

Result<std::optional<Append>> so_far(std::string_view octets) {
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
  Result<std::optional<Append>> message = so_far("a append {2+}\r\nxy (\\Seen) {50}\r\n");
  ASSERT_TRUE(message && message->has_value());
  EXPECT_EQ("xy", (*message)->mailbox);
  ASSERT_EQ(1U, (*message)->messages.size());
  EXPECT_EQ(50U, (*message)->messages[0].size);
  EXPECT_EQ(FlagList{"\\Seen"}, (*message)->messages[0].flags);
  Result<std::optional<Append>> second = so_far("a APPEND x {1+}\r\ny {50}\r\n");
  ASSERT_TRUE(second && second->has_value());
  EXPECT_EQ(2U, (*second)->messages.size());
  EXPECT_FALSE(so_far("a APPEND x \"y\" {50}\r\n"));
}

}  // namespace
}  // namespace eilpost::imap
