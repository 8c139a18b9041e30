#include "client/doctor/report.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace eilpost::client {
namespace {

Report sample() {
  Report out;
  out.server = "imaps://imap.example.org";
  out.account = "bob";
  out.begun = Timestamp{1'795'000'000'000'000};
  out.seconds = 3;
  out.sign_ins = 2;
  out.connected = true;
  Section section;
  section.id = "ports";
  section.title = "Ports";
  section.tables.push_back({"", {"port", "greeting"}, {{"993", "<script>alert(1)</script>"}}});
  section.find(Grade::good, "ports.fine", "All is well & \"quoted\"");
  out.sections.push_back(section);
  return out;
}

TEST(DoctorReport, TheExitCodeSaysWhetherThereIsSomethingToDo) {
  Report report = sample();
  EXPECT_EQ(report.exit_code(), 0);
  report.sections[0].find(Grade::note, "a", "a note");
  EXPECT_EQ(report.exit_code(), 0);
  report.sections[0].find(Grade::warning, "b", "a warning");
  EXPECT_EQ(report.exit_code(), 1);
  report.connected = false;
  EXPECT_EQ(report.exit_code(), 2);
}

TEST(DoctorReport, WhatServersSayIsMadeHarmless) {
  EXPECT_EQ(said("plain"), "plain");
  EXPECT_EQ(said("a\x1b[31mb\r\nc"), "a?[31mb??c");
  EXPECT_EQ(said("Gr\xc3\xbc\xc3\x9f"
                 "e"),
            "Gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(said("\xc2\x9b"), "?");                       // CSI in one character
  EXPECT_EQ(said("\xff\xc0\xaf\xed\xa0\x80"), "??????");  // no UTF-8, overlong, a surrogate
  EXPECT_EQ(said("\xe2\x82"), "??");
  EXPECT_EQ(said(std::string(3000, 'x')).size(), 2003U);
}

TEST(DoctorReport, TheTextWrapsAndLinesUp) {
  Report report = sample();
  report.sections[0].find(Grade::problem, "c", "Something is wrong",
                          std::string(30, 'm') + " " + std::string(60, 'n'), "Do this.");
  const std::string text = print_text(report);
  EXPECT_NE(text.find("\n  port  greeting\n  993   <script>"), std::string::npos) << text;
  EXPECT_NE(text.find("  PROBLEM  Something is wrong\n           mmm"), std::string::npos) << text;
  EXPECT_NE(text.find("m\n           nnn"), std::string::npos) << text;
  EXPECT_NE(text.find("           To do: Do this.\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1 problem, 0 warnings, 0 notes"), std::string::npos) << text;
}

TEST(DoctorReport, JsonCarriesAll) {
  const auto json = parse_json(print_json(sample()));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text_at("server"), "imaps://imap.example.org");
  EXPECT_EQ(json->integer_at("sign_ins"), 2);
  const Json::Array* sections = json->array_at("sections");
  ASSERT_NE(sections, nullptr);
  const Json::Array* findings = sections->front().array_at("findings");
  ASSERT_NE(findings, nullptr);
  EXPECT_EQ(findings->front().text_at("id"), "ports.fine");
  EXPECT_EQ(findings->front().text_at("grade"), "good");
  const Json::Array* rows = sections->front().array_at("tables")->front().array_at("rows");
  ASSERT_NE(rows, nullptr);
  EXPECT_EQ(rows->front().text_at("greeting"), "<script>alert(1)</script>");
}

TEST(DoctorReport, HtmlIsEscapedAndNeedsNothingElse) {
  const std::string page = print_html(sample());
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(page.find("All is well &amp; &quot;quoted&quot;"), std::string::npos);
  EXPECT_EQ(page.find("src="), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
}

}  // namespace
}  // namespace eilpost::client
