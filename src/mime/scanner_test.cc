#include "mime/scanner.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "mime/compose.h"
#include "mime/scan_laws.h"
#include "mime/wire.h"

namespace eilpost::mime {
namespace {

// "type/subtype:body" of every part, children after parents.
std::string tree(std::string_view octets) {
  EXPECT_EQ(broken_scan_law(octets), "");
  std::string out;
  for (const Part& part : scan(octets).parts) {
    if (!out.empty()) out += ' ';
    out += fmt::format("{}:{}/{}", part.parent, part.type, part.subtype);
    if (!part.is_multipart() && !part.is_message()) {
      out += fmt::format("={}", octets.substr(part.body_offset, part.body_size));
    }
  }
  return out;
}

TEST(Scanner, PlainMessage) {
  const std::string_view text = "Subject: x\r\n\r\nbody\r\n";
  const Message message = scan(text);
  ASSERT_EQ(message.parts.size(), 1u);
  EXPECT_EQ(message.parts[0].header_size, 14u);
  EXPECT_EQ(message.parts[0].header_lines, 2u);
  EXPECT_EQ(message.parts[0].body_lines, 1u);
  EXPECT_EQ(message.parts[0].header, "Subject: x\r\n\r\n");
  EXPECT_EQ(message.capture, "body\r\n");
  EXPECT_EQ(tree(text), "-1:text/plain=body\r\n");
}

TEST(Scanner, OddMessages) {
  EXPECT_EQ(tree(""), "-1:text/plain=");
  EXPECT_EQ(tree("\r\n"), "-1:text/plain=");
  EXPECT_EQ(tree("no header at all"), "-1:text/plain=");
  EXPECT_EQ(tree("A: b\n\nx\ny"), "-1:text/plain=x\ny");
  EXPECT_EQ(tree("A: b\r\r\n\r\r\nx"), "-1:text/plain=x");
  EXPECT_EQ(tree("Content-Type: nonsense\r\n\r\nx"), "-1:text/plain=x");
  EXPECT_EQ(tree("Content-Type: multipart/mixed\r\n\r\n--\r\nx"), "-1:text/plain=--\r\nx");
  EXPECT_EQ(tree(std::string_view("A: \0\r\n\r\n\0", 9)), std::string("-1:text/plain=") + '\0');
}

TEST(Scanner, Multipart) {
  EXPECT_EQ(
      tree("Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n"
           "--b  \r\nContent-Type: text/html\r\n\r\n<two>\r\n\r\n--b--\r\nepilogue\r\n--b\r\n"),
      "-1:multipart/mixed 0:text/plain=one 0:text/html=<two>\r\n");
}

TEST(Scanner, PartsWithoutBodies) {
  const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  EXPECT_EQ(tree(head + "--b\r\n--b\r\nA: c\r\n--b--"),
            "-1:multipart/mixed 0:text/plain= 0:text/plain=");
  EXPECT_EQ(tree(head + "no delimiter"), "-1:multipart/mixed 0:text/plain=");
  EXPECT_EQ(tree(head + "--b--"), "-1:multipart/mixed 0:text/plain=");
  EXPECT_EQ(tree(head + "--b"), "-1:multipart/mixed 0:text/plain=");
  EXPECT_EQ(tree(head + "--b\r\nContent-Type: message/rfc822\r\n--b--\r\n"),
            "-1:multipart/mixed 0:message/rfc822 1:text/plain=");
  EXPECT_EQ(tree(head + "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n--b--\r\n"),
            "-1:multipart/mixed 0:multipart/mixed 1:text/plain=");
}

TEST(Scanner, NestedBoundaries) {
  // The outer boundary is a prefix of the inner one, and the inner multipart is never closed.
  EXPECT_EQ(tree("Content-Type: multipart/mixed; boundary=a\r\n\r\n"
                 "--a\r\nContent-Type: multipart/alternative; boundary=\"a-1\"\r\n\r\n"
                 "--a-1\r\n\r\nx\r\n--a-1\r\n\r\ny\r\n--a\r\n\r\nz\r\n--a--\r\n"),
            "-1:multipart/mixed 0:multipart/alternative 1:text/plain=x 1:text/plain=y "
            "0:text/plain=z");
}

TEST(Scanner, EmptyBoundaryIsAWholeLine) {
  EXPECT_EQ(tree("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n-- \r\n\r\n"
                 "y\r\n--no\r\n----\r\nz"),
            "-1:multipart/mixed 0:text/plain=x 0:text/plain=y\r\n--no");
}

TEST(Scanner, MessagesInMessages) {
  EXPECT_EQ(tree("Content-Type: multipart/digest; boundary=b\r\n\r\n"
                 "--b\r\n\r\nSubject: in\r\n\r\nhi\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
                 "--b--\r\n"),
            "-1:multipart/digest 0:message/rfc822 1:text/plain=hi 0:text/plain=x");
  const Message message = scan("Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n");
  ASSERT_EQ(message.parts.size(), 2u);
  EXPECT_TRUE(message.parts[0].is_message());
  EXPECT_EQ(message.parts[0].body_size, 17u);
  EXPECT_EQ(message.parts[0].body_lines, 3u);
  EXPECT_EQ(message.parts[1].header, "Subject: a\r\n\r\n");
}

TEST(Scanner, ReadsContentFields) {
  const Message message = scan(
      "Content-Transfer-Encoding: BASE64 (c)\r\nContent-ID: <i>\r\nContent-Description: d\r\n e\r\n"
      "Content-MD5: m\r\nContent-Disposition: inline; filename=f\r\nContent-Language: de, en\r\n"
      "Content-Location: l\r\n\r\n");
  const Part& part = message.parts[0];
  EXPECT_EQ(part.encoding, "base64");
  EXPECT_EQ(part.id, "<i>");
  EXPECT_EQ(part.description, "d e");
  EXPECT_EQ(part.md5, "m");
  EXPECT_EQ(part.disposition->params, (Params{{"filename", "f"}}));
  EXPECT_EQ(part.language, (std::vector<std::string>{"de", "en"}));
  EXPECT_EQ(part.location, "l");
  EXPECT_EQ(scan("Content-Transfer-Encoding: 8 bit\r\n\r\n").parts[0].encoding, "7bit");
}

TEST(Scanner, CapturesPlainTextBeforeHtml) {
  const std::string html = "--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n";
  const std::string plain = "--b\r\n\r\nplain\r\n";
  const std::string blank = "--b\r\n\r\n \r\n\r\n";
  const std::string attached = "--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n";
  const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  EXPECT_EQ(scan(head + html + plain + "--b--").capture, "plain");
  EXPECT_EQ(scan(head + attached + html + "--b--").capture, "<p>html</p>");
  EXPECT_EQ(scan(head + blank + html + "--b--").capture, "<p>html</p>");
  EXPECT_EQ(scan(head + "--b--").capture, "");
}

TEST(Scanner, DepthIsLimited) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format("Content-Type: multipart/mixed; boundary=b{0}x\r\n\r\n--b{0}x\r\n", i);
  }
  ScanLimits limits;
  limits.depth_max = 5;
  Scanner scanner(limits);
  scanner.feed(text);
  const Message message = scanner.finish();
  ASSERT_EQ(message.parts.size(), 5u);
  EXPECT_EQ(message.parts[4].type, "application");
  EXPECT_EQ(message.parts[4].parent, 3);
  EXPECT_EQ(broken_scan_law(text), "");
  std::string messages;
  for (int i = 0; i < 1000; ++i) messages += "Content-Type: message/rfc822\r\n\r\n";
  EXPECT_EQ(scan(messages).parts.size(), 64u);
  EXPECT_EQ(broken_scan_law(messages), "");
}

TEST(Scanner, PartsAreLimited) {
  std::string text = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 100; ++i) text += "--b\r\n\r\nx\r\n";
  text += "--b--\r\nend";
  ScanLimits limits;
  limits.parts_max = 10;
  Scanner scanner(limits);
  scanner.feed(text);
  const Message message = scanner.finish();
  ASSERT_EQ(message.parts.size(), 10u);
  // The last one has all the others in it, up to the close-delimiter.
  EXPECT_EQ(message.parts[9].body_offset + message.parts[9].body_size, text.size() - 12);
}

TEST(Scanner, HeaderMemoryIsLimited) {
  ScanLimits limits;
  limits.header_bytes_max = 50;
  limits.headers_bytes_max = 60;
  Scanner scanner(limits);
  scanner.feed("Subject: " + std::string(1000, 'x') + "\r\nContent-Type: text/html\r\n\r\nbody");
  const Message message = scanner.finish();
  EXPECT_EQ(message.parts[0].header.size(), 50u);
  EXPECT_EQ(message.parts[0].type, "text");
  EXPECT_EQ(message.parts[0].subtype, "plain");
  EXPECT_EQ(message.parts[0].body_size, 4u);
}

TEST(Scanner, CaptureIsLimited) {
  const std::string text = "\r\n" + std::string(100000, 'x');
  const Message message = scan(text);
  EXPECT_EQ(message.capture.size(), ScanLimits().capture_bytes_max);
  EXPECT_EQ(message.parts[0].body_size, 100000u);
}

TEST(Compose, WhatIsComposedScansBack) {
  Draft draft;
  draft.from = {"Jörg Müller", "joerg@example.org"};
  draft.to = {{"Doe, John", "john@example.org"}, {"", "x@example.org"}};
  draft.subject = "Grüße – ein langer Betreff, der in mehrere Zeilen gefaltet werden muss";
  draft.date = {880127706, -360};
  draft.message_id = "id@example.org";
  draft.references = {"a@b", "c@d"};
  draft.text = "Hallo Jörg,\n\nein Text mit " + std::string(300, 'x') + "\n";
  draft.html = "<p>Hallo</p>";
  draft.attachments = {{"Übersicht.pdf", "application/pdf", std::string(1000, '\xff')}};
  const std::string octets = compose(draft);
  EXPECT_EQ(octets, compose(draft));
  EXPECT_EQ(broken_scan_law(octets), "");
  const Message message = scan(octets);
  ASSERT_EQ(message.parts.size(), 5u);
  EXPECT_EQ(message.parts[4].type, "application");
  EXPECT_EQ(param_utf8(message.parts[4].disposition->params, "filename"), "Übersicht.pdf");
  const Digest digest = make_digest(message);
  EXPECT_EQ(digest.message_id, "id@example.org");
  EXPECT_EQ(digest.in_reply_to, "c@d");
  EXPECT_EQ(digest.references, draft.references);
  EXPECT_EQ(digest.base_subject, draft.subject);
  EXPECT_EQ(digest.sent, draft.date);
  EXPECT_EQ(digest.from_display, "Jörg Müller");
  EXPECT_EQ(digest.to_display, "Doe, John");
  EXPECT_TRUE(digest.has_attachment);
  EXPECT_EQ(digest.preview.substr(0, 30), "Hallo Jörg, ein Text mit xxxx");
  size_t column = 0;
  for (const char c : octets) {
    column = c == '\n' ? 0 : column + 1;
    ASSERT_LT(column, 999u);
    ASSERT_GT(static_cast<signed char>(c), 0);
  }
}

}  // namespace
}  // namespace eilpost::mime
