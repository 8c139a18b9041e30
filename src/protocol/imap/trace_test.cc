// What a trace shows, and what it does not.
#include "protocol/imap/trace.h"

#include <gtest/gtest.h>

namespace eilpost::imap {
namespace {

std::string shown(const char* text) {
  Frame frame;
  frame.text = text;
  return trace_command(frame);
}

TEST(Trace, SecretsOfCommands) {
  EXPECT_EQ(shown("a LOGIN anna hunter2"), "a LOGIN anna [secret]\n");
  EXPECT_EQ(shown("a login \"an\\\"na\" \"hunter 2\""), "a login \"an\\\"na\" [secret]\n");
  EXPECT_EQ(shown("a LOGIN {4} {7}"), "a LOGIN {4} [secret]\n");
  EXPECT_EQ(shown("a LOGIN \"anna hunter2"), "a LOGIN [secret]\n");
  EXPECT_EQ(shown("a LOGIN  hunter2"), "a LOGIN [secret]\n");
  EXPECT_EQ(shown("a LOGIN"), "a LOGIN [secret]\n");
  EXPECT_EQ(shown("a AUTHENTICATE PLAIN AGFubmEAaHVudGVyMg=="), "a AUTHENTICATE PLAIN [secret]\n");
  EXPECT_EQ(shown("a AUTHENTICATE PLAIN"), "a AUTHENTICATE PLAIN\n");
  // The answer to a challenge that was not one.
  EXPECT_EQ(shown("AGFubmEAaHVudGVyMg=="), "[20 octets without a command]\n");
  EXPECT_EQ(shown("a SELECT \"x\ty\""), "a SELECT \"x\\x09y\"\n");
}

TEST(Trace, LiteralsOfResponses) {
  const std::string all =
      "* 1 FETCH (BODY[] {12}\r\nSecret\r\nBody FLAGS ())\r\n+ c2VjcmV0\r\na OK done\r\n";
  const std::string wanted =
      "* 1 FETCH (BODY[] {12}\n    [literal of 12 octets]\n FLAGS ())\n+ [secret]\na OK done\n";
  ResponseTrace whole;
  EXPECT_EQ(whole.feed(all, true), wanted);
  ResponseTrace pieces;
  std::string got;
  for (const char c : all) got += pieces.feed(std::string_view(&c, 1), true);
  EXPECT_EQ(got, wanted);
}

// A line of any length is cut, and a literal at its end is found all the same.
TEST(Trace, LongLines) {
  ResponseTrace trace;
  std::string got = trace.feed("* X " + std::string(100'000, 'x'), false);
  got += trace.feed(std::string(100'000, 'y') + " {3}\r\nabc)\r\na OK\r\n", false);
  EXPECT_LT(got.size(), 5'000U);
  EXPECT_NE(got.find("[literal of 3 octets]\n)\na OK\n"), std::string::npos) << got;
}

}  // namespace
}  // namespace eilpost::imap
