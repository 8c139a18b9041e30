#include "base/json.h"

#include <gtest/gtest.h>

namespace eilpost {
namespace {

TEST(Json, LooksInto) {
  const auto json = parse_json(
      R"({"iss":"https://a","aud":["x",1,"y"],"one":"z","exp":1700000000.9,"nbf":12,"big":1e300})");
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->text_at("iss"), "https://a");
  EXPECT_EQ(json->text_at("aud"), "");
  EXPECT_EQ(json->texts_at("aud"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(json->texts_at("one"), std::vector<std::string>{"z"});
  EXPECT_EQ(json->integer_at("exp"), 1'700'000'000);
  EXPECT_EQ(json->integer_at("nbf"), 12);
  EXPECT_FALSE(json->integer_at("big").has_value());
  EXPECT_FALSE(json->integer_at("iss").has_value());
  EXPECT_EQ(json->find("none"), nullptr);
  EXPECT_EQ(json->array_at("aud")->size(), 3U);
}

TEST(Json, LastOfSameNameCounts) {
  EXPECT_EQ(parse_json(R"({"alg":"RS256","alg":"none"})")->text_at("alg"), "none");
}

TEST(Json, WhatIsPrintedParsesTheSame) {
  const auto json = parse_json(R"({"a":[null,true,-5,2.5,"\u0001\"x",{}],"b":{"c":[]}})");
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(parse_json(print_json(*json)), *json);
}

TEST(Json, Refuses) {
  for (const auto* bad :
       {"", "{", "1e400", "[-1e400]", "{\"a\":1,}", "nul", "{} x", "\"\xff\"", "{'a':1}"}) {
    EXPECT_FALSE(parse_json(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')).has_value());
  EXPECT_EQ(parse_json(std::string(2 << 20, ' ')).error().code, Code::too_big);
}

TEST(JsonString, QuotesAndEscapes) {
  EXPECT_EQ(json_string(""), "\"\"");
  EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("a\nb\x01"), R"("a\u000ab\u0001")");
  EXPECT_EQ(json_string("\xc3\xbcrfe \xf0\x9f\x93\xac"), "\"\xc3\xbcrfe \xf0\x9f\x93\xac\"");
}

TEST(JsonString, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(json_string("a\xff"), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(json_string("\xc3"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(json_string("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace eilpost
