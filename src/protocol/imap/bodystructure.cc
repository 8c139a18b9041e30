#include "protocol/imap/bodystructure.h"

#include <array>

namespace eilpost::imap {
namespace {

constexpr std::array<AddressList Envelope::*, 6> address_fields{
    &Envelope::from, &Envelope::sender, &Envelope::reply_to,
    &Envelope::to,   &Envelope::cc,     &Envelope::bcc};

// address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
Result<Address> parse_address(Cursor& cursor) {
  Address address;
  TRY(cursor.enter());
  cursor.skip_spaces();
  address.name = TRY(cursor.nstring());
  TRY(cursor.space());
  address.adl = TRY(cursor.nstring());
  TRY(cursor.space());
  address.mailbox = TRY(cursor.nstring());
  TRY(cursor.space());
  address.host = TRY(cursor.nstring());
  cursor.skip_spaces();
  TRY(cursor.leave());
  return address;
}

// env-from = "(" 1*address ")" / nil. Exchange 2016 puts spaces between addresses, others send
// "()".
Result<AddressList> parse_addresses(Cursor& cursor) {
  AddressList list;
  if (cursor.accept_word("NIL")) return list;
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    list.push_back(TRY(parse_address(cursor)));
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return list;
}

// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
Result<BodyParameters> parse_parameters(Cursor& cursor) {
  BodyParameters parameters;
  if (cursor.accept_word("NIL")) return parameters;
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    std::string name = TRY(cursor.astring());
    TRY(cursor.space());
    std::optional<std::string> value = TRY(cursor.nstring());
    parameters.emplace_back(std::move(name), value.value_or(""));
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return parameters;
}

// body-fld-dsp = "(" string SP body-fld-param ")" / nil. Exchange sends a bare string.
Result<std::optional<std::pair<std::string, BodyParameters>>> parse_disposition(Cursor& cursor) {
  std::optional<std::pair<std::string, BodyParameters>> disposition;
  if (cursor.accept_word("NIL")) return disposition;
  disposition.emplace();
  if (cursor.peek() != '(') {
    disposition->first = TRY(cursor.string());
    return disposition;
  }
  TRY(cursor.enter());
  disposition->first = TRY(cursor.string());
  cursor.skip_spaces();
  if (cursor.peek() != ')') disposition->second = TRY(parse_parameters(cursor));
  TRY(cursor.leave());
  return disposition;
}

// body-fld-lang = nstring / "(" string *(SP string) ")"
Result<std::vector<std::string>> parse_language(Cursor& cursor) {
  std::vector<std::string> languages;
  if (cursor.peek() != '(') {
    std::optional<std::string> one = TRY(cursor.nstring());
    if (one) languages.push_back(std::move(*one));
    return languages;
  }
  TRY(cursor.enter());
  cursor.skip_spaces();
  while (cursor.peek() != ')') {
    languages.push_back(TRY(cursor.string()));
    cursor.skip_spaces();
  }
  TRY(cursor.leave());
  return languages;
}

bool more(Cursor& cursor) {
  cursor.skip_spaces();
  return cursor.peek() != ')' && !cursor.at_end();
}

// body-ext-1part / body-ext-mpart behind their first member: [SP body-fld-dsp [SP body-fld-lang [SP
// body-fld-loc *(SP body-extension)]]]
Result<> parse_extensions(Cursor& cursor, BodyStructure& body) {
  if (!more(cursor)) return {};
  body.disposition = TRY(parse_disposition(cursor));
  body.extensions = 2;
  if (!more(cursor)) return {};
  body.language = TRY(parse_language(cursor));
  body.extensions = 3;
  if (!more(cursor)) return {};
  body.location = TRY(cursor.nstring());
  body.extensions = 4;
  while (more(cursor)) TRY(cursor.skip_value());
  return {};
}

// body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
Result<> parse_multipart(Cursor& cursor, BodyStructure& body) {
  body.type = "MULTIPART";
  while (cursor.peek() == '(') {
    body.children.push_back(TRY(parse_body_structure(cursor)));
    cursor.skip_spaces();
  }
  body.subtype = TRY(cursor.string("a multipart's subtype"));
  if (!more(cursor)) return {};
  body.parameters = TRY(parse_parameters(cursor));
  body.extensions = 1;
  return parse_extensions(cursor, body);
}

// body-fld-octets = number; some servers send -1 or NIL for what they do not know.
Result<uint64_t> parse_count(Cursor& cursor) {
  if (cursor.accept_text("-1") || cursor.accept_word("NIL")) return 0;
  return cursor.number64();
}

bool is_message(const BodyStructure& body) {
  return equal_nocase(body.type, "MESSAGE") &&
         (equal_nocase(body.subtype, "RFC822") || equal_nocase(body.subtype, "GLOBAL"));
}

// body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
Result<> parse_fields(Cursor& cursor, BodyStructure& body) {
  body.parameters = TRY(parse_parameters(cursor));
  TRY(cursor.space());
  body.id = TRY(cursor.nstring());
  TRY(cursor.space());
  body.description = TRY(cursor.nstring());
  TRY(cursor.space());
  std::optional<std::string> encoding = TRY(cursor.nstring());
  body.encoding = encoding.value_or("7BIT");
  TRY(cursor.space());
  body.size = TRY(parse_count(cursor));
  return {};
}

// body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
Result<> parse_single_part(Cursor& cursor, BodyStructure& body) {
  body.type = TRY(cursor.string("a media type"));
  cursor.skip_spaces();
  if (cursor.peek() == ')') {
    // An empty multipart as Gmail sends it: ("ALTERNATIVE").
    body.subtype = std::move(body.type);
    body.type = "MULTIPART";
    return {};
  }
  body.subtype = TRY(cursor.string("a media subtype"));
  TRY(cursor.space());
  TRY(parse_fields(cursor, body));
  if (equal_nocase(body.type, "MULTIPART")) {
    // A multipart without its parts, as outlook.com sends for some signed messages.
    BodyStructure empty;
    empty.type = "MULTIPART";
    empty.subtype = std::move(body.subtype);
    body = std::move(empty);
    while (more(cursor)) TRY(cursor.skip_value());
    return {};
  }
  if (!more(cursor)) return {};
  // A message without its envelope is seen where servers give up on it.
  if (is_message(body) && (cursor.peek() == '(')) {
    body.envelope = TRY(parse_envelope(cursor));
    TRY(cursor.space());
    body.children.push_back(TRY(parse_body_structure(cursor)));
    TRY(cursor.space());
    body.lines = TRY(parse_count(cursor));
  } else if (equal_nocase(body.type, "TEXT")) {
    body.lines = TRY(parse_count(cursor));
  }
  if (!more(cursor)) return {};
  body.md5 = TRY(cursor.nstring());
  body.extensions = 1;
  return parse_extensions(cursor, body);
}

void append_addresses(std::string& out, const AddressList& list, WriteStyle style) {
  if (list.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  for (const Address& address : list) {
    out += '(';
    append_nstring(out, address.name, style);
    out += ' ';
    append_nstring(out, address.adl, style);
    out += ' ';
    append_nstring(out, address.mailbox, style);
    out += ' ';
    append_nstring(out, address.host, style);
    out += ')';
  }
  out += ')';
}

void append_parameters(std::string& out, const BodyParameters& parameters, WriteStyle style) {
  if (parameters.empty()) {
    out += "NIL";
    return;
  }
  out += '(';
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (i > 0) out += ' ';
    append_string(out, parameters[i].first, style);
    out += ' ';
    append_string(out, parameters[i].second, style);
  }
  out += ')';
}

void append_extensions(std::string& out, const BodyStructure& body, WriteStyle style) {
  if (body.extensions >= 2) {
    out += ' ';
    if (body.disposition) {
      out += '(';
      append_string(out, body.disposition->first, style);
      out += ' ';
      append_parameters(out, body.disposition->second, style);
      out += ')';
    } else {
      out += "NIL";
    }
  }
  if (body.extensions >= 3) {
    out += body.language.empty() ? " NIL" : " (";
    for (size_t i = 0; i < body.language.size(); ++i) {
      if (i > 0) out += ' ';
      append_string(out, body.language[i], style);
    }
    if (!body.language.empty()) out += ')';
  }
  if (body.extensions >= 4) {
    out += ' ';
    append_nstring(out, body.location, style);
  }
}

void append_single_part(std::string& out, const BodyStructure& body, WriteStyle style) {
  append_string(out, body.type, style);
  out += ' ';
  append_string(out, body.subtype, style);
  out += ' ';
  append_parameters(out, body.parameters, style);
  out += ' ';
  append_nstring(out, body.id, style);
  out += ' ';
  append_nstring(out, body.description, style);
  out += ' ';
  append_string(out, body.encoding, style);
  out += ' ';
  append_number(out, body.size);
  if (body.envelope && body.children.size() == 1) {
    out += ' ';
    append_envelope(out, *body.envelope, style);
    out += ' ';
    append_body_structure(out, body.children.front(), style);
  }
  if (body.lines) {
    out += ' ';
    append_number(out, *body.lines);
  }
  if (body.extensions >= 1) {
    out += ' ';
    append_nstring(out, body.md5, style);
  }
}

}  // namespace

// envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
// env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
Result<Envelope> parse_envelope(Cursor& cursor) {
  Envelope envelope;
  TRY(cursor.enter());
  cursor.skip_spaces();
  envelope.date = TRY(cursor.nstring());
  TRY(cursor.space());
  envelope.subject = TRY(cursor.nstring());
  TRY(cursor.space());
  for (auto field : address_fields) {
    envelope.*field = TRY(parse_addresses(cursor));
    TRY(cursor.space());
  }
  envelope.in_reply_to = TRY(cursor.nstring());
  TRY(cursor.space());
  envelope.message_id = TRY(cursor.nstring());
  cursor.skip_spaces();
  TRY(cursor.leave());
  return envelope;
}

// body = "(" (body-type-1part / body-type-mpart) ")"
Result<BodyStructure> parse_body_structure(Cursor& cursor) {
  BodyStructure body;
  TRY(cursor.enter());
  cursor.skip_spaces();
  if (cursor.peek() == '(') {
    TRY(parse_multipart(cursor, body));
  } else {
    TRY(parse_single_part(cursor, body));
  }
  cursor.skip_spaces();
  TRY(cursor.leave());
  return body;
}

void append_envelope(std::string& out, const Envelope& envelope, WriteStyle style) {
  out += '(';
  append_nstring(out, envelope.date, style);
  out += ' ';
  append_nstring(out, envelope.subject, style);
  out += ' ';
  for (auto field : address_fields) {
    append_addresses(out, envelope.*field, style);
    out += ' ';
  }
  append_nstring(out, envelope.in_reply_to, style);
  out += ' ';
  append_nstring(out, envelope.message_id, style);
  out += ')';
}

void append_body_structure(std::string& out, const BodyStructure& body, WriteStyle style) {
  out += '(';
  bool multipart = body.type == "MULTIPART" && !body.envelope;
  if (multipart) {
    for (const BodyStructure& child : body.children) append_body_structure(out, child, style);
    if (!body.children.empty()) out += ' ';
    append_string(out, body.subtype, style);
    if (body.extensions >= 1) {
      out += ' ';
      append_parameters(out, body.parameters, style);
    }
  } else {
    append_single_part(out, body, style);
  }
  append_extensions(out, body, style);
  out += ')';
}

}  // namespace eilpost::imap
