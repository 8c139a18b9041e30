#include "protocol/imap/framer.h"

#include <gtest/gtest.h>

namespace eilpost::imap {
namespace {

// Feeds `input` in pieces of `step` octets and writes what comes out as text. `decide` is called at
// each announced literal.
template <class Decide>
std::string run(Framer& framer, std::string_view input, size_t step, Decide decide) {
  std::string log;
  std::string stream;
  for (size_t at = 0; at < input.size(); at += step) {
    framer.feed(input.substr(at, step));
    for (bool more = true; more;) {
      FramerEvent event = framer.next();
      if (std::get_if<NeedMore>(&event)) {
        more = false;
      } else if (auto* command = std::get_if<CommandFrame>(&event)) {
        log += "command <" + command->frame.text + ">";
        for (const Literal& literal : command->frame.literals) {
          log += literal.streamed ? " streamed" : " [" + literal.octets + "]";
        }
        log += '\n';
      } else if (auto* announced = std::get_if<LiteralAnnounced>(&event)) {
        log += "literal " + std::to_string(announced->size);
        log += announced->literal8 ? " literal8" : "";
        log += announced->synchronizing ? " sync" : "";
        log += announced->fits ? "\n" : " too big\n";
        decide(framer);
      } else if (auto* chunk = std::get_if<LiteralChunk>(&event)) {
        stream += chunk->octets;
      } else if (std::get_if<LiteralEnd>(&event)) {
        log += "stream [" + stream + "]\n";
        stream.clear();
      } else if (auto* raw = std::get_if<RawLine>(&event)) {
        log += "raw <" + raw->line + ">\n";
      } else if (auto* too_long = std::get_if<TooLong>(&event)) {
        log += "too long <" + too_long->tag + ">\n";
      } else if (auto* bad = std::get_if<BadLine>(&event)) {
        log += "bad <" + bad->tag + "> " + bad->why + "\n";
      } else if (auto* refused = std::get_if<Refused>(&event)) {
        log += "refused <" + refused->tag + ">\n";
      } else {
        log += "fatal\n";
        return log;
      }
    }
  }
  return log;
}

void buffer(Framer& framer) {
  framer.buffer_literal();
}
void stream(Framer& framer) {
  framer.stream_literal();
}
void refuse(Framer& framer) {
  framer.refuse_literal();
}

// The same whatever the pieces are.
template <class Decide>
std::string frames(std::string_view input, Decide decide, FramerLimits limits = {}) {
  Framer whole(limits);
  std::string expected = run(whole, input, input.size(), decide);
  for (size_t step : {1, 2, 3, 7, 16}) {
    Framer framer(limits);
    EXPECT_EQ(expected, run(framer, input, step, decide)) << "in pieces of " << step;
  }
  return expected;
}

TEST(Framer, LinesAndLineEnds) {
  EXPECT_EQ("command <a1 NOOP>\ncommand <a2 NOOP>\n", frames("a1 NOOP\r\na2 NOOP\n\r\n\n", buffer));
}

TEST(Framer, LiteralsInOrder) {
  EXPECT_EQ(
      "literal 4 sync\nliteral 3\ncommand <a LOGIN {4} {3+}> [us\r\n] [p\nw]\ncommand <b NOOP>\n",
      frames("a LOGIN {4}\r\nus\r\n {3+}\r\np\nw\r\nb NOOP\r\n", buffer));
}

TEST(Framer, StreamsAMessage) {
  EXPECT_EQ("literal 5 literal8\nstream [he\r\no]\ncommand <a APPEND x ~{5+} > streamed\n",
            frames("a APPEND x ~{5+}\r\nhe\r\no \r\n", stream));
  EXPECT_EQ("literal 0\nstream []\ncommand <a APPEND x {0+}> streamed\n",
            frames("a APPEND x {0+}\r\n\r\n", stream));
}

TEST(Framer, RefusedSynchronizingLiteralEndsTheCommand) {
  EXPECT_EQ("literal 99 sync\nrefused <a>\ncommand <b NOOP>\n",
            frames("a APPEND x {99}\r\nb NOOP\r\n", refuse));
}

TEST(Framer, RefusedPlusLiteralIsDrainedWithTheRestOfTheCommand) {
  EXPECT_EQ("literal 4\nrefused <a>\ncommand <b NOOP>\n",
            frames("a APPEND x {4+}\r\n\r\n\r\n {3+}\r\nxyz (\\Seen)\r\nb NOOP\r\n", refuse));
  // A synchronizing literal further on: the client waits, so the command is over.
  EXPECT_EQ("literal 4\nrefused <a>\ncommand <b NOOP>\n",
            frames("a APPEND x {4+}\r\nabcd {3}\r\nb NOOP\r\n", refuse));
}

TEST(Framer, StopsStreamingInTheMiddle) {
  Framer framer;
  framer.feed("a APPEND x {8+}\r\nabcd");
  ASSERT_TRUE(std::holds_alternative<LiteralAnnounced>(framer.next()));
  framer.stream_literal();
  ASSERT_TRUE(std::holds_alternative<LiteralChunk>(framer.next()));
  framer.refuse_literal();
  EXPECT_TRUE(std::holds_alternative<NeedMore>(framer.next()));
  framer.feed("efgh\r\nb NOOP\r\n");
  FramerEvent event = framer.next();
  ASSERT_TRUE(std::holds_alternative<Refused>(event));
  EXPECT_EQ("a", std::get<Refused>(event).tag);
  event = framer.next();
  ASSERT_TRUE(std::holds_alternative<CommandFrame>(event));
  EXPECT_EQ("b NOOP", std::get<CommandFrame>(event).frame.text);
}

TEST(Framer, TooMuchToDrainIsFatal) {
  FramerLimits limits;
  limits.drain_bytes_max = 10;
  EXPECT_EQ("literal 11\nfatal\n", frames("a APPEND x {11+}\r\nabc", refuse, limits));
  EXPECT_EQ("literal 18446744073709551615 too big\nfatal\n",
            frames("a APPEND x {99999999999999999999+}\r\n", refuse));
}

TEST(Framer, OverlongLineIsDrained) {
  FramerLimits limits;
  limits.line_bytes_max = 16;
  EXPECT_EQ("command <a2345678 abcdefg>\n", frames("a2345678 abcdefg\r\n", buffer, limits));
  EXPECT_EQ("too long <a2345678>\ncommand <b NOOP>\n",
            frames("a2345678 abcdefgh i\r\nb NOOP\r\n", buffer, limits));
  EXPECT_EQ("too long <a>\ncommand <b NOOP>\n",
            frames("a 45678901234567890 {4+}\r\nabcd\r\nb NOOP\r\n", buffer, limits));
  EXPECT_EQ("too long <>\ncommand <b NOOP>\n",
            frames("(((((((((((((((((((((((\r\nb NOOP\r\n", buffer, limits));
}

TEST(Framer, CommandBytesAreBounded) {
  FramerLimits limits;
  limits.command_bytes_max = 200;
  EXPECT_EQ("literal 190 too big\nrefused <a>\n",
            frames("a LOGIN {190+}\r\n" + std::string(190, 'x') + " y\r\n", buffer, limits));
}

TEST(Framer, NulAndBareCrAreBad) {
  EXPECT_EQ("bad <a> a line may not hold NUL\ncommand <b NOOP>\n",
            frames(std::string_view("a NO\0P\r\nb NOOP\r\n", 16), buffer));
  EXPECT_EQ("bad <a> a line may not hold CR without LF\ncommand <b NOOP>\n",
            frames("a NO\rOP {2+}\r\nxy\r\nb NOOP\r\n", buffer));
}

TEST(Framer, RawLines) {
  Framer framer;
  framer.expect_raw_line();
  EXPECT_EQ("raw <dXNlcg== {5}>\ncommand <a NOOP>\n",
            run(framer, "dXNlcg== {5}\r\na NOOP\r\n", 100, buffer));
}

TEST(Framer, SeesThePipeline) {
  Framer framer;
  framer.feed("a NOOP\r\n\r\nb FETCH 1 FLAGS\r\nc ST");
  framer.next();
  EXPECT_EQ("\r\nb FETCH 1 FLAGS\r\nc ST", framer.buffered_text());
  framer.next();
  EXPECT_EQ("c ST", framer.buffered_text());
  EXPECT_EQ(4U, framer.buffered());
  EXPECT_TRUE(framer.mid_command());
  framer.discard();
  EXPECT_EQ(0U, framer.buffered());
  EXPECT_FALSE(framer.mid_command());
}

TEST(Framer, HoldsNothingBetweenCommands) {
  Framer framer;
  framer.feed("a LOGIN {2000+}\r\n" + std::string(2000, 'x') + "\r\n");
  framer.next();
  framer.buffer_literal();
  framer.next();
  ASSERT_TRUE(std::holds_alternative<NeedMore>(framer.next()));
  EXPECT_LE(framer.memory_bytes(), 100U);
}

TEST(Framer, StreamingHoldsOnlyWhatWasFed) {
  Framer framer;
  framer.feed("a APPEND x {1000000+}\r\n");
  framer.next();
  framer.stream_literal();
  std::string piece(10000, 'x');
  size_t got = 0;
  for (int i = 0; i < 100; ++i) {
    framer.feed(piece);
    for (;;) {
      FramerEvent event = framer.next();
      auto* chunk = std::get_if<LiteralChunk>(&event);
      if (chunk == nullptr) break;
      got += chunk->octets.size();
    }
    EXPECT_LT(framer.memory_bytes(), 3 * piece.size());
  }
  EXPECT_EQ(1000000U, got);
}

TEST(LiteralMark, Forms) {
  EXPECT_FALSE(literal_mark("a {5} b"));
  EXPECT_FALSE(literal_mark("a {}"));
  EXPECT_FALSE(literal_mark("5}"));
  EXPECT_FALSE(literal_mark("{x5}"));
  EXPECT_FALSE(literal_mark("{123456789012345678901}"));
  auto mark = literal_mark("a ~{50+}");
  ASSERT_TRUE(mark);
  EXPECT_EQ(2U, mark->offset);
  EXPECT_EQ(50U, mark->size);
  EXPECT_TRUE(mark->literal8);
  EXPECT_FALSE(mark->synchronizing);
}

TEST(Frame, TagAndName) {
  EXPECT_EQ("a1", (Frame{"a1 FETCH 1", {}}.tag()));
  EXPECT_EQ("FETCH", (Frame{"a1  FETCH 1", {}}.name()));
  EXPECT_EQ("", (Frame{"a+1 FETCH", {}}.tag()));
  EXPECT_EQ("", (Frame{"a1", {}}.name()));
}

}  // namespace
}  // namespace eilpost::imap
