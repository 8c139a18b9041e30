#include "mime/part_index.h"

#include <gtest/gtest.h>

namespace eilpost::mime {
namespace {

// The message of RFC 9051 6.4.5.1's example, shortened: text, octet-stream, message(text, stream),
// multipart(image, message(multipart(plain, rich))).
const std::string example =
    "Subject: outer\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
    "--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\none\r\n"
    "--a\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\ntwo\r\n"
    "--a\r\nContent-Type: message/rfc822\r\nX: mime3\r\n\r\n"
    "Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\nthree-one\r\n--b\r\n\r\nthree-two\r\n--b--\r\n\r\n"
    "--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    "--c\r\nContent-Type: image/gif\r\n\r\nfour-one\r\n"
    "--c\r\nContent-Type: message/rfc822\r\n\r\nSubject: four-two\r\n\r\nplain\r\n--c--\r\n"
    "--a--\r\n";

class Sections : public testing::Test {
 protected:
  std::string at(const std::vector<uint32_t>& numbers, SectionText text = SectionText::whole) {
    const auto range = locate(index_, numbers, text);
    return range ? example.substr(range->offset, range->size) : "NIL";
  }
  PartIndex index_ = make_part_index(scan(example));
};

TEST_F(Sections, OfTheMessage) {
  EXPECT_EQ(at({}), example);
  EXPECT_EQ(at({}, SectionText::header) + at({}, SectionText::text), example);
  EXPECT_EQ(at({}, SectionText::mime), "NIL");
}

TEST_F(Sections, OfLeaves) {
  EXPECT_EQ(at({1}), "one");
  EXPECT_EQ(at({2}), "two");
  EXPECT_EQ(at({1}, SectionText::mime), "Content-Type: text/plain; charset=utf-8\r\n\r\n");
  EXPECT_EQ(at({1}, SectionText::header), "NIL");
  EXPECT_EQ(at({1}, SectionText::text), "NIL");
  EXPECT_EQ(at({1, 1}), "NIL");
  EXPECT_EQ(at({0}), "NIL");
  EXPECT_EQ(at({5}), "NIL");
  EXPECT_EQ(at({4, 1}), "four-one");
}

TEST_F(Sections, OfMessagesInIt) {
  EXPECT_EQ(at({3}, SectionText::mime), "Content-Type: message/rfc822\r\nX: mime3\r\n\r\n");
  EXPECT_EQ(at({3}, SectionText::header),
            "Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
  EXPECT_EQ(at({3}), at({3}, SectionText::header) + at({3}, SectionText::text));
  EXPECT_EQ(at({3, 1}), "three-one");
  EXPECT_EQ(at({3, 2}), "three-two");
  EXPECT_EQ(at({3, 3}), "NIL");
  EXPECT_EQ(at({4, 2}, SectionText::header), "Subject: four-two\r\n\r\n");
  EXPECT_EQ(at({4, 2}, SectionText::text), "plain");
  // A message without parts has part 1: its body.
  EXPECT_EQ(at({4, 2, 1}), "plain");
  EXPECT_EQ(at({4, 2, 1}, SectionText::mime), "Subject: four-two\r\n\r\n");
  EXPECT_EQ(at({4, 2, 2}), "NIL");
  EXPECT_EQ(at({4, 2, 1, 1}), "NIL");
}

TEST(PartIndex, OfASinglePartMessage) {
  const std::string octets = "Subject: x\r\n\r\nbody";
  const PartIndex index = make_part_index(scan(octets));
  EXPECT_EQ(locate(index, {1}), (OctetRange{14, 4}));
  EXPECT_EQ(locate(index, {1}, SectionText::mime), (OctetRange{0, 14}));
  EXPECT_FALSE(locate(index, {2}));
  EXPECT_FALSE(locate(index, {1, 1}));
}

TEST(PartIndex, OfAMessageThatIsAMessage) {
  const std::string octets = "Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nin";
  const PartIndex index = make_part_index(scan(octets));
  EXPECT_EQ(locate(index, {1}), (OctetRange{32, 10}));
  EXPECT_EQ(locate(index, {1}, SectionText::header), (OctetRange{32, 8}));
  EXPECT_EQ(locate(index, {1, 1}), (OctetRange{40, 2}));
}

TEST(PartIndex, TellsTextLeaves) {
  const PartIndex index = make_part_index(scan(example));
  std::vector<std::string> charsets;
  for (const IndexedPart& part : index.parts) {
    if (part.is_text()) charsets.push_back(part.charset);
  }
  EXPECT_EQ(charsets, (std::vector<std::string>{"utf-8", "us-ascii", "us-ascii", "us-ascii"}));
  EXPECT_EQ(find_part(index, {2})->encoding, Encoding::base64);
  EXPECT_EQ(find_part(index, {9}), nullptr);
}

TEST(PartIndex, SurvivesEncodingAndIsSmall) {
  const PartIndex index = make_part_index(scan(example));
  const std::string encoded = encode(index);
  EXPECT_LT(encoded.size(), index.parts.size() * 20);
  EXPECT_EQ(decode_part_index(encoded), index);
}

TEST(PartIndex, RefusesEveryCutAndMostChanges) {
  const std::string encoded = encode(make_part_index(scan(example)));
  for (size_t size = 0; size < encoded.size(); ++size) {
    const auto decoded = decode_part_index(std::string_view(encoded).substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error().code, Code::corrupt);
  }
  EXPECT_FALSE(decode_part_index(encoded + "x"));
  PartIndex outside = make_part_index(scan(example));
  outside.parts[1].body_size = 1000000;
  EXPECT_FALSE(decode_part_index(encode(outside)));
  outside.parts[1].body_size = UINT64_MAX;
  EXPECT_FALSE(decode_part_index(encode(outside)));
  PartIndex childless = make_part_index(scan("a"));
  childless.parts[0].kind = PartKind::message;
  EXPECT_FALSE(decode_part_index(encode(childless)));
}

}  // namespace
}  // namespace eilpost::mime
