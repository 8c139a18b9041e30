#include "net/deflate.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "net/test_support.h"

namespace eilpost::net {
namespace {

using test::pattern_octets;

std::string packed(DeflateLayer& layer, std::string_view octets) {
  std::string out;
  layer.deflate(octets, out);
  layer.flush(out);
  return out;
}

std::string unpacked(DeflateLayer& layer, size_t piece_bytes = 4096) {
  std::string out;
  std::vector<char> piece(piece_bytes);
  for (;;) {
    const auto got = layer.inflate(piece);
    if (!got) return out + "|" + std::string(code_name(got.error().code));
    if (*got == 0) return out;
    out.append(piece.data(), *got);
  }
}

TEST(Deflate, EveryFlushCanBeRead) {
  DeflateLayer server;
  DeflateLayer client;
  for (const size_t size : {1, 10, 1000, 100'000, 3}) {
    const std::string octets = pattern_octets(size);
    client.feed(packed(server, octets));
    EXPECT_TRUE(unpacked(client) == octets);
  }
}

TEST(Deflate, RestsBetweenAnyTwoAnswers) {
  DeflateLayer server;
  DeflateLayer client;
  // The peer never rests: it goes on referring to what it has sent before.
  DeflateLayer restless;
  for (int i = 0; i < 50; ++i) {
    const std::string octets = "* " + std::to_string(i % 7) +
                               " FETCH (FLAGS (\\Seen \\Flagged))\r\n" +
                               pattern_octets(static_cast<size_t>(i) * 177);
    client.feed(packed(server, octets));
    EXPECT_TRUE(unpacked(client) == octets);
    server.feed(packed(restless, octets));
    EXPECT_TRUE(unpacked(server) == octets);
    server.rest();
    client.rest();
    EXPECT_TRUE(server.resting());
  }
}

TEST(Deflate, RestingTakesTheHistoryOnly) {
  constexpr size_t idle_bytes_max = 33 * 1024;
  DeflateLayer peer;
  DeflateLayer layer;
  EXPECT_LT(layer.memory_bytes(), 512U);
  layer.feed(packed(peer, "a1 NOOP\r\n"));
  unpacked(layer);
  packed(layer, "a1 OK done\r\n");
  EXPECT_GT(layer.memory_bytes(), 64U * 1024);
  layer.rest();
  EXPECT_LT(layer.memory_bytes(), 512U);  // a client that has said little
  layer.feed(packed(peer, pattern_octets(1'000'000)));
  unpacked(layer);
  layer.rest();
  EXPECT_LT(layer.memory_bytes(), idle_bytes_max);
}

TEST(Deflate, SmallInputNeverBecomesALargeBuffer) {
  DeflateLayer peer;
  DeflateLayer layer;
  const std::string bomb = packed(peer, std::string(64 * 1024 * 1024, 'x'));
  EXPECT_LT(bomb.size(), 400'000U);
  layer.feed(bomb);
  std::array<char, 1000> piece;
  for (int i = 0; i < 1000; ++i) {
    const auto got = layer.inflate(piece);
    ASSERT_TRUE(got.has_value());
    ASSERT_LE(*got, piece.size());
    ASSERT_LT(layer.memory_bytes(), bomb.size() + 64 * 1024);
  }
}

TEST(Deflate, BrokenStaysBroken) {
  DeflateLayer peer;
  DeflateLayer layer;
  layer.feed(packed(peer, "a1 NOOP\r\n") + std::string(8, '\xff'));
  EXPECT_EQ(unpacked(layer), "a1 NOOP\r\n|invalid");
  layer.rest();
  layer.feed(packed(peer, "a2 NOOP\r\n"));
  EXPECT_EQ(unpacked(layer), "|invalid");
}

TEST(Deflate, OctetsBehindTheEndAreBroken) {
  DeflateLayer layer;
  layer.feed(std::string("\x03\x00", 2));
  EXPECT_EQ(unpacked(layer), "");
  layer.rest();
  layer.feed("x");
  EXPECT_EQ(unpacked(layer), "|invalid");
}

// RFC 8437 4.1: plain text follows in the same packet, or the end of the flush comes later.
TEST(Deflate, EndsBehindABlock) {
  const std::string line = "a1 UNAUTHENTICATE\r\n";
  const std::string plain = "a2 LOGIN x y\r\n";
  DeflateLayer peer;
  const std::string wire = packed(peer, line) + plain;
  for (size_t cut = 0; cut <= wire.size(); ++cut) {
    DeflateLayer layer;
    std::string got;
    bool ended = false;
    for (const std::string& piece : {wire.substr(0, cut), wire.substr(cut)}) {
      layer.feed(piece);
      std::array<char, 64> octets;
      for (;;) {
        // As a session does it: no look at what follows before the line was taken.
        if (!ended && got == line) {
          layer.end();
          ended = true;
        }
        const auto count = layer.inflate(octets);
        ASSERT_TRUE(count.has_value()) << cut;
        if (*count == 0) break;
        got.append(octets.data(), *count);
      }
    }
    EXPECT_EQ(got, line + plain) << cut;
    EXPECT_TRUE(ended);
  }
}

TEST(Deflate, WhatWasPeekedAtComesAgain) {
  DeflateLayer peer;
  DeflateLayer layer;
  layer.feed(packed(peer, "abcdef"));
  std::array<char, 4> some;
  EXPECT_EQ(*layer.inflate(some), 4U);
  layer.unread("abcd");
  layer.rest();
  EXPECT_EQ(unpacked(layer, 3), "abcdef");
}

}  // namespace
}  // namespace eilpost::net
