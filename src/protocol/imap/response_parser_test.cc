#include "protocol/imap/response_parser.h"

#include <gtest/gtest.h>

#include "protocol/imap/response.h"
#include "protocol/imap/test_support.h"

namespace eilpost::imap {
namespace {

template <class T>
T parsed(std::string_view text) {
  std::optional<Response> response = test::response_of(text);
  if (!response || !std::holds_alternative<T>(*response)) {
    ADD_FAILURE() << text;
    return T{};
  }
  return std::get<T>(*response);
}

TEST(ResponseParser, StatusOddities) {
  EXPECT_EQ(CodeName::other, parsed<StatusResponse>("* OK [COPYUID 14  ]\r\n").code.name);
  EXPECT_EQ("", parsed<StatusResponse>("a OK\r\n").text);
  EXPECT_EQ(CodeName::highest_modseq,
            parsed<StatusResponse>("* OK [HIGHESTMODSEQ 5]\r\n").code.name);
  EXPECT_EQ("x {5}", parsed<StatusResponse>("* BYE x {5}\r\n").text);
  EXPECT_EQ("[no bracket", parsed<StatusResponse>("a NO [no bracket\r\n").text);
  EXPECT_EQ("dGVzdA==", parsed<Continuation>("+ dGVzdA==\r\n").text);
  EXPECT_EQ("", parsed<Continuation>("+\r\n").text);
}

TEST(ResponseParser, CapabilitiesWithDoubleSpaces) {
  EXPECT_EQ((std::vector<std::string>{"IMAP4", "AUTH=PLAIN", "STARTTLS"}),
            parsed<CapabilityData>("* CAPABILITY IMAP4  AUTH=PLAIN STARTTLS \r\n").names);
}

TEST(ResponseParser, MailboxNames) {
  EXPECT_EQ("Entwürfe", parsed<ListData>("* LIST () \"/\" Entw&APw-rfe\r\n").mailbox);
  EXPECT_EQ("a&b", parsed<ListData>("* LIST () \"/\" a&b\r\n").mailbox);
  EXPECT_EQ("x\"y", parsed<ListData>("* LIST () \"/\" {3}\r\nx\"y\r\n").mailbox);
}

TEST(ResponseParser, UnknownStatusItemsAndLines) {
  StatusData status = parsed<StatusData>("* STATUS x (MESSAGES 1 FOO (a b) UNSEEN 2 )\r\n");
  ASSERT_EQ(2U, status.values.size());
  EXPECT_EQ(2U, status.values[1].number);
  EXPECT_EQ("* FOO bar", parsed<UnknownData>("* FOO bar\r\n").text);
  EXPECT_EQ("stray", parsed<UnknownData>("stray\r\n").text);
}

TEST(ResponseParser, FetchItemsInAnyOrder) {
  FetchData data = parsed<FetchData>(
      "* 3 FETCH (RFC822.SIZE 9 X-GM-LABELS (\\Inbox \"a b\") FLAGS () BODY[HEADER] \"x\" UID "
      "7)\r\n");
  EXPECT_EQ(Seq(3), data.seq);
  EXPECT_EQ(Uid(7), data.uid);
  EXPECT_EQ(9U, data.rfc822_size);
  EXPECT_TRUE(data.flags && data.flags->empty());
  ASSERT_EQ(1U, data.bodies.size());
  EXPECT_EQ("x", data.bodies[0].octets);
  EXPECT_EQ(std::vector<std::string>{"X-GM-LABELS"}, data.skipped);
}

TEST(ResponseParser, GmailsNumberIsAnEmailId) {
  EXPECT_EQ("1278455344230334865",
            parsed<FetchData>("* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 7)\r\n").email_id);
}

TEST(ResponseParser, OddBodyStructures) {
  auto body = [](std::string_view text) {
    FetchData data =
        parsed<FetchData>("* 1 FETCH (BODYSTRUCTURE " + std::string(text) + " UID 7)\r\n");
    EXPECT_EQ(Uid(7), data.uid);
    return data.body;
  };
  // A disposition as a string (Exchange), an empty multipart (Gmail), a size of -1 (outlook.com).
  EXPECT_EQ(
      "inline",
      body("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1 NIL \"inline\")")->disposition->first);
  EXPECT_EQ("ALTERNATIVE", body("(\"ALTERNATIVE\")")->subtype);
  EXPECT_EQ("SIGNED",
            body("(\"MULTIPART\" \"SIGNED\" NIL NIL NIL \"7BIT\" -1 NIL NIL NIL NIL)")->subtype);
  EXPECT_EQ(0U, body("(\"APPLICATION\" \"X\" NIL NIL NIL \"7BIT\" -1)")->size);
  // What makes no sense is skipped, and the rest is there.
  EXPECT_FALSE(body("(\"TEXT\" (((oops))) 5)"));
}

TEST(ResponseParser, SpacesBetweenAddresses) {
  FetchData data = parsed<FetchData>(
      "* 1 FETCH (ENVELOPE (NIL NIL ((NIL NIL \"a\" \"x\") (NIL NIL \"b\" \"x\")) NIL NIL NIL NIL "
      "NIL NIL NIL))\r\n");
  ASSERT_TRUE(data.envelope);
  EXPECT_EQ(2U, data.envelope->from.size());
}

TEST(ClientFramer, AnyChunking) {
  std::string_view input = "* 1 FETCH (BODY[] {4}\r\na\r\nb UID 5)\r\n* OK {9}\r\n\r\na OK done\n";
  for (size_t step : {1U, 3U, 100U}) {
    ClientFramer framer;
    std::string log;
    for (size_t at = 0; at < input.size(); at += step) {
      framer.feed(input.substr(at, step));
      for (;;) {
        ClientEvent event = framer.next();
        auto* ready = std::get_if<ResponseFrame>(&event);
        if (ready == nullptr) break;
        log += ready->frame->text + '|';
        for (const Literal& literal : ready->frame->literals) log += literal.octets + '|';
      }
    }
    EXPECT_EQ("* 1 FETCH (BODY[] {4} UID 5)|a\r\nb|* OK {9}|a OK done|", log);
  }
}

TEST(ClientFramer, StreamsBigLiterals) {
  ClientFramerLimits limits;
  limits.buffered_literal_bytes_max = 3;
  ClientFramer framer(limits);
  framer.feed("* 1 FETCH (BODY[] {6}\r\nabc");
  ClientEvent event = framer.next();
  ASSERT_TRUE(std::holds_alternative<LiteralBegin>(event));
  EXPECT_EQ(6U, std::get<LiteralBegin>(event).size);
  event = framer.next();
  ASSERT_TRUE(std::holds_alternative<LiteralChunk>(event));
  EXPECT_EQ("abc", std::get<LiteralChunk>(event).octets);
  framer.feed("def UID 5)\r\n");
  event = framer.next();
  EXPECT_EQ("def", std::get<LiteralChunk>(event).octets);
  EXPECT_TRUE(std::holds_alternative<LiteralEnd>(framer.next()));
  event = framer.next();
  ASSERT_TRUE(std::holds_alternative<ResponseFrame>(event));
  Result<Response> response = parse_response(*std::get<ResponseFrame>(event).frame, {});
  ASSERT_TRUE(response && std::holds_alternative<FetchData>(*response));
  const FetchData& data = std::get<FetchData>(*response);
  EXPECT_EQ(Uid(5), data.uid);
  ASSERT_EQ(1U, data.bodies.size());
  EXPECT_TRUE(data.bodies[0].streamed);
  EXPECT_EQ(6U, data.bodies[0].size);
}

TEST(ClientFramer, EndlessLineIsFatal) {
  ClientFramerLimits limits;
  limits.line_bytes_max = 10;
  ClientFramer framer(limits);
  framer.feed("* OK 4567890");
  EXPECT_TRUE(std::holds_alternative<Fatal>(framer.next()));
}

TEST(ClientFramer, EndlessLiteralsOfOneResponseAreFatal) {
  ClientFramerLimits limits;
  limits.line_bytes_max = 100;
  ClientFramer framer(limits);
  const std::string literal = "{40}\r\n" + std::string(40, 'x');
  // What one response holds is forgotten with it.
  for (int i = 0; i < 3; ++i) {
    framer.feed("* 1 FETCH (A " + literal + " B " + literal + ")\r\n");
    EXPECT_TRUE(std::holds_alternative<ResponseFrame>(framer.next()));
  }
  framer.feed("* 1 FETCH (A " + literal + " B " + literal + " C " + literal);
  EXPECT_TRUE(std::holds_alternative<Fatal>(framer.next()));
}

// RFC 5267 4.3, RFC 6203 4, RFC 7377 2.1.
TEST(ResponseParser, ExtendedSearchResponses) {
  for (const char* line :
       {"* ESEARCH (TAG \"B01\") UID ADDTO (0 32768:32769)",
        "* ESEARCH (TAG \"C01\") UID REMOVEFROM (0 32768) ADDTO (1 2733 1 2731:2732)",
        "* ESEARCH (TAG \"1\") ALL 5,3:4 RELEVANCY (4 99 100)",
        "* ESEARCH (TAG \"tag1\" MAILBOX \"a folder\" UIDVALIDITY 1) UID ALL 4001,4003,4005",
        "* NO [NOUPDATE \"B02\"] Too many contexts",
        "a NO [UNDEFINED-FILTER on-the-road] No such filter"}) {
    const auto response = test::response_of(std::string(line) + "\r\n");
    ASSERT_TRUE(response && !std::holds_alternative<UnknownData>(*response)) << line;
    std::string printed;
    append_response(printed, *response, WriteStyle{});
    EXPECT_EQ(std::string(line) + "\r\n", printed);
  }
  // Two items of the same kind are one.
  const auto response =
      test::response_of("* ESEARCH (TAG \"C01\") UID ADDTO (1 2733) ADDTO (1 2731:2732)\r\n");
  ASSERT_TRUE(response && std::holds_alternative<ESearchData>(*response));
  EXPECT_EQ(2U, std::get<ESearchData>(*response).updates.size());
}

}  // namespace
}  // namespace eilpost::imap
