#include "client/doctor/checks/structure.h"

#include <gtest/gtest.h>

#include "client/doctor/checks/ground.h"
#include "mime/wire.h"

namespace eilpost::client::checks {
namespace {

const std::string mixed =
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Content-Type: multipart/alternative; boundary=c\r\n\r\n"
    "--c\r\n\r\ninner\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>inner\r\n--c--\r\n"
    "--b--\r\n";

imap::BodyStructure told_of(const mime::Message& message) {
  const std::string text = mime::print_bodystructure(message);
  imap::Frame frame;
  frame.text = text;
  imap::Cursor cursor(frame, {});
  auto parsed = imap::parse_body_structure(cursor);
  EXPECT_TRUE(parsed);
  return parsed ? *parsed : imap::BodyStructure();
}

TEST(DoctorStructure, WhatIsTrueHasNoFaults) {
  const mime::Message message = mime::scan(mixed);
  const StructureFaults faults = compare_structure(told_of(message), message);
  EXPECT_TRUE(faults.sizes.empty()) << faults.sizes.front();
  EXPECT_TRUE(faults.shapes.empty()) << faults.shapes.front();
}

TEST(DoctorStructure, NamesThePartThatIsLiedAbout) {
  const mime::Message message = mime::scan(mixed);
  imap::BodyStructure told = told_of(message);
  told.children[0].size += 5;
  told.children[1].children[0].children[1].lines = 99;
  const StructureFaults faults = compare_structure(told, message);
  ASSERT_EQ(faults.sizes.size(), 2U);
  EXPECT_EQ(faults.sizes[0], "part 1 has 8 octets, said are 13");
  EXPECT_EQ(faults.sizes[1].substr(0, 8), "part 2.2");
  EXPECT_TRUE(faults.shapes.empty());
}

TEST(DoctorStructure, TellsOtherShapes) {
  const mime::Message message = mime::scan(mixed);
  imap::BodyStructure told = told_of(message);
  told.children.pop_back();
  EXPECT_EQ(compare_structure(told, message).shapes,
            std::vector<std::string>{"the message has 2 parts, said are 1"});
  told.children[0].subtype = "HTML";
  told.children.push_back(told.children[0]);
  const StructureFaults faults = compare_structure(told, message);
  ASSERT_EQ(faults.shapes.size(), 2U);
  EXPECT_EQ(faults.shapes[0], "part 1 is text/plain, said is text/HTML");
  // A leaf where a multipart stands.
  EXPECT_EQ(compare_structure(told.children[0], message).shapes.size(), 1U);
}

TEST(DoctorStructure, ALastLineWithoutEndMayCountOrNot) {
  const mime::Message message = mime::scan("Subject: x\r\n\r\none\r\ntwo");
  imap::BodyStructure told = told_of(message);
  ASSERT_TRUE(told.lines);
  *told.lines += 1;
  EXPECT_TRUE(compare_structure(told, message).sizes.empty());
  *told.lines += 1;
  EXPECT_EQ(compare_structure(told, message).sizes.size(), 1U);
}

TEST(DoctorGround, SpreadsOverTheMailbox) {
  EXPECT_EQ(spread(0, 20).to_string(), "");
  EXPECT_EQ(spread(5, 20).to_string(), "1:5");
  EXPECT_EQ(spread(1000, 1).to_string(), "1000");
  EXPECT_EQ(spread(101, 3).to_string(), "1,51,101");
  const auto many = spread(4'000'000'000, 20);
  EXPECT_EQ(many.count(), 20U);
  EXPECT_EQ(many.min(), 1U);
  EXPECT_EQ(many.max(), 4'000'000'000U);
}

}  // namespace
}  // namespace eilpost::client::checks
