// APPEND of one or several messages. RFC 9051 6.3.12, RFC 3502 (MULTIAPPEND), RFC 3516 (literal8).
// The messages themselves are usually streamed past the parser: see parse_append_so_far(). Any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct AppendMessage {
  FlagList flags;
  std::optional<DateTime> date;
  uint64_t size = 0;
  bool literal8 = false;
  // The octets went by as LiteralChunk events; `octets` is empty. Else they are here.
  bool streamed = false;
  std::string octets;
  friend bool operator==(const AppendMessage&, const AppendMessage&) = default;
};

struct Append {
  std::string mailbox;
  std::vector<AppendMessage> messages;  // at least one
  friend bool operator==(const Append&, const Append&) = default;
};
Result<Append> parse_append(Cursor& cursor);
void print_append(CommandWriter& out, const Append& command);

// For LiteralAnnounced: what Framer::pending() says so far. nullopt when the command is not APPEND
// or the announced literal is its mailbox name: buffer it. Else the literal is the last message of
// `messages`, with its flags and date: stream it. An Error says that the command is wrong already:
// refuse it.
Result<std::optional<Append>> parse_append_so_far(const Frame& pending, ParseOptions options);

}  // namespace eilpost::imap
