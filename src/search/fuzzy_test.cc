#include "search/fuzzy.h"

#include "search/search_testing.h"

namespace eilpost::search {
namespace {

uint8_t score(std::string_view needle, std::string_view text) {
  FuzzyMatcher matcher;
  const size_t number = matcher.add(needle, FuzzyMatcher::Place::body);
  matcher.text(text, Where::body);
  return matcher.score(number);
}

using Words = std::vector<std::string>;

TEST(FuzzyWords, LettersWithoutTheirMarks) {
  EXPECT_EQ(words_of("Déjà-vu, Straße; 3 ŁÓDŹ!"), (Words{"deja", "vu", "strasse", "3", "lodz"}));
  EXPECT_EQ(words_of("ışık İstanbul"), (Words{"isik", "istanbul"}));
  EXPECT_EQ(words_of("כְּתָב كِتَاب"), (Words{"כתב", "كتاب"}));
  EXPECT_EQ(words_of("..."), Words{});
}

TEST(FuzzyWords, IdeographsAndHangulInPairs) {
  EXPECT_EQ(words_of("电子邮件"), (Words{"电子", "子邮", "邮件"}));
  EXPECT_EQ(words_of("信"), Words{"信"});
  EXPECT_EQ(words_of("abc信号x"), (Words{"abc", "信号", "x"}));
  EXPECT_EQ(words_of("한국어"), (Words{"한국", "국어"}));
}

TEST(Fuzzy, ExactWordsAreBest) {
  EXPECT_EQ(score("imap break", "the IMAP Break"), 100);
  EXPECT_EQ(score("strasse", "Straße"), 100);
  EXPECT_EQ(score("muller", "Herr Müller"), 100);
}

TEST(Fuzzy, StemsBeginningsAndSlips) {
  if (!xapian_available()) GTEST_SKIP();
  EXPECT_EQ(score("meeting", "several meetings"), 71);
  EXPECT_EQ(score("Häuser", "ein Haus"), 71);
  EXPECT_EQ(score("fussball", "Fußballweltmeisterschaft"), 43);
  EXPECT_EQ(score("receive", "recieve"), 15);
  EXPECT_EQ(score("invoice", "invoce"), 15);
  EXPECT_EQ(score("invoice", "unvoice"), 0);
  EXPECT_EQ(score("cat", "cut"), 0);
}

TEST(Fuzzy, WordsInAnyOrderAndMostOfThem) {
  EXPECT_EQ(score("IMAP break", "a break of imap"), 100);
  EXPECT_EQ(score("imap break", "imap only"), 0);
  EXPECT_EQ(score("one two three four", "one two four"), 64);
  // The least that matches.
  EXPECT_EQ(score("receive invoice meeting other", "recieve invoce meating"), 1);
  EXPECT_EQ(score("one two three four", "one two"), 0);
  EXPECT_EQ(score("!?", "whatever"), 1);
}

TEST(Fuzzy, PlacesAreKeptApart) {
  TestMailbox box;
  const char* body = "\r\n\r\nLetters about gardens\r\n";
  box.add("Subject: Meetings" + std::string(body));
  box.add("Subject: gardens" + std::string(body));
  box.add("From: x\r\nSubject: y\r\n\r\nnothing\r\n");
  EXPECT_EQ(box.uids(fuzzy(header_contains("subject", "garden"))), "2");
  EXPECT_EQ(box.uids(fuzzy(body_contains("garden"))), "1:2");
  EXPECT_EQ(box.uids(fuzzy(text_contains("meeting"))), "1");
  EXPECT_EQ(box.uids(fuzzy(body_contains("meeting"))), "");
  EXPECT_EQ(box.uids(fuzzy(negation(body_contains("garden")))), "3");
  EXPECT_EQ(box.uids(fuzzy(header_contains("from", ""))), "3");
}

TEST(Fuzzy, ScoresComeWithTheMatches) {
  TestMailbox box;
  box.add("Subject: a\r\n\r\nthe gardens\r\n");
  box.add("Subject: b\r\n\r\nno\r\n");
  box.add("Subject: c\r\n\r\nthe garden\r\n");
  const Answer answer = box.ask(fuzzy(body_contains("garden")));
  ASSERT_EQ(answer.uids.to_string(), "1,3");
  ASSERT_EQ(answer.relevancy.size(), 2U);
  EXPECT_EQ(answer.relevancy[0].uid, Uid(1));
  EXPECT_LT(answer.relevancy[0].score, 100);
  EXPECT_EQ(answer.relevancy[1].score, 100);
  EXPECT_TRUE(box.ask(body_contains("garden")).relevancy.empty());
}

// A text in pieces is one text.
TEST(Fuzzy, LongTexts) {
  TestMailbox box;
  std::string text;
  while (text.size() < 300'000) text += "some words to fill a line with\r\n";
  box.add("Subject: long\r\n\r\n" + text + "quokkas\r\n" + text);
  EXPECT_EQ(box.uids(fuzzy(body_contains("quokka"))), "1");
  EXPECT_EQ(box.uids(fuzzy(body_contains("wallaby"))), "");
}

}  // namespace
}  // namespace eilpost::search
