#include "mime/header.h"

#include <gtest/gtest.h>

namespace eilpost::mime {
namespace {

constexpr std::string_view block =
    "Received: by a\r\n\tfor b\r\n"
    "no field at all\r\n"
    "Subject : one\r\n two\r\n"
    "X-Empty:\r\n"
    "subject: last\r\n"
    "\r\n"
    "Not: header\r\n";

TEST(Fields, ReadsFoldedFieldsAndStopsAtTheBlankLine) {
  FieldReader reader(block);
  std::vector<std::string> names;
  while (const auto field = reader.next()) names.emplace_back(field->name);
  EXPECT_EQ(names, (std::vector<std::string>{"Received", "Subject", "X-Empty", "subject"}));
  EXPECT_EQ(reader.rest(), "\r\nNot: header\r\n");
  EXPECT_EQ(find_field(block, "SUBJECT")->octets, "Subject : one\r\n two\r\n");
  EXPECT_EQ(field_value(block, "subject"), "one two");
  EXPECT_EQ(find_last_field(block, "subject")->value, " last");
  EXPECT_EQ(find_field(block, "x-empty")->value, "");
  EXPECT_FALSE(find_field(block, "not"));
}

TEST(Fields, TakesBareLineFeeds) {
  const std::string_view text = "A: 1\n b\nC: 2\n\nbody";
  EXPECT_EQ(field_value(text, "a"), "1 b");
  EXPECT_EQ(field_value(text, "c"), "2");
}

TEST(Fields, SelectsAndExcludesKeepingOctets) {
  EXPECT_EQ(select_fields(block, {"SUBJECT"}, Select::listed),
            "Subject : one\r\n two\r\nsubject: last\r\n\r\n");
  EXPECT_EQ(select_fields(block, {"subject", "x-empty"}, Select::not_listed),
            "Received: by a\r\n\tfor b\r\nno field at all\r\n\r\n");
  EXPECT_EQ(select_fields("A: b", {"a"}, Select::listed), "A: b");
  EXPECT_EQ(select_fields("", {"a"}, Select::listed), "");
}

TEST(Fields, Unfolds) {
  EXPECT_EQ(unfold("  a\r\n b\r\n\tc  "), "a b\tc");
  EXPECT_EQ(unfold("\r\n a"), "a");
}

TEST(Fields, ReadsMessageIds) {
  EXPECT_EQ(parse_message_ids(" <a@b>\r\n\t<c@d> e <f <g@h> <open"),
            (std::vector<std::string>{"a@b", "c@d", "g@h"}));
}

// An address list in one line: name|route|mailbox|host, "-" for NIL.
std::string shown(std::string_view text) {
  std::string out;
  for (const Address& a : parse_addresses(text)) {
    if (!out.empty()) out += ' ';
    out += '[' + a.name.value_or("-") + '|' + a.route.value_or("-") + '|' +
           a.mailbox.value_or("-") + '|' + a.host.value_or("-") + ']';
  }
  return out;
}

TEST(Addresses, PlainAndNamed) {
  EXPECT_EQ(shown("a@b.c"), "[-|-|a|b.c]");
  EXPECT_EQ(shown("Joe Q. Public <john.q.public@example.com>"),
            "[Joe Q. Public|-|john.q.public|example.com]");
  EXPECT_EQ(shown("\"Giant; \\\"Big\\\" Box\" <x@y>"), "[Giant; \"Big\" Box|-|x|y]");
  EXPECT_EQ(shown("A <a@b>, c@d"), "[A|-|a|b] [-|-|c|d]");
  EXPECT_EQ(shown("\"a b\"@c"), "[-|-|a b|c]");
  EXPECT_EQ(shown("=?utf-8?Q?J=C3=B6rg?= <j@x>"), "[=?utf-8?Q?J=C3=B6rg?=|-|j|x]");
}

TEST(Addresses, CommentsAreNames) {
  EXPECT_EQ(shown("a@b (Real Name)"), "[Real Name|-|a|b]");
  EXPECT_EQ(shown("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
            "[Pete|-|pete|silly.test]");
}

TEST(Addresses, Groups) {
  EXPECT_EQ(shown("A Group:Ed <e@x>,j@y;"), "[-|-|A Group|-] [Ed|-|e|x] [-|-|j|y] [-|-|-|-]");
  EXPECT_EQ(shown("undisclosed-recipients:;"), "[-|-|undisclosed-recipients|-] [-|-|-|-]");
  EXPECT_EQ(shown("g:a@b"), "[-|-|g|-] [-|-|a|b] [-|-|-|-]");
}

TEST(Addresses, ObsoleteForms) {
  // RFC 5322 A.6.1 and A.6.3.
  EXPECT_EQ(shown("Mary Smith <@node.test,@other.test:mary@example.net>, , jdoe@test  . example"),
            "[Mary Smith|@node.test,@other.test|mary|example.net] [-|-|jdoe|test.example]");
  EXPECT_EQ(shown("John <j . doe@[ 127.0.0.1 ]>"), "[John|-|j.doe|[127.0.0.1]]");
}

TEST(Addresses, GarbageStillEnds) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown(",;>)]"), "");
  EXPECT_EQ(shown("somebody"), "[-|-|somebody|]");
  EXPECT_EQ(shown("A <a@b"), "[A|-|a|b]");
  EXPECT_EQ(shown("\"open <a@b>"), "[-|-|open <a@b>|]");
}

int64_t seconds_of(std::string_view text) {
  const auto date = parse_date(text);
  return date ? date->seconds : -1;
}

TEST(Dates, ReadsWhatMailHas) {
  EXPECT_EQ(seconds_of("Fri, 21 Nov 1997 09:55:06 -0600"), 880127706);
  EXPECT_EQ(parse_date("Fri, 21 Nov 1997 09:55:06 -0600")->zone_minutes, -360);
  EXPECT_EQ(seconds_of("21 Nov 97 09:55:06 GMT"), 880106106);
  EXPECT_EQ(seconds_of("Fri, 21 Nov 1997 09:55 EST (comment)"), 880124100);
  EXPECT_EQ(seconds_of("Nov 21 09:55:06 1997"), 880106106);
  EXPECT_EQ(seconds_of("21-Nov-1997 09:55:06 Z"), 880106106);
  EXPECT_EQ(seconds_of("Thu, 1 Jan 1970 00:00:00 +0000"), 0);
  EXPECT_EQ(seconds_of("Thu, 29 Feb 2024 12:00:00 +0530"), 1709188200);
}

// RFC 5256 2.2.
TEST(Dates, ATimeThatCannotBeReadIsMidnightAndAZoneUtc) {
  EXPECT_EQ(seconds_of("21 Nov 1997"), 880070400);
  EXPECT_EQ(seconds_of("Fri, 21 Nov 1997 25:00:00 +0000"), 880070400);
  EXPECT_EQ(seconds_of("Fri, 21 Nov 1997 25:00:00 -0600"), 880092000);
  EXPECT_EQ(seconds_of("21 Nov 1997 09(comment):  55  :  06 -0600"), 880070400);
  EXPECT_EQ(seconds_of("21 Nov 1997 09:55:06 nowhere"), 880106106);
  EXPECT_EQ(seconds_of("21 Nov 1997 09:55:06 +9999"), 880106106);
}

TEST(Dates, RefusesWhatIsNone) {
  for (const char* text : {"", "today", "31 Feb 2020 00:00:00 +0000", "1 Jan", "-",
                           "a b c d e f g h i j", "1-2", "99999999999 Jan 2020 00:00:00 GMT"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(Dates, PrintsAndReadsBack) {
  EXPECT_EQ(print_date({880127706, -360}), "Fri, 21 Nov 1997 09:55:06 -0600");
  for (int64_t seconds = -4000000000; seconds < 9000000000; seconds += 86400007) {
    const SentDate date{seconds, static_cast<int>(seconds % 13 * 60)};
    EXPECT_EQ(parse_date(print_date(date)), date) << print_date(date);
  }
}

TEST(EncodedWords, Decode) {
  EXPECT_EQ(decode_header_value("=?iso-8859-1?Q?Keld_J=F8rn?= Simonsen"), "Keld Jørn Simonsen");
  EXPECT_EQ(decode_header_value("=?utf-8?B?w7w=?= =?utf-8?q?=C3=BC?=\r\n =?utf-8?q?x?="), "üüx");
  EXPECT_EQ(decode_header_value("(=?ISO-8859-1?Q?a?= b)"), "(a b)");
  // RFC 2231 5: a language; a character cut between two words.
  EXPECT_EQ(decode_header_value("=?us-ascii*en?q?hi?="), "hi");
  EXPECT_EQ(decode_header_value("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?="), "ü");
  EXPECT_EQ(decode_header_value("=?utf-8?Q?=3F?="), "?");
}

TEST(EncodedWords, UnknownAndMalformedStay) {
  EXPECT_EQ(decode_header_value("=?x-nope?Q?a?="), "=?x-nope?Q?a?=");
  EXPECT_EQ(decode_header_value("=?utf-8?X?a?= =?utf-8?Q?open"), "=?utf-8?X?a?= =?utf-8?Q?open");
  EXPECT_EQ(decode_header_value("raw \xc3\xbc and \xfc"), "raw Ã¼ and ü");
  EXPECT_EQ(decode_header_value("raw \xc3\xbc"), "raw ü");
}

TEST(EncodedWords, RoundTrip) {
  for (const std::string text :
       {"plain", "Grüße aus Köln", "日本語の件名でとても長いものをここに書きます。もっと長く",
        "a =?b?= c", ""}) {
    const std::string encoded = encode_header_value(text);
    EXPECT_EQ(decode_header_value(encoded), text);
    for (const char c : encoded) EXPECT_GT(static_cast<signed char>(c), 0);
  }
}

TEST(ContentTypes, Parse) {
  const auto type = parse_content_type(" Text/HTML (c); CharSet=\"utf-8\" (d); name=a b.txt; x");
  EXPECT_EQ(type.type, "text");
  EXPECT_EQ(type.subtype, "html");
  EXPECT_EQ(type.params, (Params{{"charset", "utf-8"}, {"name", "a"}}));
  EXPECT_EQ(parse_content_type("text").type, "");
  EXPECT_EQ(parse_content_type("/plain").type, "");
  EXPECT_EQ(parse_content_type("a/b;c=\"d\\\"e\"").params, (Params{{"c", "d\"e"}}));
  EXPECT_EQ(parse_disposition("Attachment; FileName=x").type, "attachment");
}

TEST(ContentTypes, Rfc2231) {
  // The example of RFC 2231 4.1.
  const auto type = parse_content_type(
      "application/x-stuff; title*1*=%2A%2A%2Afun%2A%2A%2A%20; "
      "title*0*=us-ascii'en'This%20is%20even"
      "%20more%20; title*2=\"isn't it!\"");
  ASSERT_EQ(type.params.size(), 1u);
  EXPECT_EQ(type.params[0].name, "title*");
  EXPECT_EQ(param_utf8(type.params, "title"), "This is even more ***fun*** isn't it!");
  const auto joined = parse_disposition("attachment; filename*1=\"b.txt\"; filename*0=a");
  EXPECT_EQ(joined.params, (Params{{"filename", "ab.txt"}}));
  EXPECT_EQ(param_utf8({{"filename*", "iso-8859-1''%FC.txt"}}, "filename"), "ü.txt");
  EXPECT_EQ(param_utf8({{"filename", "=?utf-8?Q?=C3=BC?="}}, "filename"), "ü");
}

TEST(BaseSubjects, Rfc5256) {
  const auto base = [](std::string_view text) {
    const BaseSubject subject = base_subject(text);
    return subject.text + (subject.reply_or_forward ? "|re" : "|");
  };
  EXPECT_EQ(base("Hello  \t World "), "Hello World|");
  EXPECT_EQ(base("Re: [list] RE[2]: Fwd: hello (fwd) (FWD)"), "hello|re");
  EXPECT_EQ(base("[blob] hello"), "hello|");
  EXPECT_EQ(base("[only blob]"), "[only blob]|");
  EXPECT_EQ(base("[fwd: Re: [x] hello]"), "hello|re");
  EXPECT_EQ(base("=?utf-8?Q?Re=3A_h=C3=BC?="), "hü|re");
  EXPECT_EQ(base("Regarding: x"), "Regarding: x|");
  EXPECT_EQ(base(""), "|");
}

}  // namespace
}  // namespace eilpost::mime
