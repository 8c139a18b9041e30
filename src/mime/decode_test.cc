#include "mime/decode.h"

#include <gtest/gtest.h>

#include "mime/charset.h"

namespace eilpost::mime {
namespace {

template <class Coder>
std::string in_steps(std::string_view text, size_t step) {
  Coder coder;
  std::string out;
  for (size_t i = 0; i < text.size(); i += step) coder.feed(text.substr(i, step), out);
  coder.finish(out);
  return out;
}

TEST(Base64, DecodesTolerantly) {
  EXPECT_EQ(base64_decode("aGVsbG8="), "hello");
  EXPECT_EQ(base64_decode("aGVs\r\nbG8="), "hello");
  EXPECT_EQ(base64_decode("aGVs!bG8"), "hello");
  EXPECT_EQ(base64_decode("aGk=aGk="), "hihi");
  EXPECT_EQ(base64_decode("a"), "");
  EXPECT_EQ(base64_decode("===="), "");
  Base64Decoder good, bad;
  std::string out;
  good.feed("aGVs\r\n bG8=\r\n", out);
  good.finish(out);
  EXPECT_FALSE(good.malformed());
  bad.feed("aGVs-G8=", out);
  bad.finish(out);
  EXPECT_TRUE(bad.malformed());
}

TEST(Base64, EncodesLines) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("a"), "YQ==\r\n");
  EXPECT_EQ(base64_encode("ab"), "YWI=\r\n");
  EXPECT_EQ(base64_encode(std::string(57, 'a')).size(), 78u);
  EXPECT_EQ(base64_encode(std::string(58, 'a')).size(), 84u);
}

TEST(QuotedPrintable, Decodes) {
  EXPECT_EQ(quoted_printable_decode("a=3Db=c3=BC"), "a=b\xc3\xbc");
  EXPECT_EQ(quoted_printable_decode("so=\r\nft=  \r\ned"), "softed");
  EXPECT_EQ(quoted_printable_decode("trail \t\r\nx "), "trail\r\nx");
  EXPECT_EQ(quoted_printable_decode("keep =zz =A\r\n =4"), "keep =zz =A\r\n =4");
  EXPECT_EQ(quoted_printable_decode("end="), "end");
  EXPECT_EQ(quoted_printable_decode("a \rb"), "a \rb");
  EXPECT_EQ(quoted_printable_decode("a\nb =\nc"), "a\nb c");
}

TEST(QuotedPrintable, Encodes) {
  EXPECT_EQ(quoted_printable_encode("a=b\r\n"), "a=3Db\r\n");
  EXPECT_EQ(quoted_printable_encode("a \r\nb\t"), "a=20\r\nb=09");
  EXPECT_EQ(quoted_printable_encode("a\nb\rc"), "a=0Ab=0Dc");
  const std::string encoded = quoted_printable_encode(std::string(500, 'x'));
  for (size_t at = 0; at < encoded.size();) {
    const size_t end = std::min(encoded.find("\r\n", at), encoded.size());
    EXPECT_LE(end - at, 76u);
    at = end + 2;
  }
}

TEST(Coders, RoundTripInAnySteps) {
  uint32_t state = 1;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const size_t size = static_cast<size_t>(round) * 7 % 400;
    for (size_t i = 0; i < size; ++i) {
      state = state * 1664525 + 1013904223;
      constexpr std::string_view often = "  \t\r\n\r\n==ab";
      const uint32_t pick = state >> 24;
      text.push_back(round % 2 && pick < 200 ? often[pick % often.size()]
                                             : static_cast<char>(pick));
    }
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
    EXPECT_EQ(quoted_printable_decode(quoted_printable_encode(text)), text);
    for (const size_t step : {1, 2, 5, 64}) {
      EXPECT_EQ(in_steps<Base64Encoder>(text, step), base64_encode(text));
      EXPECT_EQ(in_steps<QuotedPrintableEncoder>(text, step), quoted_printable_encode(text));
      EXPECT_EQ(in_steps<Base64Decoder>(text, step), base64_decode(text));
      EXPECT_EQ(in_steps<QuotedPrintableDecoder>(text, step), quoted_printable_decode(text));
    }
  }
}

TEST(Binary, UnknownEncodingIsAnError) {
  EXPECT_EQ(decode_binary("aGk=", Encoding::base64), "hi");
  EXPECT_EQ(decode_binary("a=3D", Encoding::seven_bit), "a=3D");
  EXPECT_EQ(decode_binary("x", Encoding::unknown).error().code, Code::unknown_cte);
  EXPECT_EQ(parse_encoding("BASE64"), Encoding::base64);
  EXPECT_EQ(parse_encoding(""), Encoding::seven_bit);
  EXPECT_EQ(parse_encoding("x-uue"), Encoding::unknown);
}

TEST(Texts, OfParts) {
  EXPECT_EQ(text_of_part("f=FCr", Encoding::quoted_printable, "iso-8859-1"), "für");
  EXPECT_EQ(text_of_part("g/yBaA==", Encoding::base64, "no-such"), "ƒü\xc2\x81h");
  EXPECT_EQ(text_of_part("\x1b$B$\"\x1b(B", Encoding::seven_bit, "iso-2022-jp"), "あ");
}

TEST(Html, BecomesText) {
  EXPECT_EQ(
      collapse_blanks(html_to_text(
          "<html><head><title>t</title><style>p{}</style></head><!-- c > --><body><p>One"
          "<b>Two</b></p><script>if(a<b){}</script><td>a</td><td>b</td> 1 < 2 &lt; &#x41;&#66;"
          "&euro;&unknown; &auml;&amp <a href=\"x>y\">link</a>")),
      "OneTwo a b 1 < 2 < AB€&unknown; ä& link");
  EXPECT_EQ(html_to_text("<!-- open"), "");
  // Office files: namespaces count for nothing.
  EXPECT_EQ(html_to_text("<w:p><w:t>quo</w:t><w:t>kka</w:t></w:p><text:p>x<text:tab/>y"),
            "\nquokka\n\nx\ny");
  EXPECT_EQ(html_to_text("<a href=x:p>z</a><dc:title>y<x:"), "zy");
  EXPECT_EQ(html_to_text("a<"), "a<");
  EXPECT_EQ(html_to_text("<b"), "");
  EXPECT_EQ(html_to_text("&#xd800;&#99999999;"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(collapse_blanks("\xc2\xa0 a\xe2\x80\x8c\xc2\xad \r\n\t b\xef\xbb\xbf "), "a b");
}

TEST(Charsets, AreKnown) {
  for (const char* name : {"", "us-ascii", "UTF-8", "utf8", "ISO-8859-15", "koi8-r", "gb2312",
                           "Shift_JIS", "iso-2022-jp", "windows-1251", "big5", "euc-kr", "utf-7"}) {
    EXPECT_TRUE(known_charset(name)) << name;
  }
  for (const std::string& name :
       {std::string("no-such"), std::string(1000, 'x'), std::string("a\0b", 3)}) {
    EXPECT_FALSE(known_charset(name)) << name;
  }
}

TEST(Charsets, ConvertTolerantly) {
  EXPECT_EQ(to_utf8("iso-8859-1", "\xe4\x93"), "ä“");
  EXPECT_EQ(to_utf8("koi8-r", "\xd0\xd2\xc9"), "при");
  EXPECT_EQ(to_utf8("us-ascii", "\xc3\xa4"), "ä");
  EXPECT_EQ(to_utf8("us-ascii", "\xe4"), "ä");
  EXPECT_EQ(to_utf8("utf-8", "a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(to_utf8("utf-16be", std::string_view("\xd8\x3d\xde\x00", 4)), "😀");
  // Many surrogate pairs: none is torn between two buffers.
  std::string pairs, faces;
  for (int i = 0; i < 5000; ++i) {
    if (i == 1) pairs += std::string("\0a", 2), faces += "a";
    pairs += std::string("\xd8\x3d\xde\x00", 4), faces += "😀";
  }
  EXPECT_EQ(to_utf8("utf-16be", pairs), faces);
}

TEST(Charsets, ConvertStrictly) {
  EXPECT_EQ(to_utf8_strict("utf-8", "ä"), "ä");
  EXPECT_EQ(to_utf8_strict("iso-8859-1", "\xe4"), "ä");
  EXPECT_EQ(to_utf8_strict("us-ascii", "\xe4").error().code, Code::invalid);
  EXPECT_EQ(to_utf8_strict("utf-8", "\xe4").error().code, Code::invalid);
  EXPECT_EQ(to_utf8_strict("gb18030", "\xff\xff").error().code, Code::invalid);
  EXPECT_EQ(to_utf8_strict("no-such", "a").error().code, Code::bad_charset);
  // An error leaves nothing behind for the next text.
  EXPECT_EQ(to_utf8_strict("gb18030", "a"), "a");
}

TEST(Charsets, KnowUtf8) {
  for (const char* good : {"", "a", "ä", "€", "😀", "12345678ä12345678"}) EXPECT_TRUE(is_utf8(good));
  for (const char* bad : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xc3", "12345678\xff"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
  EXPECT_EQ(utf8_prefix("aäb", 2), "aä");
  EXPECT_EQ(utf8_prefix("aäb", 9), "aäb");
}

TEST(Folding, Casemap) {
  const auto casemap = [](std::string_view text) {
    std::string out;
    append_casemap(text, out);
    return out;
  };
  EXPECT_EQ("HELLO, 1", casemap("Hello, 1"));
  EXPECT_EQ("A\xcc\x88", casemap("ä"));
  EXPECT_EQ(casemap("A\xcc\x88"), casemap("ä"));
  // Titlecase and no more (RFC 5051): the sharp s stays, the ligature falls apart behind it.
  EXPECT_EQ("ß", casemap("ß"));
  EXPECT_EQ("fi", casemap("ﬁ"));
  EXPECT_EQ(casemap("ǆ"), casemap("Ǆ"));
  // Hangul syllables have no decomposition there.
  EXPECT_EQ("한국A\xcc\x88한", casemap("한국ä한"));
  EXPECT_EQ(
      "\xef\xbf\xbd"
      "A",
      casemap("\xff"
              "a"));
}

TEST(Folding, SubstringsOfDecomposedText) {
  const auto folded = [](std::string_view text) { return fold_for_search(text); };
  EXPECT_EQ(0U, folded("Café").find(folded("CAFE")));
  EXPECT_EQ("한국", folded("한국"));
}

TEST(Folding, MatchesWhatReadersSeeAsEqual) {
  EXPECT_EQ(fold_for_search("Hello"), "hello");
  EXPECT_EQ(fold_for_search("STRASSE Straße"), "strasse strasse");
  EXPECT_EQ(fold_for_search("A\xcc\x88"), fold_for_search("ä"));
  EXPECT_EQ(fold_for_search("ÄΣ"), fold_for_search("äς"));
  EXPECT_EQ(fold_for_search("\xff"
                            "A"),
            "\xef\xbf\xbd"
            "a");
}

}  // namespace
}  // namespace eilpost::mime
