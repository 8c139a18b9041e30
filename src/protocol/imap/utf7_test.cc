#include "protocol/imap/utf7.h"

#include <gtest/gtest.h>

#include <utility>

namespace eilpost::imap {
namespace {

TEST(Utf7, BothWays) {
  const std::pair<const char*, const char*> names[] = {
      {"", ""},
      {"INBOX", "INBOX"},
      {"Tom & Jerry", "Tom &- Jerry"},
      {"&&", "&-&-"},
      {"Entwürfe", "Entw&APw-rfe"},
      // RFC 3501 5.1.3
      {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
      {"☺!", "&Jjo-!"},
      {"\U0001F600", "&2D3eAA-"},
      {"ä&ö", "&AOQ-&-&APY-"},
      {"\t", "&AAk-"},
  };
  for (const auto& [utf8, coded] : names) {
    Result<std::string> encoded = utf7_encode(utf8);
    ASSERT_TRUE(encoded) << utf8;
    EXPECT_EQ(coded, *encoded);
    Result<std::string> decoded = utf7_decode(coded);
    ASSERT_TRUE(decoded) << coded;
    EXPECT_EQ(utf8, *decoded);
  }
}

TEST(Utf7, RefusesWhatIsNotCanonical) {
  for (const char* coded : {
           "&",                   // no end
           "&AOQ",                // no end
           "&AGE-",               // "a" in base64
           "&U,BTFw-&ZeVnLIqe-",  // two shifts side by side, RFC 3501 5.1.3
           "&AOR-",               // stray bits
           "&AO-",                // half a character
           "&2D0-",               // a lone surrogate
           "&3gA-",               // a low surrogate first
           "&AAA-",               // NUL
           "&!-",                 // not base64
           "&AOQ=-",              // padding
           "&AOQ/-",              // "/" stands for ","
           "Entw\xc3\xbcrfe",     // 8-bit
           "a\tb",
       }) {
    EXPECT_FALSE(utf7_decode(coded)) << coded;
  }
}

TEST(Utf7, RefusesWhatIsNotUtf8) {
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(utf7_encode(bad));
    EXPECT_FALSE(valid_utf8(bad));
  }
  EXPECT_TRUE(valid_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
}

}  // namespace
}  // namespace eilpost::imap
