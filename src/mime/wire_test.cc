#include "mime/wire.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "mime/scan_laws.h"

namespace eilpost::mime {
namespace {

std::string structure(std::string_view octets) {
  return print_bodystructure(scan(octets));
}

TEST(Envelope, PrintsAsRfc9051) {
  EXPECT_EQ(print_envelope("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
                           "Subject: IMAP4rev1 WG mtg \"summary\"\r\n  and minutes\r\n"
                           "From: Terry Gray <gray@cac.washington.edu>\r\n"
                           "To: imap@cac.washington.edu\r\n"
                           "Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
                           "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"),
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
            "\"IMAP4rev1 WG mtg \\\"summary\\\"  and minutes\" "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((NIL NIL \"imap\" \"cac.washington.edu\")) "
            "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
            "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
            "\"<B27397-0100000@cac.washington.edu>\")");
  EXPECT_EQ(print_envelope(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST(Envelope, EmptyIsNotAbsent) {
  EXPECT_EQ(print_envelope("Subject:\r\nSender:\r\nFrom: a@b\r\n"),
            "(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
            "NIL NIL NIL NIL NIL)");
}

TEST(Envelope, EightBitIsALiteral) {
  EXPECT_EQ(print_envelope("Subject: gr\xc3\xbc\xc3\x9f\r\n"),
            "(NIL {6}\r\ngr\xc3\xbc\xc3\x9f NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST(Envelope, RepeatedFields) {
  EXPECT_EQ(print_envelope("Subject: a\r\nTo: x@y\r\nSubject: b\r\nTo: z@w\r\n"),
            "(NIL \"b\" NIL NIL NIL ((NIL NIL \"x\" \"y\")(NIL NIL \"z\" \"w\")) NIL NIL NIL NIL)");
}

TEST(Envelope, AddressListsAreBounded) {
  std::string header = "To: ";
  for (int i = 0; i < 300000; ++i) header += "a,";
  const std::string envelope = print_envelope(header);
  EXPECT_TRUE(is_wire_list(envelope));
  EXPECT_LT(envelope.size(), limits::mime_address_list_bytes_max + 1000);
}

TEST(BodyStructure, Text) {
  EXPECT_EQ(structure("\r\na\r\nb\r\n"),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2 NIL NIL NIL NIL)");
  EXPECT_EQ(structure("Content-Type: text/html\r\nContent-Disposition: inline\r\n"
                      "Content-Language: de\r\nContent-Location: x\r\nContent-MD5: m\r\n\r\n"),
            "(\"text\" \"html\" NIL NIL NIL \"7bit\" 0 0 \"m\" (\"inline\" NIL) \"de\" \"x\")");
}

TEST(BodyStructure, MultipartAndMessage) {
  const std::string octets =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Language: de, en\r\n\r\n"
      "--b\r\nContent-Type: image/png; name=\"a b\"\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-ID: <i>\r\nContent-Description: d\r\n\r\nAAAA\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nhi\r\n--b--\r\n";
  const std::string printed = structure(octets);
  EXPECT_EQ(
      printed,
      "((\"image\" \"png\" (\"name\" \"a b\") \"<i>\" \"d\" \"base64\" 4 NIL NIL NIL NIL)"
      "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 "
      "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL) 2 "
      "NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL (\"de\" \"en\") NIL)");
  EXPECT_EQ(body_from_bodystructure(printed),
            "((\"image\" \"png\" (\"name\" \"a b\") \"<i>\" \"d\" \"base64\" 4)"
            "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 "
            "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 0) 2) \"mixed\")");
}

TEST(BodyStructure, EmptyMultipartHasOneEmptyTextPart) {
  EXPECT_EQ(structure("Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL) "
            "\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
}

TEST(BodyStructure, BodyOfForeignTextIsSafe) {
  for (const char* text : {"", "(", "((((", "(\"a\" {99}\r\nx", "\"\\", "()", "(a b c d e f g)x"}) {
    EXPECT_TRUE(is_wire_list(body_from_bodystructure(text))) << text;
  }
}

TEST(BodyStructure, TooLongOneIsOpaque) {
  std::string octets = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const std::string name(2000, 'x');
  for (int i = 0; i < 1000; ++i) {
    octets += "--b\r\nContent-Type: image/png; name=" + name + "\r\n\r\n";
  }
  const Digest digest = make_digest(scan(octets));
  EXPECT_EQ(digest.bodystructure.substr(0, 30), "(\"application\" \"octet-stream\" ");
  EXPECT_EQ(decode_part_index(digest.part_index)->parts.size(), 1u);
}

TEST(Strings, NulIsLeftOut) {
  std::string out;
  put_string(out, std::string_view("a\0b", 3));
  put_string(out, std::string_view("\xff\0", 2));
  EXPECT_EQ(out, "\"ab\"{1}\r\n\xff");
}

TEST(WireList, KnowsWhatIsNone) {
  EXPECT_TRUE(is_wire_list("(\"a\" NIL ({3}\r\n\xff\r\n 5)(6))"));
  for (const char* text : {"", "a", "(", "(\"a)", "(1 )", "(1))", "( 1)", "()", "(\"\xff\")",
                           "({4}\r\nabc)", "(1)(2)", "(\"a\"\"b\")"}) {
    EXPECT_FALSE(is_wire_list(text)) << text;
  }
}

TEST(Digests, PreviewIsShortReadableText) {
  const auto preview = [](std::string_view octets) { return make_digest(scan(octets)).preview; };
  EXPECT_EQ(preview("\r\n a\r\n\t b \r\n"), "a b");
  EXPECT_EQ(preview("Content-Type: text/html; charset=iso-8859-1\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                    "<style>no</style><p>f=FCr&nbsp;&amp;<br>dich</p>"),
            "für & dich");
  std::string umlauts = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
  for (int i = 0; i < 5000; ++i) umlauts += "ü";
  EXPECT_EQ(preview(umlauts).size(), 2 * limits::preview_chars_max);
  EXPECT_EQ(preview("Content-Type: image/png\r\n\r\nx"), "");
}

TEST(Digests, KeysForSortAndThread) {
  const Digest digest =
      make_digest(scan("From: (c) \r\nTo: Team: a@b;\r\nCc: =?utf-8?Q?J=C3=B6rg?= <j@x>\r\n"
                       "Subject: Re: hi\r\nMessage-ID: <m@n>\r\nReferences: <a@b> junk <c@d>\r\n"
                       "In-Reply-To: \"x\" <c@d>\r\nDate: nonsense\r\n\r\n"));
  EXPECT_EQ(digest.from_mailbox, "");
  EXPECT_EQ(digest.to_mailbox, "Team");
  EXPECT_EQ(digest.to_display, "Team");
  EXPECT_EQ(digest.cc_mailbox, "j");
  EXPECT_EQ(digest.base_subject, "hi");
  EXPECT_TRUE(digest.reply_or_forward);
  EXPECT_EQ(digest.message_id, "m@n");
  EXPECT_EQ(digest.in_reply_to, "c@d");
  EXPECT_EQ(digest.references, (std::vector<std::string>{"a@b", "c@d"}));
  EXPECT_FALSE(digest.sent);
  EXPECT_FALSE(digest.has_attachment);
}

}  // namespace
}  // namespace eilpost::mime
