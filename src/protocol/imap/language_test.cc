#include "protocol/imap/language.h"

#include <gtest/gtest.h>

#include "protocol/imap/response.h"
#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

TEST(Language, RoundTrips) {
  for (const char* text : {"a LANGUAGE", "a LANGUAGE default", "a LANGUAGE MUL de-AT \"*\"",
                           "a COMPARATOR", "a COMPARATOR \"cz;*\" i;basic"}) {
    EXPECT_EQ(text, reprinted(text));
  }
}

TEST(Language, Refused) {
  for (const char* text : {"a LANGUAGE (de)", "a LANGUAGE de(", "a COMPARATOR *"}) {
    EXPECT_EQ(Code::invalid, test::command_of(std::string(text) + "\r\n").error().code) << text;
  }
  std::string many = "a LANGUAGE";
  for (int i = 0; i < 65; ++i) many += " x";
  EXPECT_EQ(Code::limit, test::command_of(many + "\r\n").error().code);
}

TEST(Language, ResponsesRoundTrip) {
  for (const char* text : {"* LANGUAGE (en de i-default)\r\n", "* COMPARATOR i;octet\r\n",
                           "* COMPARATOR i;octet (i;octet i;ascii-casemap)\r\n"}) {
    const auto response = test::response_of(text);
    ASSERT_TRUE(response) << text;
    std::string out;
    append_response(out, *response, {});
    EXPECT_EQ(text, out);
  }
}

}  // namespace
}  // namespace eilpost::imap
