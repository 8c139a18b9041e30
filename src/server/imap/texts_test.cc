#include "server/imap/texts.h"

#include <gtest/gtest.h>

#include "mime/charset.h"
#include "protocol/imap/response_code.h"

namespace eilpost::server {
namespace {

TEST(Texts, WhateverFailsIsToldInGerman) {
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    const std::string_view english = imap::error_reply(static_cast<Code>(code)).text;
    EXPECT_NE(english, text_in(Language::german, english)) << english;
    EXPECT_EQ(english, text_in(Language::english, english));
    EXPECT_EQ(english, text_in(Language::international, english));
  }
}

TEST(Texts, AreOneLineOfUtf8) {
  for (const std::string_view english : known_texts()) {
    const std::string_view german = text_in(Language::german, english);
    EXPECT_NE(english, german);
    EXPECT_TRUE(mime::is_utf8(german));
    EXPECT_EQ(std::string_view::npos, german.find_first_of("\r\n"));
  }
  EXPECT_EQ("what nobody has translated", text_in(Language::german, "what nobody has translated"));
}

TEST(Texts, LanguagesByRange) {
  EXPECT_EQ(Language::german, find_language("de"));
  EXPECT_EQ(Language::german, find_language("DE-de"));
  EXPECT_EQ(Language::german, find_language("de-Latn-x-town"));
  EXPECT_EQ(Language::english, find_language("en-GB-oed"));
  EXPECT_EQ(Language::international, find_language("i-default"));
  EXPECT_EQ(Language::international, find_language("Default"));
  EXPECT_EQ(Language::international, find_language("*"));
  EXPECT_FALSE(find_language("d"));
  EXPECT_FALSE(find_language("deu"));
  EXPECT_FALSE(find_language(""));
  EXPECT_FALSE(find_language("-"));
}

}  // namespace
}  // namespace eilpost::server
