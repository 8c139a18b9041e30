// APPEND of one or several messages. RFC 9051 6.3.12, RFC 3502 (MULTIAPPEND), RFC 3516 (literal8),
// RFC 4469 (CATENATE), RFC 6855 4 (UTF8). The messages themselves are usually streamed past the
// parser: see parse_append_so_far(). Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/catenate.h"
#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct AppendMessage {
  FlagList flags;
  std::optional<DateTime> date;
  uint64_t size = 0;
  bool literal8 = false;
  // It came as UTF8 (~{...}): its header may hold UTF-8.
  bool utf8 = false;
  // The octets went by as LiteralChunk events; `octets` is empty. Else they are here.
  bool streamed = false;
  std::string octets;
  // CATENATE: what the message is made of, instead of the five members above. Else empty.
  std::vector<CatenatePart> parts;
  friend bool operator==(const AppendMessage&, const AppendMessage&) = default;
};

struct Append {
  std::string mailbox;
  std::vector<AppendMessage> messages;  // at least one
  friend bool operator==(const Append&, const Append&) = default;
};
Result<Append> parse_append(Cursor& cursor);
void print_append(CommandWriter& out, const Append& command);

// append-message = [SP flag-list] [SP date-time] SP append-data; the space in front is taken
// already. nullopt: see parse_catenate().
Result<std::optional<AppendMessage>> parse_append_message(Cursor& cursor, PartialParse partial);
void print_append_message(CommandWriter& out, const AppendMessage& message);

// What is known of an APPEND or a REPLACE while its literals come in.
struct AppendSoFar {
  Append append;
  bool replaces = false;  // REPLACE: only in the selected state
};

// For LiteralAnnounced: what Framer::pending() says so far. nullopt when the command is neither
// APPEND nor REPLACE or the announced literal is a mailbox name or a URL: buffer it. Else the
// literal is the last message of `messages`, or its last part, with flags and date: stream it. An
// Error says that the command is wrong already: refuse it.
Result<std::optional<AppendSoFar>> parse_append_so_far(const Frame& pending, ParseOptions options);

}  // namespace eilpost::imap
