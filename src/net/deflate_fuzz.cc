// What a peer sends after COMPRESS: no octets crash, their pieces do not matter, what is given out
// at a time stays within what was asked for, and parking between two pieces changes nothing.
#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "net/deflate.h"
#include "tests/fuzz.h"

namespace eilpost::net {
namespace {

struct Pace {
  size_t feed = 1;
  size_t take = 1;
  bool rests = false;
};

constexpr size_t inflated_max = 1U << 18;

// What the octets inflate to, up to a limit, and whether they are in order so far.
std::string inflate_at(std::string_view data, Pace pace) {
  DeflateLayer layer;
  std::string out;
  std::array<char, 4096> buffer;
  const std::span<char> into(buffer.data(), pace.take);
  for (size_t at = 0; at < data.size(); at += pace.feed) {
    layer.feed(data.substr(at, pace.feed));
    for (;;) {
      const auto got = layer.inflate(into);
      if (!got) return out + "|broken";
      CHECK(*got <= pace.take);
      if (*got == 0) break;
      out.append(buffer.data(), *got);
      if (out.size() > inflated_max) return out.substr(0, inflated_max);
    }
    if (pace.rests) layer.rest();
    CHECK(!pace.rests || layer.memory_bytes() < 48 * 1024);
  }
  return out;
}

}  // namespace

FUZZ_TARGET(net_inflate) {
  const std::string whole = inflate_at(data, {std::max<size_t>(data.size(), 1), 4096, false});
  CHECK(whole == inflate_at(data, {1, 4096, false}));
  CHECK(whole == inflate_at(data, {3, 7, true}));
  CHECK(whole == inflate_at(data, {1, 1, true}));
}

// Any text, cut anywhere, comes out as it went in; behind end() it passes as it is.
FUZZ_TARGET(net_deflate) {
  DeflateLayer writer;
  DeflateLayer reader;
  std::string out;
  std::array<char, 1024> buffer;
  const auto take = [&] {
    for (;;) {
      const auto got = reader.inflate(buffer);
      CHECK(got.has_value());
      if (*got == 0) return;
      out.append(buffer.data(), *got);
    }
  };
  for (size_t at = 0; at < data.size(); at += 5 + at % 97) {
    std::string wire;
    writer.deflate(data.substr(at, 5 + at % 97), wire);
    writer.flush(wire);
    if (at % 2 == 0) writer.rest();
    reader.feed(wire);
    take();
    if (at % 3 == 0) reader.rest();
  }
  CHECK(out == data);
  reader.end();
  out.clear();
  reader.feed("a1 LOGIN x y\r\n");
  take();
  CHECK(out == "a1 LOGIN x y\r\n");
}

}  // namespace eilpost::net
