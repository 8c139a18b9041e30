// Utf8Stream gives what to_utf8() of the whole gives, wherever the pieces are cut.
#include <gtest/gtest.h>

#include "base/random.h"
#include "mime/charset.h"

namespace eilpost::mime {
namespace {

std::string in_pieces(std::string_view charset, std::string_view octets, Random& random) {
  Utf8Stream stream(charset);
  std::string out;
  while (!octets.empty()) {
    const size_t size = std::min<size_t>(random.below(4), octets.size());
    stream.feed(octets.substr(0, size), out);
    octets.remove_prefix(size);
  }
  stream.finish(out);
  return out;
}

TEST(Utf8Stream, EqualsTheWhole) {
  struct Case {
    std::string charset;
    std::string octets;
  };
  const std::vector<Case> cases = {
      {"utf-8", "Füße, 日本語, 𝄞 and ASCII"},
      {"", "Füße, 日本語, 𝄞"},
      {"us-ascii", "plain"},
      {"iso-8859-1", "gr\xfc\xdf \x93quotes\x94"},
      {"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2"},
      {"iso-2022-jp", "\x1b$B$3$s$K$A$O\x1b(B and \x1b$B$;$+$$\x1b(B"},
      {"shift_jis", "\x82\xb1\x82\xf1\x82\xc9\x82\xbf"},
      {"gb2312", "\xc4\xe3\xba\xc3"},
      {"utf-16be", std::string("\0a\x04\x16\xd8\x34\xdd\x1e", 8)},
      {"utf-7", "Hi Mom -+Jjo--!"},
      {"x-unheard-of", "ASCII and ü"},
      {"utf-8", "cut at the end \xe6\x97"},
      {"utf-8", "broken \xff inside, \xc3( too"},
  };
  Random random(5);
  for (const Case& c : cases) {
    for (int round = 0; round < 50; ++round) {
      EXPECT_EQ(in_pieces(c.charset, c.octets, random), to_utf8(c.charset, c.octets)) << c.charset;
    }
  }
}

TEST(Utf8Stream, UnlabelledPiecesThatAreNotUtf8) {
  Utf8Stream stream("us-ascii");
  std::string out;
  stream.feed("gr\xfcn und ", out);
  stream.feed("grün", out);
  stream.finish(out);
  EXPECT_EQ(out, "grün und grün");
  EXPECT_TRUE(is_utf8(out));
}

}  // namespace
}  // namespace eilpost::mime
