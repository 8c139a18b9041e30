#include "mime/wire.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "mime/charset.h"
#include "mime/decode.h"

namespace eilpost::mime {

namespace {

// QUOTED-CHAR of RFC 9051 9: 7-bit characters without CR and LF.
bool fits_quoted(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\r' || c == '\n';
  });
}

void put_number(std::string& out, uint64_t value) {
  out += std::to_string(value);
}

void put_address(std::string& out, const Address& address) {
  out.push_back('(');
  put_nstring(out, address.name);
  out.push_back(' ');
  put_nstring(out, address.route);
  out.push_back(' ');
  put_nstring(out, address.mailbox);
  out.push_back(' ');
  put_nstring(out, address.host);
  out.push_back(')');
}

using Values = std::vector<std::string_view>;

// env-from = "(" 1*address ")" / nil. RFC 5322 4.5.3: the lists of repeated fields are one list.
std::string address_list(const Values& values) {
  std::string out;
  for (const std::string_view value : values) {
    for (const Address& address : parse_addresses(value)) {
      if (out.size() > limits::mime_address_list_bytes_max) break;
      if (out.empty()) out.push_back('(');
      put_address(out, address);
    }
  }
  if (out.empty()) return "NIL";
  return out + ')';
}

// The fields of a header that ENVELOPE names.
enum Slot {
  date,
  subject,
  from,
  sender,
  reply_to,
  to,
  cc,
  bcc,
  in_reply_to,
  message_id,
  slot_count
};
using EnvelopeFields = std::array<Values, slot_count>;

EnvelopeFields envelope_fields(std::string_view header) {
  static constexpr std::array<std::string_view, slot_count> names = {
      "date", "subject", "from", "sender",      "reply-to",
      "to",   "cc",      "bcc",  "in-reply-to", "message-id"};
  EnvelopeFields fields;
  FieldReader reader(header);
  while (const auto field = reader.next()) {
    for (size_t i = 0; i < slot_count; ++i) {
      if (equals_ignoring_case(names[i], field->name)) fields[i].push_back(field->value);
    }
  }
  return fields;
}

// Of repeated fields the last counts: RFC 5322 4.5 leaves it open, and IMAP peers agree on it.
void put_text(std::string& out, const Values& values) {
  if (values.empty()) {
    out += "NIL";
  } else {
    put_string(out, unfold(values.back().substr(0, limits::mime_header_value_bytes_max)));
  }
}

std::string envelope_of(const EnvelopeFields& fields) {
  std::string out = "(";
  put_text(out, fields[date]);
  out.push_back(' ');
  put_text(out, fields[subject]);
  const std::string from_list = address_list(fields[from]);
  const std::string sender_list = address_list(fields[sender]);
  const std::string reply_to_list = address_list(fields[reply_to]);
  out += ' ' + from_list;
  // RFC 9051 7.5.2: absent or empty, these two are From.
  out += ' ' + (sender_list == "NIL" ? from_list : sender_list);
  out += ' ' + (reply_to_list == "NIL" ? from_list : reply_to_list);
  out += ' ' + address_list(fields[to]);
  out += ' ' + address_list(fields[cc]);
  out += ' ' + address_list(fields[bcc]);
  out.push_back(' ');
  put_text(out, fields[in_reply_to]);
  out.push_back(' ');
  put_text(out, fields[message_id]);
  out.push_back(')');
  return out;
}

// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
void put_params(std::string& out, const Params& params) {
  if (params.empty()) {
    out += "NIL";
    return;
  }
  char before = '(';
  for (const Param& p : params) {
    out.push_back(before);
    put_string(out, p.name);
    out.push_back(' ');
    put_string(out, p.value);
    before = ' ';
  }
  out.push_back(')');
}

// body-fld-dsp, body-fld-lang and body-fld-loc, with the space before each.
void put_extension(std::string& out, const Part& part) {
  out.push_back(' ');
  if (part.disposition) {
    out.push_back('(');
    put_string(out, part.disposition->type);
    out.push_back(' ');
    put_params(out, part.disposition->params);
    out.push_back(')');
  } else {
    out += "NIL";
  }
  out.push_back(' ');
  if (part.language.empty()) {
    out += "NIL";
  } else if (part.language.size() == 1) {
    put_string(out, part.language.front());
  } else {
    char before = '(';
    for (const std::string& tag : part.language) {
      out.push_back(before);
      put_string(out, tag);
      before = ' ';
    }
    out.push_back(')');
  }
  out.push_back(' ');
  put_nstring(out, part.location);
}

// media-basic and body-fields: what every part but a multipart begins with.
void put_fields(std::string& out, const Part& part) {
  put_string(out, part.type);
  out.push_back(' ');
  put_string(out, part.subtype);
  out.push_back(' ');
  put_params(out, part.params);
  out.push_back(' ');
  put_nstring(out, part.id);
  out.push_back(' ');
  put_nstring(out, part.description);
  out.push_back(' ');
  put_string(out, part.encoding);
  out.push_back(' ');
  put_number(out, part.body_size);
}

// What stands before a part's children; for a leaf, all of it.
void put_begin(std::string& out, const Message& message, size_t index) {
  const Part& part = message.parts[index];
  out.push_back('(');
  if (part.is_multipart()) return;
  put_fields(out, part);
  if (part.is_message()) {
    out += ' ' + print_envelope(message.parts[index + 1].header) + ' ';
    return;
  }
  if (part.type == "text") {
    out.push_back(' ');
    put_number(out, part.body_lines);
  }
  out.push_back(' ');
  put_nstring(out, part.md5);
  put_extension(out, part);
  out.push_back(')');
}

// What stands behind a part's children.
void put_end(std::string& out, const Part& part) {
  out.push_back(' ');
  if (part.is_multipart()) {
    put_string(out, part.subtype);
    out.push_back(' ');
    put_params(out, part.params);
  } else {
    put_number(out, part.body_lines);
    out.push_back(' ');
    put_nstring(out, part.md5);
  }
  put_extension(out, part);
  out.push_back(')');
}

bool has_children(const Part& part) {
  return part.is_multipart() || part.is_message();
}

}  // namespace

void put_string(std::string& out, std::string_view value) {
  std::string clean;
  if (value.find('\0') != std::string_view::npos) {
    // No IMAP string but a literal8 may have NUL (RFC 9051 4.3).
    std::copy_if(value.begin(), value.end(), std::back_inserter(clean),
                 [](char c) { return c != '\0'; });
    value = clean;
  }
  if (!fits_quoted(value)) {
    out.push_back('{');
    put_number(out, value.size());
    out += "}\r\n";
    out += value;
    return;
  }
  out.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void put_nstring(std::string& out, const std::optional<std::string>& value) {
  if (value) {
    put_string(out, *value);
  } else {
    out += "NIL";
  }
}

std::string print_envelope(std::string_view header) {
  return envelope_of(envelope_fields(header));
}

std::string print_bodystructure(const Message& message) {
  std::string out;
  std::vector<int32_t> open;  // parts whose children are being printed
  for (size_t i = 0; i < message.parts.size(); ++i) {
    while (!open.empty() && open.back() != message.parts[i].parent) {
      put_end(out, message.parts[static_cast<size_t>(open.back())]);
      open.pop_back();
    }
    put_begin(out, message, i);
    if (has_children(message.parts[i])) open.push_back(static_cast<int32_t>(i));
  }
  while (!open.empty()) {
    put_end(out, message.parts[static_cast<size_t>(open.back())]);
    open.pop_back();
  }
  return out;
}

}  // namespace eilpost::mime
