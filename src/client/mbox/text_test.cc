#include "client/mbox/text.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace eilpost::client {
namespace {

std::string filtered(std::string_view text, size_t piece) {
  MboxFilter filter;
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += filter.feed(text.substr(at, piece));
  return out + std::string(filter.finish());
}

TEST(MboxFilter, LeavesOutStateAndUnquotes) {
  const std::string in =
      "Subject: x\nStatus: RO\nX-Keywords: a\n b\nFrom: y\n\n>From here\n>>From there\n> From "
      "no\n>Fro\n>";
  const std::string out = "Subject: x\nFrom: y\n\nFrom here\n>From there\n> From no\n>Fro\n>";
  for (size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(filtered(in, piece), out) << piece;
}

TEST(MboxFilter, StateFieldsInBodiesStay) {
  EXPECT_EQ(filtered("A: b\n\nStatus: RO\n", 3), "A: b\n\nStatus: RO\n");
}

TEST(MboxQuoter, UnquotesToTheSame) {
  // Laws over bodies made of the pieces that matter.
  const std::vector<std::string> pieces = {">", "From ", "From", "\n", "x", ">From \n", " "};
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string body;
    for (uint64_t i = random.below(12); i > 0; --i) body += pieces[random.below(pieces.size())];
    MboxQuoter quoter;
    std::string quoted = "\n";
    for (const char c : body) quoted += quoter.feed(std::string_view(&c, 1));
    quoted += quoter.finish();
    EXPECT_EQ(quoted.find("\nFrom "), std::string::npos) << quoted;
    EXPECT_EQ(filtered(quoted, 1 + random.below(5)), "\n" + body);
  }
}

TEST(LineEnds, OnlyBareLfChanges) {
  const std::string in = "a\nb\r\nc\rd\n\n\r\n";
  for (size_t piece = 1; piece < 8; ++piece) {
    LineEnds ends;
    std::string out;
    for (size_t at = 0; at < in.size(); at += piece) {
      ends.feed(std::string_view(in).substr(at, piece), out);
    }
    EXPECT_EQ(out, "a\r\nb\r\nc\rd\r\n\r\n\r\n") << piece;
  }
}

TEST(Mbox, FromLines) {
  EXPECT_EQ(parse_from_line("From a@b Mon Nov 13 08:09:10 2023"), 1'699'862'950);
  EXPECT_EQ(parse_from_line("From - Mon Nov 13 08:09:10 CET 2023"), 1'699'862'950);
  EXPECT_EQ(parse_from_line("From here on it was better"), std::nullopt);
  EXPECT_EQ(parse_from_line(print_from_line("a@b", 1'699'862'950)), 1'699'862'950);
}

}  // namespace
}  // namespace eilpost::client
