#include "client/mbox/index.h"

#include <gtest/gtest.h>

namespace eilpost::client {
namespace {

// Each message's octets.
std::vector<std::string> messages_of(const std::string& file) {
  const auto at = [&](uint64_t offset, size_t octets) -> Result<std::string> {
    return offset >= file.size() ? std::string() : file.substr(offset, octets);
  };
  const auto found = index_mbox(at);
  std::vector<std::string> out;
  for (const MboxMessage& message : *found) {
    out.push_back(file.substr(message.offset, message.length));
  }
  return out;
}

using Texts = std::vector<std::string>;
const std::string line = "From a@b Mon Nov 13 08:09:10 2023\n";

TEST(MboxIndex, FromLinesInBodies) {
  EXPECT_EQ(messages_of(line + "A: 1\n\nFrom here on\n\n" + line + "A: 2\n\nx\n\n"),
            (Texts{"A: 1\n\nFrom here on\n", "A: 2\n\nx\n"}));
  EXPECT_EQ(messages_of(line + "A: 1\n\nx\n" + line + "y\n"),
            (Texts{"A: 1\n\nx\n" + line + "y\n"}));
  EXPECT_EQ(messages_of(""), Texts{});
  EXPECT_EQ(messages_of("no mbox\n"), Texts{});
}

TEST(MboxIndex, ContentLengthIsBelievedWhenItFits) {
  const std::string body = "x\n\n" + line + "y\n";
  const std::string header = "Content-Length: " + std::to_string(body.size()) + "\n\n";
  EXPECT_EQ(messages_of(line + header + body + "\n" + line + "A: 2\n\nz\n"),
            (Texts{header + body, "A: 2\n\nz\n"}));
  EXPECT_EQ(messages_of(line + header + body), Texts{header + body});
  const std::string lie = "Content-Length: 9999\n\n";
  EXPECT_EQ(messages_of(line + lie + "x\n\n" + line + "A: 2\n\nz\n"),
            (Texts{lie + "x\n", "A: 2\n\nz\n"}));
}

}  // namespace
}  // namespace eilpost::client
