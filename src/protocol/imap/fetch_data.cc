#include "protocol/imap/fetch_data.h"

#include <array>
#include <string>

namespace eilpost::imap {
namespace {

using ReadItem = Result<> (*)(Cursor&, FetchData&);

Result<> read_uid(Cursor& cursor, FetchData& data) {
  data.uid = Uid(TRY(cursor.nz_number()));
  return {};
}

Result<> read_flags(Cursor& cursor, FetchData& data) {
  data.flags = TRY(cursor.flag_list());
  return {};
}

Result<> read_internal_date(Cursor& cursor, FetchData& data) {
  data.internal_date = TRY(cursor.date_time());
  return {};
}

Result<> read_size(Cursor& cursor, FetchData& data) {
  data.rfc822_size = TRY(cursor.number64());
  return {};
}

Result<std::string> object_id(Cursor& cursor) {
  TRY(cursor.expect('('));
  std::string id(TRY(cursor.atom()));
  TRY(cursor.expect(')'));
  return id;
}

Result<> read_modseq(Cursor& cursor, FetchData& data) {
  TRY(cursor.expect('('));
  data.modseq = TRY(cursor.number64());
  return cursor.expect(')');
}

Result<> read_email_id(Cursor& cursor, FetchData& data) {
  data.email_id = TRY(object_id(cursor));
  return {};
}

// Gmail's number for what EMAILID is elsewhere: the same wherever a message shows up.
Result<> read_gmail_id(Cursor& cursor, FetchData& data) {
  data.email_id = std::to_string(TRY(cursor.nz_number64()));
  return {};
}

Result<> read_thread_id(Cursor& cursor, FetchData& data) {
  std::string id;
  if (!cursor.accept_word("NIL")) id = TRY(object_id(cursor));
  data.thread_id = std::move(id);
  return {};
}

Result<> read_save_date(Cursor& cursor, FetchData& data) {
  std::optional<DateTime> at;
  if (!cursor.accept_word("NIL")) at = TRY(cursor.date_time());
  data.save_date = at;
  data.save_date_nil = !at;
  return {};
}

Result<> read_preview(Cursor& cursor, FetchData& data) {
  data.preview = TRY(cursor.nstring());
  data.preview_nil = !data.preview;
  return {};
}

Result<> read_envelope(Cursor& cursor, FetchData& data) {
  data.envelope = TRY(parse_envelope(cursor));
  return {};
}

Result<> read_body(Cursor& cursor, FetchData& data) {
  data.body = TRY(parse_body_structure(cursor));
  data.body_extended = false;
  return {};
}

Result<> read_body_structure(Cursor& cursor, FetchData& data) {
  data.body = TRY(parse_body_structure(cursor));
  data.body_extended = true;
  return {};
}

// nstring / literal8, whose octets may have been streamed past.
Result<> read_octets(Cursor& cursor, BodyData body, FetchData& data) {
  if (cursor.at_literal()) {
    const Literal* literal = TRY(cursor.literal());
    body.size = literal->size;
    body.streamed = literal->streamed;
    body.octets = literal->octets;
  } else {
    body.octets = TRY(cursor.nstring());
    body.size = body.octets ? body.octets->size() : 0;
  }
  data.bodies.push_back(std::move(body));
  return {};
}

template <BodyData::Kind kind>
Result<> read_rfc822(Cursor& cursor, FetchData& data) {
  BodyData body;
  body.kind = kind;
  return read_octets(cursor, std::move(body), data);
}

struct ItemReader {
  std::string_view name;
  ReadItem read;
};
constexpr std::array<ItemReader, 16> readers{{
    {"UID", read_uid},
    {"FLAGS", read_flags},
    {"INTERNALDATE", read_internal_date},
    {"RFC822.SIZE", read_size},
    {"MODSEQ", read_modseq},
    {"EMAILID", read_email_id},
    {"X-GM-MSGID", read_gmail_id},
    {"THREADID", read_thread_id},
    {"SAVEDATE", read_save_date},
    {"PREVIEW", read_preview},
    {"ENVELOPE", read_envelope},
    {"BODY", read_body},
    {"BODYSTRUCTURE", read_body_structure},
    {"RFC822", read_rfc822<BodyData::Kind::rfc822>},
    {"RFC822.HEADER", read_rfc822<BodyData::Kind::rfc822_header>},
    {"RFC822.TEXT", read_rfc822<BodyData::Kind::rfc822_text>},
}};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

Result<std::string_view> item_name(Cursor& cursor) {
  std::string_view rest = cursor.rest();
  size_t length = 0;
  while (length < rest.size() && is_name_char(rest[length])) ++length;
  if (length == 0) return cursor.expected("a FETCH item");
  cursor.skip(length);
  return rest.substr(0, length);
}

// "BODY" section ["<" number ">"] SP nstring, "BINARY" likewise, "BINARY.SIZE" section-binary SP
// number
Result<> read_bracketed(Cursor& cursor, std::string_view name, FetchData& data) {
  TRY(cursor.expect('['));
  BodyData body;
  body.section = TRY(cursor.section());
  TRY(cursor.expect(']'));
  if (equal_nocase(name, "BINARY.SIZE")) {
    TRY(cursor.space());
    uint64_t size = TRY(cursor.number64());
    data.binary_sizes.push_back(BinarySize{std::move(body.section.part), size});
    return {};
  }
  if (equal_nocase(name, "BINARY")) {
    body.kind = BodyData::Kind::binary;
  } else if (!equal_nocase(name, "BODY")) {
    return cursor.expected("BODY or BINARY");
  }
  if (cursor.accept('<')) {
    body.origin = TRY(cursor.number64());
    TRY(cursor.expect('>'));
  }
  TRY(cursor.space());
  return read_octets(cursor, std::move(body), data);
}

Result<> read_item(Cursor& cursor, std::string_view name, FetchData& data) {
  if (cursor.peek() == '[') return read_bracketed(cursor, name, data);
  for (const ItemReader& reader : readers) {
    if (!equal_nocase(reader.name, name)) continue;
    TRY(cursor.space());
    TRY(reader.read(cursor, data));
    if (cursor.peek() != ' ' && cursor.peek() != ')') return cursor.expected("a space");
    return {};
  }
  return cursor.expected("a known FETCH item");
}

// Behind the name of an item that was not understood: whatever stands in brackets, and the value.
Result<> skip_item(Cursor& cursor) {
  if (cursor.peek() == '[') {
    size_t close = cursor.rest().find(']');
    if (close == std::string_view::npos) return cursor.expected("a closing bracket");
    cursor.skip(close + 1);
  }
  if (cursor.peek() == '<') {
    size_t close = cursor.rest().find('>');
    if (close != std::string_view::npos) cursor.skip(close + 1);
  }
  TRY(cursor.space());
  return cursor.skip_value();
}

}  // namespace

// msg-att = "(" (msg-att-dynamic / msg-att-static) *(SP (msg-att-dynamic / msg-att-static)) ")"
Result<FetchData> parse_fetch_data(Cursor& cursor, Seq seq) {
  FetchData data;
  data.seq = seq;
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    std::string_view name = TRY(item_name(cursor));
    Cursor start = cursor;
    if (!read_item(cursor, name, data)) {
      cursor = start;
      TRY(skip_item(cursor));
      data.skipped.emplace_back(name);
    }
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return data;
}

}  // namespace eilpost::imap
