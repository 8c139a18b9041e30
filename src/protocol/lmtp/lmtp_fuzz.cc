// parse(print(x)) == x for commands and replies; DATA gives the same however it is cut.
#include <algorithm>

#include "base/check.h"
#include "protocol/lmtp/command.h"
#include "protocol/lmtp/framer.h"
#include "tests/fuzz.h"

namespace eilpost::lmtp {
namespace {

struct Decoded {
  std::string content;
  size_t taken = 0;
  bool done = false;
};

Decoded decode(std::string_view stuffed, size_t piece) {
  DotDecoder decoder;
  Decoded out;
  while (out.taken < stuffed.size() && !out.done) {
    auto input = stuffed.substr(out.taken, piece);
    const size_t before = input.size();
    out.done = decoder.take(input, out.content);
    CHECK(out.done || input.empty());
    out.taken += before - input.size();
  }
  return out;
}

struct Framed {
  std::vector<std::pair<LineFramer::Kind, std::string>> lines;
};

Framed frame(std::string_view data, size_t piece) {
  LineFramer framer(64);
  Framed out;
  for (size_t at = 0; at < data.size(); at += piece) {
    auto input = data.substr(at, piece);
    while (auto line = framer.take(input)) {
      CHECK(line->text.size() <= 64);
      CHECK(line->text.find_first_of("\r\n") == std::string::npos);
      out.lines.emplace_back(line->kind, line->text);
    }
    CHECK(input.empty());
  }
  return out;
}

}  // namespace

FUZZ_TARGET(lmtp_command) {
  const ParseOptions options{.size_max = 0, .utf8_transaction = true};
  const auto command = parse_command(data, options);
  if (!command) {
    CHECK(command.error().reply.code >= 500);
    CHECK(std::count(command.error().detail.begin(), command.error().detail.end(), '\n') == 0);
    return;
  }
  const auto again = parse_command(print_command(*command), options);
  CHECK(again.has_value());
  CHECK(*again == *command);
}

FUZZ_TARGET(lmtp_data) {
  if (data.empty()) return;
  const size_t piece = static_cast<unsigned char>(data[0]) % 16 + 1;
  data.remove_prefix(1);
  const auto whole = decode(data, SIZE_MAX);
  const auto pieces = decode(data, piece);
  CHECK(whole.content == pieces.content && whole.taken == pieces.taken);
  CHECK(whole.done == pieces.done);
  CHECK(frame(data, piece).lines == frame(data, data.size() + 1).lines);
  // unstuff(stuff(x)) == x, with the CRLF that a message must end with.
  std::string content(data);
  const bool ended = data.empty() || (data.size() >= 2 && data.substr(data.size() - 2) == "\r\n");
  if (!ended) content += "\r\n";
  const auto stuffed = dot_stuff(data);
  const auto back = decode(stuffed, piece);
  CHECK(back.done && back.taken == stuffed.size() && back.content == content);
}

FUZZ_TARGET(lmtp_reply) {
  ReplyParser parser;
  while (!data.empty()) {
    const auto line = data.substr(0, data.find('\n'));
    data.remove_prefix(std::min(line.size() + 1, data.size()));
    const auto reply = parser.line(line);
    if (!reply) return;
    if (!*reply) continue;
    ReplyParser second;
    LineFramer framer(1 << 20);
    const auto printed = print_reply(**reply);
    std::string_view input = printed;
    while (auto framed = framer.take(input)) {
      const auto again = second.line(framed->text);
      CHECK(again.has_value());
      if (*again) CHECK(print_reply(**again) == printed);
    }
  }
}

}  // namespace eilpost::lmtp
