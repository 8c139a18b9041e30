#include <gtest/gtest.h>

#include "protocol/lmtp/command.h"
#include "protocol/lmtp/framer.h"

namespace eilpost::lmtp {
namespace {

using namespace std::string_literals;

const ParseOptions defaults;
const ParseOptions with_utf8{.utf8_transaction = true};

Address address(std::string_view text) {
  return parse_address(text, {.utf8 = true}).value();
}

template <class T>
T parsed(std::string_view line, const ParseOptions& options = defaults) {
  auto command = parse_command(line, options);
  if (!command) {
    ADD_FAILURE() << line << ": " << command.error().detail;
    return T{};
  }
  EXPECT_EQ(parse_command(print_command(*command), options).value(), *command) << line;
  return std::get<T>(*command);
}

std::string refused(std::string_view line, const ParseOptions& options = defaults) {
  const auto command = parse_command(line, options);
  return command ? "accepted" : print_reply(command.error().reply);
}

TEST(Address, Forms) {
  EXPECT_EQ(address("Bob@EXAMPLE.org"), (Address{.local = "Bob", .domain = "example.org"}));
  EXPECT_EQ(address("a.b+c@x"), (Address{.local = "a.b+c", .domain = "x"}));
  EXPECT_EQ(address("\"a b\\\"c\"@x"), (Address{.local = "a b\"c", .domain = "x"}));
  EXPECT_EQ(address("\"bob\"@x").to_string(), "bob@x");
  EXPECT_EQ(address("\"a..b\"@x").to_string(), "\"a..b\"@x");
  EXPECT_EQ(address("\"\"@x").to_string(), "\"\"@x");
  EXPECT_EQ(address("a@[192.0.2.1]").domain, "[192.0.2.1]");
  EXPECT_EQ(address("a@[IPv6:2001:DB8::1]").domain, "[ipv6:2001:db8::1]");
  EXPECT_TRUE(address("j\xc3\xb6rg@x").is_utf8());
  EXPECT_TRUE(address("a@b\xc3\xbc"
                      "cher.example")
                  .is_utf8());
  EXPECT_FALSE(address("a@x").is_utf8());
}

TEST(Address, Refused) {
  for (const auto& bad : {""s,
                          "a"s,
                          "@x"s,
                          "a@"s,
                          ".a@x"s,
                          "a.@x"s,
                          "a..b@x"s,
                          "a b@x"s,
                          "a@x y"s,
                          "a@-x"s,
                          "a@x-"s,
                          "a@x..y"s,
                          "a@x."s,
                          "a@[]"s,
                          "a@[1"s,
                          "a@[<]"s,
                          "\"a@x"s,
                          "\"a\nb\"@x"s,
                          "\"a\\\x01\"@x"s,
                          "a\0@x"s,
                          "a@x@y"s,
                          "a@x-.y"s,
                          "\xc3@x"s,
                          "\xc0\xaf@x"s,
                          "\xed\xa0\x80@x"s,
                          "\xc2\x85@x"s}) {
    EXPECT_FALSE(parse_address(bad, {.utf8 = true}).has_value()) << bad;
  }
  EXPECT_FALSE(parse_address("j\xc3\xb6rg@x", {}).has_value());
  EXPECT_FALSE(parse_address(std::string(65, 'a') + "@x", {}).has_value());
  EXPECT_TRUE(parse_address(std::string(64, 'a') + "@x", {}).has_value());
  EXPECT_FALSE(parse_address("a@" + std::string(256, 'x'), {}).has_value());
  EXPECT_EQ(parse_address("a@b c", {}).error().detail,
            "the end of the address expected at column 4");
}

TEST(Command, Mail) {
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<>").from, std::nullopt);
  EXPECT_EQ(parsed<Mail>("mail from:<a@b>").from, address("a@b"));
  EXPECT_EQ(parsed<Mail>("MAIL FROM: <a@b>").from, address("a@b"));
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<@x,@y:a@b>").from, address("a@b"));
  const auto full = parsed<Mail>("MAIL FROM:<a@b> size=100 body=8bitmime smtputf8");
  EXPECT_EQ(full.size, 100U);
  EXPECT_EQ(full.body, Body::eight_bit);
  EXPECT_TRUE(full.smtputf8);
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<a@b> BODY=BINARYMIME").body, Body::binary);
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<j\xc3\xb6rg@x> SMTPUTF8").from->local, "j\xc3\xb6rg");
  EXPECT_EQ(parsed<Mail>("MAIL FROM:<a@b> SIZE=99999999999999999999").size, UINT64_MAX);
}

TEST(Command, MailRefused) {
  EXPECT_EQ(refused("MAIL"), "501 5.5.4 FROM: expected at column 5\r\n");
  EXPECT_EQ(refused("MAIL FROM:a@b"), "501 5.1.7 \"<\" expected at column 11\r\n");
  EXPECT_EQ(refused("MAIL FROM:<a@b"), "501 5.1.7 \">\" expected at column 15\r\n");
  EXPECT_EQ(refused("MAIL FROM:<a@b>SIZE=1"), "501 5.5.4 a space expected at column 16\r\n");
  EXPECT_EQ(refused("MAIL FROM:<a@b> AUTH=<>"), "555 5.5.4 Parameter not recognized: AUTH\r\n");
  EXPECT_EQ(refused("MAIL FROM:<a@b> SIZE=x").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(refused("MAIL FROM:<a@b> SIZE=1 SIZE=1").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(refused("MAIL FROM:<a@b> BODY=9BIT").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(refused("MAIL FROM:<a@b> SIZE=101", {.size_max = 100}),
            "552 5.3.4 Message too big\r\n");
  EXPECT_EQ(refused("MAIL FROM:<a@b> SIZE=100", {.size_max = 100}), "accepted");
  EXPECT_EQ(refused("MAIL FROM:<j\xc3\xb6rg@x>").substr(0, 9), "553 5.6.7");
  EXPECT_EQ(refused("MAIL FROM:<a@b> BODY=BINARYMIME", {.chunking = false}).substr(0, 9),
            "501 5.5.4");
  EXPECT_EQ(refused("MAIL FROM:<a@b> SMTPUTF8", {.smtputf8 = false}).substr(0, 9), "555 5.5.4");
  EXPECT_EQ(refused("MAIL FROM:<Postmaster>").substr(0, 9), "501 5.1.7");
}

TEST(Command, Rcpt) {
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<a@b>").to, address("a@b"));
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<PostMaster>").to,
            (Address{.local = "postmaster", .domain = ""}));
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<Postmaster@b>").to.local, "Postmaster");
  EXPECT_EQ(parsed<Rcpt>("RCPT TO:<j\xc3\xb6rg@x>", with_utf8).to.local, "j\xc3\xb6rg");
  EXPECT_EQ(refused("RCPT TO:<j\xc3\xb6rg@x>").substr(0, 9), "553 5.6.7");
  EXPECT_EQ(refused("RCPT TO:<>").substr(0, 9), "501 5.1.3");
  EXPECT_EQ(refused("RCPT TO:<a@b> NOTIFY=NEVER"),
            "555 5.5.4 Parameter not recognized: NOTIFY\r\n");
  EXPECT_EQ(refused("RCPT TO:<a>").substr(0, 9), "501 5.1.3");
  EXPECT_EQ(refused("RCPT TO:<a@b> x\r\ny").find('\n'), std::string("555 5.5.4 Parameter not "
                                                                    "recognized: X??Y\r")
                                                            .size());
}

TEST(Command, Others) {
  EXPECT_EQ(parsed<Lhlo>("LHLO mail.example.org").domain, "mail.example.org");
  EXPECT_EQ(refused("LHLO").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(refused("LHLO a b").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(parsed<Bdat>("BDAT 86 LAST"), (Bdat{.octets = 86, .last = true}));
  EXPECT_EQ(parsed<Bdat>("bdat 0"), (Bdat{.octets = 0, .last = false}));
  EXPECT_EQ(parsed<Bdat>("BDAT 18446744073709551615").octets, UINT64_MAX);
  for (const auto* bad :
       {"BDAT", "BDAT x", "BDAT -1", "BDAT 1 FIRST", "BDAT 18446744073709551616"}) {
    EXPECT_EQ(refused(bad).substr(0, 9), "501 5.5.4") << bad;
  }
  EXPECT_EQ(refused("BDAT 1", {.chunking = false}), "500 5.5.1 Unknown command\r\n");
  (void)parsed<Data>("DATA");
  (void)parsed<Data>("DATA ");
  (void)parsed<Rset>("rset");
  (void)parsed<Noop>("NOOP whatever");
  (void)parsed<Quit>("QUIT");
  EXPECT_EQ(parsed<Vrfy>("VRFY bob").text, "bob");
  EXPECT_EQ(refused("DATA x").substr(0, 9), "501 5.5.4");
  EXPECT_EQ(refused("EHLO x"), "502 5.5.1 Command not implemented\r\n");
  EXPECT_EQ(refused("GET / HTTP/1.1"), "500 5.5.1 Unknown command\r\n");
  EXPECT_EQ(refused(""), "500 5.5.1 Unknown command\r\n");
}

TEST(Reply, PrintsAndParses) {
  const auto lhlo = lhlo_reply("host", {.size_max = 1000});
  const auto printed = print_reply(lhlo);
  EXPECT_EQ(
      printed,
      "250-host\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
      "250-CHUNKING\r\n250-BINARYMIME\r\n250 SIZE 1000\r\n");
  ReplyParser parser;
  LineFramer framer;
  std::string_view input = printed;
  std::optional<Reply> back;
  while (auto line = framer.take(input)) back = parser.line(line->text).value();
  EXPECT_EQ(back, lhlo);
  EXPECT_EQ(parser.line("550 5.1.1 No such user").value(),
            make_reply(550, {5, 1, 1}, "No such user"));
  EXPECT_EQ(parser.line("250 5.1 hello").value(), make_reply(250, {}, "5.1 hello"));
  EXPECT_EQ(parser.line("250").value(), make_reply(250, {}, ""));
}

TEST(Reply, RefusesNonsense) {
  for (const auto* bad : {"", "25", "abc", "999 x", "199 x", "250x"}) {
    EXPECT_FALSE(ReplyParser().line(bad).has_value()) << bad;
  }
  ReplyParser mixed;
  EXPECT_EQ(mixed.line("250-a").value(), std::nullopt);
  EXPECT_FALSE(mixed.line("550 b").has_value());
}

TEST(Reply, LinesOfDifferentStatusKeepTheirs) {
  ReplyParser parser;
  EXPECT_EQ(parser.line("250-a").value(), std::nullopt);
  const auto reply = parser.line("250 2.0.0 b").value();
  EXPECT_EQ(reply, (Reply{.code = 250, .status = {}, .lines = {"a", "2.0.0 b"}}));
}

TEST(Reply, NothingForgesALine) {
  EXPECT_EQ(print_reply(replies::no_such_user("x\r\n250 2.0.0 fine")),
            "550 5.1.1 <x??250 2.0.0 fine> no such user here\r\n");
}

TEST(Reply, TroubleOfOursIsTemporary) {
  for (const auto code : {Code::unavailable, Code::io, Code::internal, Code::corrupt, Code::timeout,
                          Code::unknown, Code::conflict}) {
    EXPECT_EQ(reply_for(code).code / 100, 4) << code_name(code);
  }
  EXPECT_EQ(reply_for(Code::over_quota).status, (EnhancedStatus{5, 2, 2}));
  EXPECT_EQ(reply_for(Code::not_found).code, 550);
}

std::vector<std::string> framed(std::string_view data, size_t piece, size_t limit) {
  LineFramer framer(limit);
  std::vector<std::string> out;
  for (size_t at = 0; at < data.size(); at += piece) {
    auto input = data.substr(at, piece);
    while (auto line = framer.take(input)) {
      out.push_back(line->kind == LineFramer::Kind::line       ? line->text
                    : line->kind == LineFramer::Kind::too_long ? "(too long)"
                                                               : "(bare)");
    }
    EXPECT_TRUE(input.empty());
  }
  return out;
}

TEST(LineFramer, LinesHoweverTheyArrive) {
  const std::string data = "one\r\n\r\ntwo\nstill two\r\nthr\ree\r\n" + std::string(11, 'x') +
                           "\r\n" + std::string(10, 'y') + "\r\nnul\0\r\nend\r\r\nlast\r\n"s;
  const std::vector<std::string> expected = {"one",    "",           "(too long)",
                                             "(bare)", "(too long)", std::string(10, 'y'),
                                             "(bare)", "(bare)",     "last"};
  for (size_t piece = 1; piece <= data.size(); ++piece) {
    EXPECT_EQ(framed(data, piece, 10), expected) << piece;
  }
}

TEST(LineFramer, AHugeLineTakesNoMemoryAndEndsWhereItEnds) {
  std::string data(1'000'000, 'x');
  data += "\r\nNOOP\r\n";
  EXPECT_EQ(framed(data, 4096, 100), (std::vector<std::string>{"(too long)", "NOOP"}));
}

TEST(LineFramer, LeavesWhatFollowsToTheNext) {
  LineFramer framer;
  std::string_view input = "BDAT 5 LAST\r\nhelloQUIT\r\n";
  EXPECT_EQ(framer.take(input)->text, "BDAT 5 LAST");
  ChunkCounter counter(5);
  EXPECT_EQ(counter.take(input), "hello");
  EXPECT_TRUE(counter.done());
  EXPECT_EQ(framer.take(input)->text, "QUIT");
}

TEST(ChunkCounter, AcrossPieces) {
  ChunkCounter counter(5);
  std::string_view first = "abc";
  EXPECT_EQ(counter.take(first), "abc");
  EXPECT_EQ(counter.left(), 2U);
  std::string_view second = "defg";
  EXPECT_EQ(counter.take(second), "de");
  EXPECT_EQ(second, "fg");
  EXPECT_TRUE(ChunkCounter(0).done());
}

struct Decoded {
  std::string content;
  std::string rest;
  bool done = false;
};

Decoded decoded(std::string_view data, size_t piece) {
  DotDecoder decoder;
  Decoded out;
  for (size_t at = 0; at < data.size(); at += piece) {
    auto input = data.substr(at, piece);
    if (!out.done) out.done = decoder.take(input, out.content);
    out.rest += input;
  }
  return out;
}

void expect_decoded(std::string_view data, std::string_view content, std::string_view rest) {
  for (size_t piece = 1; piece <= data.size(); ++piece) {
    const auto out = decoded(data, piece);
    EXPECT_TRUE(out.done);
    EXPECT_EQ(out.content, content);
    EXPECT_EQ(out.rest, rest);
  }
}

TEST(DotDecoder, Decodes) {
  expect_decoded("a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n");
  expect_decoded(".\r\n", "", "");
  expect_decoded("..\r\n...x\r\n.y\r\n.\r\n", ".\r\n..x\r\ny\r\n", "");
  expect_decoded("\0\xff\r\n.\r\n"s, "\0\xff\r\n"s, "");
}

// What others take for the end of a message is content here.
TEST(DotDecoder, OnlyCrLfDotCrLfEnds) {
  expect_decoded("a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", "");
  expect_decoded("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", "");
  expect_decoded("a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", "");
  expect_decoded("a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", "");
  expect_decoded("a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", "");
  expect_decoded("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "");
  expect_decoded("a\r\r\n.\r\n", "a\r\r\n", "");
}

TEST(DotEncoder, RoundTrip) {
  for (const auto& content : {""s, "\r\n"s, ".\r\n"s, "..\r\n.\r\n"s, "a\r\n.b\r\n"s,
                              "a\n.\nb\r\n"s, ".\r.\n.\r\n"s, "\r\r\n.\r\r\n"s}) {
    const auto stuffed = dot_stuff(content);
    expect_decoded(stuffed, content, "");
  }
  EXPECT_EQ(dot_stuff("a"), "a\r\n.\r\n");
  EXPECT_EQ(dot_stuff(""), ".\r\n");
  EXPECT_EQ(dot_stuff("a\r"), "a\r\r\n.\r\n");
}

}  // namespace
}  // namespace eilpost::lmtp
