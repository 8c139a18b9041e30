#include "protocol/imap/catenate.h"

namespace eilpost::imap {
namespace {

// The announced literal ends the text of a command that is still coming in.
bool at_announced_literal(const Cursor& cursor) {
  return cursor.at_literal() && cursor.rest().find('}') == cursor.rest().size() - 1;
}

void take(MessageLiteral literal, CatenatePart& part) {
  part.size = literal.size;
  part.literal8 = literal.literal8;
  part.streamed = literal.streamed;
  part.octets = std::move(literal.octets);
}

// cat-part = text-literal / utf8-literal / url
// text-literal = "TEXT" SP literal; url = "URL" SP astring
// nullopt: the URL is the announced literal.
Result<std::optional<CatenatePart>> parse_part(Cursor& cursor, PartialParse partial) {
  CatenatePart part;
  if (cursor.accept_word("TEXT")) {
    TRY(cursor.space());
    take(TRY(parse_message_literal(cursor, "the text as a literal")), part);
  } else if (cursor.accept_word("UTF8")) {
    part.kind = CatenatePart::Kind::utf8;
    take(TRY(parse_utf8_literal(cursor, partial)), part);
  } else if (cursor.accept_word("URL")) {
    TRY(cursor.space());
    if (partial.allowed && at_announced_literal(cursor)) return std::optional<CatenatePart>();
    part.kind = CatenatePart::Kind::url;
    part.url = TRY(cursor.astring("a URL"));
  } else {
    return cursor.expected("TEXT, UTF8 or URL");
  }
  return std::optional<CatenatePart>(std::move(part));
}

}  // namespace

Result<MessageLiteral> parse_message_literal(Cursor& cursor, std::string_view what) {
  const size_t start = cursor.position();
  const Literal* literal = TRY(cursor.literal(what));
  if (!literal->literal8 && literal->octets.find('\0') != std::string::npos) {
    return cursor.error_at(Code::invalid, "expected a message without NUL", start);
  }
  return MessageLiteral{literal->size, literal->literal8, literal->streamed, literal->octets};
}

Result<MessageLiteral> parse_utf8_literal(Cursor& cursor, PartialParse partial) {
  TRY(cursor.space());
  TRY(cursor.expect('('));
  const size_t start = cursor.position();
  MessageLiteral literal = TRY(parse_message_literal(cursor, "the message as a literal8"));
  if (!literal.literal8) {
    return cursor.error_at(Code::invalid, "expected a literal8, \"~{...}\"", start);
  }
  if (partial.allowed && cursor.at_end()) return literal;
  TRY(cursor.expect(')'));
  return literal;
}

Result<std::optional<std::vector<CatenatePart>>> parse_catenate(Cursor& cursor,
                                                                PartialParse partial) {
  std::vector<CatenatePart> parts;
  TRY(cursor.enter());
  do {
    cursor.skip_spaces();
    auto part = TRY(parse_part(cursor, partial));
    if (!part) return std::optional<std::vector<CatenatePart>>();
    parts.push_back(std::move(*part));
    if (partial.allowed && cursor.at_end()) return std::optional(std::move(parts));
    if (cursor.peek() != ' ' && cursor.peek() != ')') return cursor.expected("a space or \")\"");
    cursor.skip_spaces();
  } while (cursor.peek() != ')');
  TRY(cursor.leave());
  return std::optional(std::move(parts));
}

void print_catenate(CommandWriter& out, const std::vector<CatenatePart>& parts) {
  out.raw("CATENATE (");
  for (size_t i = 0; i < parts.size(); ++i) {
    const CatenatePart& part = parts[i];
    if (i > 0) out.raw(" ");
    switch (part.kind) {
      case CatenatePart::Kind::text:
        out.raw("TEXT ").literal(part.octets, {.literal8 = part.literal8});
        break;
      case CatenatePart::Kind::utf8:
        out.raw("UTF8 (").literal(part.octets, {.literal8 = true}).raw(")");
        break;
      case CatenatePart::Kind::url: out.raw("URL ").astring(part.url); break;
    }
  }
  out.raw(")");
}

}  // namespace eilpost::imap
