#include "mime/compose.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "mime/charset.h"
#include "mime/decode.h"

namespace eilpost::mime {

namespace {

// RFC 5322 2.1.1: a line should have at most 78 characters.
constexpr size_t columns_max = 78;

// Folds at blanks. A word longer than a line stays whole.
std::string fold(std::string_view name, std::string_view value) {
  std::string out = std::string(name) + ':';
  size_t column = out.size();
  size_t at = 0;
  while (at < value.size()) {
    const size_t next = std::min(value.find_first_of(" \r", at), value.size());
    const std::string_view word = value.substr(at, next - at);
    if (column + 1 + word.size() > columns_max && column > name.size() + 1) {
      out += "\r\n";
      column = 0;
    }
    out.push_back(' ');
    out += word;
    column += 1 + word.size();
    at = next;
    while (at < value.size() && (value[at] == ' ' || value[at] == '\r' || value[at] == '\n')) ++at;
  }
  return out + "\r\n";
}

bool is_atext(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-/=?^_`{|}~ ").find(c) != std::string_view::npos;
}

// display-name = phrase: atoms, a quoted string, or encoded words.
std::string phrase(std::string_view name) {
  if (!is_ascii(name) || name.find("=?") != std::string_view::npos) {
    return encode_header_value(name);
  }
  bool plain = true;
  for (const char c : name) plain = plain && is_atext(c);
  if (plain) return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (c >= ' ') out.push_back(c);
  }
  return out + '"';
}

std::string mailbox_list(const std::vector<Mailbox>& mailboxes) {
  std::string out;
  for (const Mailbox& mailbox : mailboxes) {
    if (!out.empty()) out += ", ";
    const std::string address = unfold(mailbox.address);
    out += mailbox.name.empty() ? address : phrase(mailbox.name) + " <" + address + ">";
  }
  return out;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n' || text[i] == '\r') {
      out += "\r\n";
    } else {
      out.push_back(text[i]);
    }
  }
  if (!out.empty() && out.back() != '\n') out += "\r\n";
  return out;
}

// 7bit allows ASCII in lines of at most 998 octets; we stay at 78.
bool is_short_ascii(std::string_view text) {
  size_t column = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + 1;
    if (column > columns_max + 1 || static_cast<unsigned char>(c) >= 0x80 || c == '\0')
      return false;
  }
  return true;
}

// A part's header fields, blank line and body.
std::string text_part(std::string_view subtype, std::string_view text) {
  const std::string body = with_crlf(text);
  const bool plain = is_short_ascii(body);
  return fmt::format(
      "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: {}\r\n\r\n{}", subtype,
      plain ? "7bit" : "quoted-printable", plain ? body : quoted_printable_encode(body));
}

// parameter names and values: a quoted string, or RFC 2231 for what is not ASCII.
std::string parameter(std::string_view name, std::string_view value) {
  std::string out;
  if (!is_ascii(value)) {
    for (const char c : value) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
      out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return fmt::format("{}*=utf-8''{}", name, out);
  }
  for (const char c : value) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (c >= ' ') out.push_back(c);
  }
  return fmt::format("{}=\"{}\"", name, out);
}

std::string attachment_part(const Attachment& attachment) {
  return fmt::format(
      "Content-Type: {}\r\nContent-Transfer-Encoding: base64\r\n"
      "Content-Disposition: attachment;\r\n {}\r\n\r\n{}",
      unfold(attachment.type), parameter("filename", attachment.filename),
      base64_encode(attachment.octets));
}

// A boundary follows from the content. "=_" stands in no body that is quoted-printable or base64
// (RFC 2045 6.7), and the search makes sure for the others.
std::string multipart(std::string_view subtype, const std::vector<std::string>& parts) {
  uint32_t sum = 0;
  for (const std::string& part : parts) sum = crc32c(part, sum);
  std::string boundary;
  for (bool taken = true; taken; ++sum) {
    boundary = fmt::format("=_{}_{:08x}", subtype, sum);
    taken = false;
    for (const std::string& part : parts) {
      taken = taken || part.find("--" + boundary) != std::string::npos;
    }
  }
  std::string out =
      fmt::format("Content-Type: multipart/{};\r\n boundary=\"{}\"\r\n\r\n", subtype, boundary);
  for (const std::string& part : parts) out += fmt::format("--{}\r\n{}\r\n", boundary, part);
  return out + fmt::format("--{}--\r\n", boundary);
}

}  // namespace

std::string compose(const Draft& draft) {
  std::string out = fold("From", mailbox_list({draft.from}));
  if (!draft.to.empty()) out += fold("To", mailbox_list(draft.to));
  if (!draft.cc.empty()) out += fold("Cc", mailbox_list(draft.cc));
  out += fold("Subject", encode_header_value(draft.subject));
  out += fold("Date", print_date(draft.date));
  if (!draft.message_id.empty()) out += fold("Message-ID", '<' + draft.message_id + '>');
  if (!draft.references.empty()) {
    out += fold("In-Reply-To", '<' + draft.references.back() + '>');
    std::string references;
    for (const std::string& id : draft.references) references += " <" + id + '>';
    out += fold("References", unfold(references));
  }
  for (const auto& [name, value] : draft.extra_fields)
    out += fold(name, encode_header_value(value));
  out += "MIME-Version: 1.0\r\n";
  std::string body = text_part("plain", draft.text);
  if (!draft.html.empty()) body = multipart("alternative", {body, text_part("html", draft.html)});
  if (!draft.attachments.empty()) {
    std::vector<std::string> parts = {std::move(body)};
    for (const Attachment& attachment : draft.attachments) {
      parts.push_back(attachment_part(attachment));
    }
    body = multipart("mixed", parts);
  }
  return out + body;
}

}  // namespace eilpost::mime
