// The pieces of a message that APPEND and REPLACE put together on the server: octets that come
// along (TEXT, UTF8) and what an IMAP URL names (URL). RFC 4469, RFC 6855 4. Values only; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/cursor.h"
#include "protocol/imap/writer.h"

namespace eilpost::imap {

struct CatenatePart {
  enum class Kind : uint8_t { text, utf8, url };
  Kind kind = Kind::text;
  std::string url;  // of Kind::url, as the client wrote it
  // Of the others; see AppendMessage.
  uint64_t size = 0;
  bool literal8 = false;
  bool streamed = false;
  std::string octets;
  friend bool operator==(const CatenatePart&, const CatenatePart&) = default;
};

// A command that may end in the middle, at a literal that was announced (parse_append_so_far()).
struct PartialParse {
  bool allowed = false;
};

// "(" cat-part *(SP cat-part) ")". nullopt, with a partial parse only: the announced literal is a
// URL, to be buffered.
Result<std::optional<std::vector<CatenatePart>>> parse_catenate(Cursor& cursor,
                                                                PartialParse partial);
void print_catenate(CommandWriter& out, const std::vector<CatenatePart>& parts);

// A literal of a message: "{5}", and "~{5}" when NUL may be in it.
struct MessageLiteral {
  uint64_t size = 0;
  bool literal8 = false;
  bool streamed = false;
  std::string octets;
};
Result<MessageLiteral> parse_message_literal(Cursor& cursor, std::string_view what);
// utf8-literal = "UTF8" SP "(" literal8 ")" (RFC 6855 4), behind "UTF8".
Result<MessageLiteral> parse_utf8_literal(Cursor& cursor, PartialParse partial);

}  // namespace eilpost::imap
