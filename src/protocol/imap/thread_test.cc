#include "protocol/imap/thread.h"

#include <gtest/gtest.h>

#include "protocol/imap/response.h"
#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

using test::reprinted;

TEST(Thread, RoundTrips) {
  for (const char* text : {
           "a THREAD ORDEREDSUBJECT UTF-8 SINCE 5-Mar-2000",
           "a UID THREAD REFERENCES US-ASCII TEXT gewp",
           "a THREAD REFS UTF-8 OR SEEN 1:*",
       }) {
    EXPECT_EQ(text, reprinted(text));
  }
}

std::string printed(const ThreadData& data) {
  std::string out;
  append_thread(out, data);
  return out;
}

// RFC 5256 4.
TEST(ThreadData, TheExamplesOfTheRfc) {
  const ThreadData data{{{2, 0}, {3, 0}, {6, 1}, {4, 2}, {23, 3}, {44, 2}, {7, 3}, {96, 4}}};
  EXPECT_EQ("* THREAD (2)(3 6 (4 23)(44 7 96))\r\n", printed(data));
  EXPECT_EQ("* THREAD ((3)(5))\r\n", printed({{{0, 0}, {3, 1}, {5, 1}}}));
  EXPECT_EQ("* THREAD\r\n", printed({}));
}

TEST(ThreadData, ReadAsPrinted) {
  for (const char* text : {
           "* THREAD (2)(3 6 (4 23)(44 7 96))\r\n",
           "* THREAD ((3)(5))\r\n",
           "* THREAD ((3 4)(5 (6)(7)))(8)((9)(10)(11 12))\r\n",
           "* THREAD\r\n",
           "* THREAD (166)(167)(168)(169)(172)(170)(171)(173)(174 (175)(176)(178)(181)(180))\r\n",
       }) {
    const auto response = test::response_of(text);
    ASSERT_TRUE(response && std::holds_alternative<ThreadData>(*response)) << text;
    EXPECT_EQ(text, printed(std::get<ThreadData>(*response)));
  }
  for (const char* text :
       {"* THREAD 1\r\n", "* THREAD (1\r\n", "* THREAD (1))\r\n", "* THREAD ((1))\r\n",
        "* THREAD (0)\r\n", "* THREAD (((1)(2))(3))\r\n"}) {
    const auto response = test::response_of(text);
    EXPECT_FALSE(response && std::holds_alternative<ThreadData>(*response)) << text;
  }
}

// Nothing nests in it, so nothing is too deep.
TEST(ThreadData, DeepThreads) {
  ThreadData data;
  for (uint32_t i = 0; i < 100'000; ++i) data.nodes.push_back({i + 1, i});
  data.nodes.push_back({200'000, 99'999});
  const auto response = test::response_of(printed(data));
  ASSERT_TRUE(response && std::holds_alternative<ThreadData>(*response));
  EXPECT_EQ(data, std::get<ThreadData>(*response));
}

}  // namespace
}  // namespace eilpost::imap
